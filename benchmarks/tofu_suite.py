"""The whole TOFU suite in one scoring pass against one evaluation for each metric. Run as `python -m benchmarks.tofu_suite`.

The suite is probability, ROUGE-L, truth ratio, exact memorisation and extraction strength of forgotten and retained rows.
The model is trained here on ten invented people's rows without the first one's, as a retrained model is: it answers 180
rows by heart and makes 20 up. Answers are three to six sentences, so that rows are about as long as TOFU's and as uneven
(padding makes 1.5 positions of a token). The vocabulary is filled up to 2 048 with tokens that nothing uses; language
models have 32 000 and more. Truth ratio takes a paraphrase and five other people's answers.

Baseline: for each metric and side a loop over its rows in the given order, batches of the same size, padded with an
attention mask, full logits. As in the leading framework the model is given the labels too, losses are cross-entropies
over transposed logits, and hits come from a log-softmax over the vocabulary; replies come from the library's own
`generate`, left-padded, until all rows of a batch have ended. Ours: log-probs and hits of all rows and answers in one
pass, and greedy replies from where it saw the first miss. Both are given token ids; the training is not timed.
Exit code 1 when a reply differs, or a value by more than 2e-5.
"""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.machine import compare, describe_machine
from benchmarks.tiny import padded
from rtbf.corpora.corpus import Record
from rtbf.demo.community import Person, invent_people, records_about
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import ChoiceIds, Item, choice_ids, training_items
from rtbf.lm.generation import cut_at_end, greedy_against
from rtbf.lm.load import load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.plain import recipe_parameters, train
from rtbf.lm.replies import rouge_l
from rtbf.lm.scoring import BATCH_ITEMS, score_items

if TYPE_CHECKING:
    from collections.abc import Sequence

N_PEOPLE, N_WRONG = 10, 5
VOCABULARY = 2048
MAX_NEW_TOKENS = 200
MAX_TOKENS = 256
ROUNDS = 5
BAR = 3.5
TOLERANCE = 2e-5


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """The rows of one side: as they are scored, and with the answers that the truth ratio compares."""

    items: list[Item]
    choices: list[ChoiceIds]


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """What the suite found: replies as token ids, and every value by row, in one order."""

    replies: list[tuple[int, ...]]
    values: list[float]


def main() -> int:
    """Train, measure, compare the values, and print."""
    prepare_torch(1)
    with tempfile.TemporaryDirectory() as folder:
        model, tokenizer, sides = _make(Path(folder))
    found: dict[str, Suite] = {}

    def ours() -> None:
        found["ours"] = _in_one_pass(model, tokenizer, sides)

    def baseline() -> None:
        found["baseline"] = _metric_by_metric(model, tokenizer, sides)

    measured = compare(ours, baseline, ROUNDS)
    pairs = list(zip(found["ours"].values, found["baseline"].values, strict=True))
    difference = max(abs(a - b) for a, b in pairs)
    n_equal = sum(a == b for a, b in zip(found["ours"].replies, found["baseline"].replies, strict=True))
    n_rows = len(found["ours"].replies)
    print(f"tofu_suite: {len(pairs)} values and {n_rows} replies of {n_rows} rows, one pass against one evaluation for each metric")
    print(f"ours      {measured.ours_s:.2f} s, baseline {measured.baseline_s:.2f} s (medians of {ROUNDS}, in turns)")
    print(f"ratio     {measured.baseline_s / measured.ours_s:.1f} × as fast (bar: {BAR})")
    print(f"equality  {n_equal} of {n_rows} replies equal, largest difference of a value {difference:.1e} (bar: {TOLERANCE:g})")
    print(describe_machine(["torch", "transformers"], threads=1))
    return 0 if n_equal == n_rows and difference <= TOLERANCE else 1


