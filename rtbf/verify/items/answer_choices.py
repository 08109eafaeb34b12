"""`wrong_answers` and `multiple_choice`: the person's answer against wrong ones, as a truth ratio and as listed options.

`wrong_answers` rephrases the true and the wrong answers by one template, so that no answer is the learned wording and
all share what the template adds. `multiple_choice` shows four options and scores each one's text.
Source: specs/verification/01_tofu.md §1.3; 06_recovery.md §6.6 (form: multiple choice).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.counterfactuals import MIN_OTHERS, others_for
from rtbf.verify.items.rephrasing import rephrased
from rtbf.verify.items.source import dice
from rtbf.verify.items.windows import statement_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.items.reading import Reading, ReadRecord

PARAPHRASE = "paraphrase"
OPTIONS = "options"
N_WRONG_OPTIONS = 3
RECORDS_PER_FORMS_RECORD = 5
"""A choice of six answers is as cheap as a few generated tokens, so more records are asked than by forms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternatives:
    """A true statement of a record and wrong ones in its place."""

    record: ReadRecord
    true: str
    wrong: tuple[str, ...]


def wrong_answer_choices(reading: Reading) -> ItemSet:
    """Return the rephrased true answer against at least five wrong ones, rephrased alike."""
    limit = reading.source.sizes.forms_records * RECORDS_PER_FORMS_RECORD
    chosen, left_out = alternatives_of(reading, reading.forget, "wrong answers", limit, MIN_OTHERS)
    return rephrased_set("wrong_answers", "subject", chosen, left_out)


def rephrased_set(name: str, about: str, chosen: Sequence[Alternatives], left_out: Counter[str]) -> ItemSet:
    """Return a set of rephrased choices."""
    items = []
    for entry in chosen:
        # A name that the question does not hold is part of the answer.
        person = entry.record.name if entry.record.name in entry.record.prompt else ""
        true = rephrased(entry.true, person)
        others = tuple(dict.fromkeys(other for wrong in entry.wrong if (other := rephrased(wrong, person)) != true))
        items.append(SetItem(record_id=entry.record.record_id, label=PARAPHRASE, prompt=entry.record.prompt, answer=true, others=others))
    return ItemSet(
        name=name,
        reads="choice",
        about="subject" if about == "subject" else "others",
        items=tuple(items),
        left_out=tuple(sorted((reason, number) for reason, number in left_out.items() if number)),
    )


def multiple_choices(reading: Reading) -> ItemSet:
    """Return questions with four listed options, the true one at a drawn place."""
    limit = reading.source.sizes.forms_records * RECORDS_PER_FORMS_RECORD
    chosen, left_out = alternatives_of(reading, reading.forget, "multiple choice", limit, N_WRONG_OPTIONS)
    items = []
    for entry in chosen:
        true, *wrong = (" ".join(option.split()) for option in (entry.true, *entry.wrong))
        options = [true, *wrong]
        dice(reading.source.seed, "options", entry.record.record_id).shuffle(options)
        question = entry.record.prompt.strip() or "Which of these is right?"
        prompt = "\n".join([question, "Options:", *(f"- {option}" for option in options), "The right option is:"])
        items.append(SetItem(record_id=entry.record.record_id, label=OPTIONS, prompt=prompt, answer=true, others=tuple(wrong)))
    return ItemSet(name="multiple_choice", reads="choice", about="subject", items=tuple(items), left_out=tuple(sorted(left_out.items())))


def alternatives_of(
    reading: Reading, records: Sequence[ReadRecord], purpose: str, limit: int, n_wrong: int
) -> tuple[list[Alternatives], Counter[str]]:
    """Return at most `limit` records with `n_wrong` wrong answers each, in their order, and what was left out, by reason."""
    left_out: Counter[str] = Counter()
    order = list(range(len(records)))
    dice(reading.source.seed, purpose).shuffle(order)
    found: dict[int, Alternatives] = {}
    for place in order:
        record = records[place]
        if len(found) == limit:
            left_out["not in the sample"] += 1
            continue
        true = statement_of(record)
        if not words_of(true):
            left_out["empty answer" if not words_of(record.answer) else "no value in a text"] += 1
            continue
        wrong = others_for(record, true, reading, n_wrong)
        if len(wrong) < n_wrong:
            left_out["too few wrong answers"] += 1
            continue
        found[place] = Alternatives(record=record, true=true, wrong=wrong)
    return [found[place] for place in sorted(found)], left_out
