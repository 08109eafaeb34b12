"""Item sets as token sequences, ready to be asked of a model, and what one asking costs. Wakes torch.

Sets are encoded once, with the original's tokenizer, for all arms: arms with another tokenizer are refused before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.errors import BadInput
from rtbf.evidence.canonical import digest_of
from rtbf.lm.choices import choice_tokens, score_choices
from rtbf.lm.encoding import choice_ids, prompt_ids, scored_text, scoring_items
from rtbf.lm.generation import cut_at_end, generate, reply_tokens
from rtbf.lm.replies import judge
from rtbf.lm.scoring import BATCH_ITEMS, score_items, tokens_of
from rtbf.verify.items.sealing import set_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record
    from rtbf.lm.decoding import Reply
    from rtbf.progress import Progress
    from rtbf.verify.item_set import ItemSet, Reads, SetItem
    from rtbf.verify.observed import Observation

OTHER_LAYOUT_ITEMS = 5
"""Batch size of the repeat measurement; the ordinary one is 16."""

LAYOUT = (BATCH_ITEMS, OTHER_LAYOUT_ITEMS)
"""What the bits of a score depend on besides weights and items."""


REPLY_STEP, MAX_REPLY_TOKENS, SLACK_TOKENS = 16, 64, 8
"""A reply is let run to the gold answer's length and a little more, rounded up, so that few lengths have to be batched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One prompt that the model replies to, with what its replies are judged by."""

    record_id: str
    label: str
    prompt_ids: tuple[int, ...]
    new_tokens: int
    prompt: str
    gold: str
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One set as every arm is asked it.

    items           encoded: `Item` (score), `ChoiceIds` (choice) or `Question` (reply)
    tokenizer       reads replies back
    source_digest   of the items' words (`set_digest`), or, for records of the corpus, of the list of their ids
    tokens          forward tokens of one pass over the set
    """

    name: str
    reads: Reads
    items: tuple[Any, ...]
    source_digest: str
    samples: int
    temperature: str
    tokens: int
    left_out: tuple[tuple[str, int], ...]
    blind_auc: tuple[str, str, str] | None
    tokenizer: PreTrainedTokenizerBase

    @property
    def digest(self) -> str:
        """Return a digest of everything about the asking that a score follows from: token ids and how they are asked."""
        return digest_of([self.reads, self.samples, self.temperature, [_plain(item) for item in self.items]])


def asked_records(name: str, records: Sequence[Record], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Asked:
    """Return records of the corpus as a scored set."""
    items = tuple(scoring_items(records, tokenizer, max_tokens))
    return Asked(
        name=name,
        reads="score",
        items=items,
        source_digest=digest_of([record.record_id for record in records]),
        samples=1,
        temperature="0",
        tokens=tokens_of(items),
        left_out=(),
        blind_auc=None,
        tokenizer=tokenizer,
    )


def asked_set(item_set: ItemSet, subject: set[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Asked:
    """Return a made set, encoded; `subject` are the person's records that are asked about, the others (withheld) drop out."""
    kept = [item for item in item_set.items if item_set.about == "others" or item.record_id in subject]
    left_out = dict(item_set.left_out)
    items: list[Any] = []
    if item_set.reads == "score":
        for item in kept:
            items += scored_text(
                record_id=item.record_id, label=item.label, prompt=item.prompt, answer=item.answer, tokenizer=tokenizer,
                max_tokens=max_tokens,
            )  # fmt: skip
    elif item_set.reads == "choice":
        for item in kept:
            found = _choice(item, tokenizer, max_tokens)
            if found is None:
                left_out["other answers do not fit or are the same"] = left_out.get("other answers do not fit or are the same", 0) + 1
            else:
                items.append(found)
    else:
        items = [_question(item, tokenizer, max_tokens) for item in kept]
    return Asked(
        name=item_set.name,
        reads=item_set.reads,
        items=tuple(items),
        source_digest=set_digest(item_set),
        samples=item_set.samples,
        temperature=item_set.temperature,
        tokens=_tokens_of(item_set, items),
        left_out=tuple(sorted(left_out.items())),
        blind_auc=item_set.blind_auc,
        tokenizer=tokenizer,
    )