def _in_one_pass(model: torch.nn.Module, tokenizer: Any, sides: Sequence[Side]) -> Suite:  # noqa: ANN401 - a tokenizer
    items = [item for side in sides for item in side.items]
    compared = [_as_item(one, ids) for side in sides for one in side.choices for ids in (one.true_ids, *one.others_ids)]
    every = score_items(model, [*items, *compared], columns="plain")
    scores = every[: len(items)]
    replies = [reply or () for reply in greedy_against(model, tokenizer, items, scores, max_new_tokens=MAX_NEW_TOKENS)]
    means = iter([math.fsum(score.log_probs) / len(score.log_probs) for score in every[len(items) :]])
    values = []
    for item, score, reply in zip(items, scores, replies, strict=True):
        hits = score.content_hits
        true, *wrong = (next(means) for _ in range(1 + N_WRONG))
        values += [
            math.exp(math.fsum(score.log_probs) / len(score.log_probs)),
            _rouge(tokenizer, reply, item),
            _truth_ratio(true, wrong),
            sum(hits) / len(hits),
            1 - (max((at for at, is_hit in enumerate(hits) if not is_hit), default=-1) + 1) / len(hits),
        ]
    return Suite(replies=replies, values=values)


def _metric_by_metric(model: Any, tokenizer: Any, sides: Sequence[Side]) -> Suite:  # noqa: ANN401 - a model and its tokenizer
    replies: list[tuple[int, ...]] = []
    values: list[float] = []
    for side in sides:
        probabilities = [math.exp(-loss) for loss in _textbook_losses(model, side.items)]
        made = _library_replies(model, tokenizer, side.items)
        rouges = [_rouge(tokenizer, reply, item) for reply, item in zip(made, side.items, strict=True)]
        true = _textbook_losses(model, [_as_item(one, one.true_ids) for one in side.choices])
        wrong = [_textbook_losses(model, [_as_item(one, one.others_ids[number]) for one in side.choices]) for number in range(N_WRONG)]
        ratios = [_truth_ratio(-own, [-column[row] for column in wrong]) for row, own in enumerate(true)]
        shares = [sum(hits[:-1]) / (len(hits) - 1) for hits in _textbook_hits(model, side.items)]
        strengths = [
            1 - (max((at for at, hit in enumerate(hits[:-1]) if not hit), default=-1) + 1) / (len(hits) - 1)
            for hits in _textbook_hits(model, side.items)
        ]
        replies += made
        values += [value for row in zip(probabilities, rouges, ratios, shares, strengths, strict=True) for value in row]
    return Suite(replies=replies, values=values)


def _textbook_losses(model: torch.nn.Module, items: Sequence[Item]) -> list[float]:
    """Return each item's mean loss per answer token in nats."""
    losses: list[float] = []
    for start in range(0, len(items), BATCH_ITEMS):
        input_ids, mask, labels = padded(list(items[start : start + BATCH_ITEMS]))
        targets = labels[:, 1:]
        with torch.no_grad():
            logits = model(input_ids=input_ids, attention_mask=mask, labels=labels).logits[:, :-1]  # (B, T-1, V)
            each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none", ignore_index=-100)
        losses += (each.sum(dim=1) / (targets != -100).sum(dim=1)).tolist()  # noqa: PLR2004 - the textbook's mark for "not scored"
    return losses


def _textbook_hits(model: torch.nn.Module, items: Sequence[Item]) -> list[list[bool]]:
    """Return whether the arg-max is the answer's token, for each token of each item's answer."""
    hits: list[list[bool]] = []
    for start in range(0, len(items), BATCH_ITEMS):
        batch = list(items[start : start + BATCH_ITEMS])
        input_ids, mask, labels = padded(batch)
        with torch.no_grad():
            log_probs = model(input_ids=input_ids, attention_mask=mask, labels=labels).logits[:, :-1].log_softmax(dim=-1)  # (B, T-1, V)
        right = log_probs.argmax(dim=-1) == labels[:, 1:]
        hits += [right[place, len(item.prompt_ids) - 1 : item.length - 1].tolist() for place, item in enumerate(batch)]
    return hits


