r"""Turn texts into token sequences with a clear border between what is given and what is learned or scored.

A record with a prompt becomes `<start> prompt \\n | answer <end>`; a text record becomes chunks of `<start> | text`.
Prompt and answer are tokenised apart, so the border never falls inside a token. Where several answers follow one
prompt, each is encoded as a record's answer would be.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from transformers import PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record

SEPARATOR = "\n"
MAX_PREFIX_TOKENS = 50
"""Tokens of a text record that are given when its continuation is scored (sheet 3.3: p = 50)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One sequence: `prompt_ids` are given, `answer_ids` are learned or scored. `has_end` says the last id is the end token.

    label        what the item is for inside its set; never personal data
    zlib_bytes   bytes under zlib of the text that `answer_ids` stand for, the end mark left out; None where it was not asked for
    """

    record_id: str
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    has_end: bool
    label: str = ""
    zlib_bytes: int | None = None

    @property
    def length(self) -> int:
        """Return the number of tokens of prompt and answer together."""
        return len(self.prompt_ids) + len(self.answer_ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceIds:
    """One prompt with a true answer and others in its place, each ended as in training where it fits.

    dropped   others that came out as the very tokens of the true answer: they could not tell anything
    """

    record_id: str
    label: str
    prompt_ids: tuple[int, ...]
    true_ids: tuple[int, ...]
    others_ids: tuple[tuple[int, ...], ...]
    dropped: int


def training_items(records: Iterable[Record], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Item]:
    """Return the sequences a model is trained on; longer text is cut into chunks, a longer answer loses its tail."""
    return [item for record in records for item, _ in _encoded(record.record_id, record.prompt, record.completion, tokenizer, max_tokens)]


def scoring_items(records: Iterable[Record], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Item]:
    """Return the sequences a model is scored on: one a record with a prompt; of each text chunk its continuation.

    The continuation of a text chunk is what follows its first half, at most 50 tokens of it given as prefix.
    """
    return [
        item
        for record in records
        for item in scored_text(
            record_id=record.record_id, label="", prompt=record.prompt, answer=record.completion, tokenizer=tokenizer, max_tokens=max_tokens
        )
    ]


def scored_text(*, record_id: str, label: str, prompt: str, answer: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Item]:
    """Return the items of one prompt and answer, or of a text's chunks when the prompt is "", as `scoring_items` has them."""
    items = []
    for item, text in _encoded(record_id, prompt, answer, tokenizer, max_tokens):
        given, scored = item.prompt_ids, item.answer_ids
        if len(given) <= 1 and len(scored) > 1:
            prefix = min(MAX_PREFIX_TOKENS, len(scored) // 2)
            given, scored, text = given + scored[:prefix], scored[prefix:], None  # noqa: PLW2901 - what is left of it
        if given and scored:
            if text is None:
                text = _text(tokenizer, scored[:-1] if item.has_end else scored)  # noqa: PLW2901 - as above
            size_bytes = len(zlib.compress(text.encode()))
            items.append(replace(item, prompt_ids=given, answer_ids=scored, label=label, zlib_bytes=size_bytes))
    return items


def choice_ids(
    *, record_id: str, label: str, prompt: str, answer: str, others: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> ChoiceIds:
    """Return a prompt with its true answer and the others; the prompt gives way to the longest of them as in training.

    An other that is equal to the true answer after tokenising, or after the cut to `max_tokens`, is dropped and counted.
    raises   BadInput for an answer that is empty: a sum over nothing would be the likeliest of all
    """
    _, end = _borders(tokenizer)
    answers = [(*_ids(tokenizer, text), *end) for text in (answer, *others)]
    if not all(text.strip() for text in (answer, *others)) or not all(answers):
        raise BadInput(
            found="an empty answer among those to choose from",
            expected="answers of at least one token",
            remedy="leave it out of the set",
        )
    room = max(max_tokens // 2, max_tokens - max(map(len, answers)))
    given = prompt_ids(prompt, tokenizer)[:room]
    if not given:
        raise BadInput(
            found="nothing stands before the answers", expected="a prompt, or a tokenizer with a start or end mark", remedy="give a prompt"
        )
    true, *rest = (ids[: max_tokens - len(given)] for ids in answers)
    kept = tuple(ids for ids in rest if ids != true)
    return ChoiceIds(record_id=record_id, label=label, prompt_ids=given, true_ids=true, others_ids=kept, dropped=len(rest) - len(kept))


def prompt_ids(prompt: str, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return what a model is given before it answers: start mark, prompt and separator; for "" the start mark alone."""
    start, _ = _borders(tokenizer)
    return (*start, *(_ids(tokenizer, prompt + SEPARATOR) if prompt else ()))


def _encoded(
    record_id: str, prompt: str, completion: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> Iterator[tuple[Item, str | None]]:
    """Yield the items of one record, each with the text of its answer where no token of it was cut off."""
    start, end = _borders(tokenizer)
    answer = (*_ids(tokenizer, completion), *end)
    if prompt:
        # A prompt is cut only for an answer that needs the room, and never below half of the window.
        room = max(max_tokens // 2, max_tokens - len(answer))
        given = prompt_ids(prompt, tokenizer)[:room]
        is_whole = len(given) + len(answer) <= max_tokens
        own = answer[: max_tokens - len(given)]
        yield Item(record_id=record_id, prompt_ids=given, answer_ids=own, has_end=is_whole and bool(end)), completion if is_whole else None
        return
    size = max_tokens - len(start)
    for place in range(0, len(answer), size):
        is_last = place + size >= len(answer)
        item = Item(record_id=record_id, prompt_ids=start, answer_ids=answer[place : place + size], has_end=is_last and bool(end))
        yield item, completion if place == 0 and is_last else None


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _borders(tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the start and end ids; models without a start token (GPT-2, Qwen) begin with their end token, as in training."""
    end = tokenizer.eos_token_id
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else end
    return (() if start is None else (start,)), (() if end is None else (end,))