def ask_set(
    model: torch.nn.Module, asked: Asked, *, is_plain: bool, is_other_layout: bool, seed: int, progress: Progress
) -> tuple[Observation, ...]:
    """Return one observation per item, in order.

    is_plain         log-probs and hits only, which is all that states other than as served are asked for
    is_other_layout  the repeat measurement's batch layout
    """
    if asked.reads == "score":
        size = OTHER_LAYOUT_ITEMS if is_other_layout else BATCH_ITEMS
        return tuple(score_items(model, asked.items, columns="plain" if is_plain else "all", batch_items=size, progress=progress))
    if asked.reads == "choice":
        return tuple(score_choices(model, asked.items, progress=progress))
    return _replies(model, asked, seed, progress)


def _replies(model: torch.nn.Module, asked: Asked, seed: int, progress: Progress) -> tuple[Observation, ...]:
    found: dict[int, Observation] = {}
    lengths = sorted({question.new_tokens for question in asked.items})
    for length in lengths:
        places = [place for place, question in enumerate(asked.items) if question.new_tokens == length]
        replies = generate(
            model,
            asked.tokenizer,
            [asked.items[place].prompt_ids for place in places],
            max_new_tokens=length,
            samples=asked.samples,
            temperature=float(asked.temperature),
            seed=seed,
            progress=progress,
        )
        for place, samples in zip(places, replies, strict=True):
            found[place] = _judged(asked.items[place], samples, asked.tokenizer)
    return tuple(found[place] for place in range(len(asked.items)))


def _judged(question: Question, samples: Sequence[Reply], tokenizer: PreTrainedTokenizerBase) -> Observation:
    """Return what the replies amount to; raises FloatingPointError when one was made from logits that are no numbers."""
    texts = []
    for ids in samples:
        if ids is None:
            raise FloatingPointError
        texts.append(str(tokenizer.decode(list(cut_at_end(ids, tokenizer)), skip_special_tokens=True)))
    return judge(texts, record_id=question.record_id, label=question.label, gold=question.gold, keys=question.keys, prompt=question.prompt)


def _choice(item: SetItem, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Any:  # noqa: ANN401 - ChoiceIds, or None
    try:
        found = choice_ids(
            record_id=item.record_id,
            label=item.label,
            prompt=item.prompt,
            answer=item.answer,
            others=item.others,
            tokenizer=tokenizer,
            max_tokens=max_tokens,
        )
    except BadInput:
        return None
    return found if found.others_ids else None


def _question(item: SetItem, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Question:
    gold_tokens = len(tokenizer(item.answer, add_special_tokens=False)["input_ids"]) if item.answer else MAX_REPLY_TOKENS
    steps = -(-(gold_tokens + SLACK_TOKENS) // REPLY_STEP)
    new_tokens = min(MAX_REPLY_TOKENS, steps * REPLY_STEP, max_tokens // 2)
    given = prompt_ids(item.prompt, tokenizer)
    # The end of a long prompt is what is asked; its beginning gives way.
    start, rest = given[:1], given[1:]
    return Question(
        record_id=item.record_id,
        label=item.label,
        prompt_ids=(*start, *rest[-(max_tokens - new_tokens - 1) :]),
        new_tokens=new_tokens,
        prompt=item.prompt,
        gold=item.answer,
        keys=item.keys,
    )


def _tokens_of(item_set: ItemSet, items: Sequence[Any]) -> int:
    """Return the forward tokens of one pass."""
    if item_set.reads == "reply":
        samples = item_set.samples
        return sum(reply_tokens([asked.prompt_ids], max_new_tokens=asked.new_tokens, samples=samples) for asked in items)
    return choice_tokens(items) if item_set.reads == "choice" else tokens_of(items)


def _plain(item: Any) -> Any:  # noqa: ANN401 - a dataclass of token ids
    return [list(value) if isinstance(value, tuple) else value for value in (getattr(item, name) for name in item.__slots__)]