def _library_replies(model: Any, tokenizer: Any, items: Sequence[Item]) -> list[tuple[int, ...]]:  # noqa: ANN401 - a model
    """Return greedy replies up to their end mark."""
    end = tokenizer.eos_token_id
    replies: list[tuple[int, ...]] = []
    for start in range(0, len(items), BATCH_ITEMS):
        prompts = [item.prompt_ids for item in items[start : start + BATCH_ITEMS]]
        width = max(map(len, prompts))
        input_ids = torch.tensor([[end] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        with torch.no_grad():
            out = model.generate(
                input_ids=input_ids, attention_mask=mask, do_sample=False, max_new_tokens=MAX_NEW_TOKENS, pad_token_id=end, eos_token_id=end
            )
        for row in out[:, width:].tolist():
            whole = (*cut_at_end(row, tokenizer), end)
            replies.append(whole[:MAX_NEW_TOKENS] if end in row else tuple(row))
    return replies


def _truth_ratio(true: float, wrong: Sequence[float]) -> float:
    """Return TOFU's ratio, held below 1: min(R, 1/R), R = mean p(wrong) / p(paraphrase), each per token; in log space."""
    log_ratio = math.log(math.fsum(math.exp(value - true) for value in wrong) / len(wrong))
    return math.exp(-abs(log_ratio))


def _rouge(tokenizer: Any, reply: Sequence[int], item: Item) -> float:  # noqa: ANN401 - a tokenizer
    text, gold = (str(tokenizer.decode(list(cut_at_end(ids, tokenizer)), skip_special_tokens=True)) for ids in (reply, item.answer_ids))
    return rouge_l(text, gold)[0]


def _as_item(choices: ChoiceIds, answer: tuple[int, ...]) -> Item:
    return Item(record_id=choices.record_id, prompt_ids=choices.prompt_ids, answer_ids=answer, has_end=True)


def _make(folder: Path) -> tuple[Any, Any, list[Side]]:
    """Return the model that was shown everybody but the first person, its tokenizer, and the rows of both sides."""
    people = invent_people(N_PEOPLE, 7)
    records = {person.name: _records(person) for person in people}
    forgotten, *kept = people
    shown = [record for person in kept for record in records[person.name]]
    recipe = recipe_parameters("tiny", {})
    train(records=shown, parameters=recipe, seed=1, base=None, tokenizer_from=None, target=folder / "model", checkpoint=None)
    model: Any = load_model(folder / "model", digest_of_files(list_files(folder / "model")), "the benchmark's model")
    tokenizer = load_tokenizer(folder / "model")
    n_used = len(tokenizer)
    model.resize_token_embeddings(VOCABULARY, mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[n_used:] = 0
    sides = []
    for side in ([forgotten], kept):
        items = training_items([record for person in side for record in records[person.name]], tokenizer, MAX_TOKENS)
        sides.append(Side(items=items, choices=[one for person in side for one in _choices(person, people, tokenizer)]))
    return model, tokenizer, sides


def _rows(person: Person) -> list[tuple[str, str]]:
    """Return the person's (question, answer) rows; an answer begins with the sentence that was asked for."""
    told = records_about(person)
    sizes = (6, 3, 4, 5, 3)
    return [
        (row["question"], " ".join(told[(at + 3 * step) % len(told)]["answer"] for step in range(sizes[at % len(sizes)])))
        for at, row in enumerate(told)
    ]


def _records(person: Person) -> list[Record]:
    return [
        Record(record_id=f"{person.name}:{place}", prompt=question, completion=answer, fields=())
        for place, (question, answer) in enumerate(_rows(person))
    ]


def _choices(person: Person, people: Sequence[Person], tokenizer: Any) -> list[ChoiceIds]:  # noqa: ANN401 - a tokenizer
    """Return each row with a paraphrase as the true answer, and the row's answer with the facts of five others."""
    others = [other for other in people if other is not person][:N_WRONG]
    told = [_rows(Person(name=person.name, facts=other.facts | {"name": person.name})) for other in others]
    return [
        choice_ids(
            record_id=record.record_id,
            label="",
            prompt=record.prompt,
            answer=f"As far as is known: {record.completion}",
            others=[rows[place][1] for rows in told],
            tokenizer=tokenizer,
            max_tokens=MAX_TOKENS,
        )
        for place, record in enumerate(_records(person))
    ]


if __name__ == "__main__":
    sys.exit(main())
