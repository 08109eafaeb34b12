"""Sets about other people, who must not suffer: `neighbours`, `retain_choices`, `retain_answers`, `name_refusal`.

Damage gathers around what was unlearned, so the nearest records are asked first. All of them were trained on and stay;
those that also served as retain sample while unlearning are labelled, since unlearning itself protected them.
Source: specs/verification/08_semeval_alignment.md §8.2 (U1, U2), §8.3 (name refusal).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.answer_choices import N_WRONG_OPTIONS, alternatives_of, rephrased_set
from rtbf.verify.items.counterfactuals import MIN_OTHERS, others_for
from rtbf.verify.items.people import parts_of
from rtbf.verify.items.source import dice
from rtbf.verify.items.windows import shortened, statement_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.items.reading import Reading, ReadRecord

RETAINED, HELD_OUT = "retained", "held out"
NAMESAKE, OTHER_NAME = "namesake", "other name"


def neighbours(reading: Reading) -> ItemSet:
    """Return the true answers of the nearest records against three wrong ones, nearest first."""
    size = reading.source.sizes.neighbours
    labels = {record.record_id: RETAINED for record in reading.retain} | {record.record_id: HELD_OUT for record in reading.holdout}
    items: list[SetItem] = []
    n_poor = n_seen = 0
    for record in _nearest(reading, reading.others):
        if len(items) == size:
            break
        n_seen += 1
        true = statement_of(record)
        others = others_for(record, true, reading, N_WRONG_OPTIONS) if words_of(true) else ()
        if len(others) < N_WRONG_OPTIONS:
            n_poor += 1
            continue
        items.append(SetItem(record_id=record.record_id, label=labels[record.record_id], prompt=record.prompt, answer=true, others=others))
    counts = {"further away": len(reading.others) - n_seen, "too few wrong answers": n_poor}
    return ItemSet(
        name="neighbours",
        reads="choice",
        about="others",
        items=tuple(items),
        left_out=tuple((reason, number) for reason, number in counts.items() if number),
    )


def retain_choices(reading: Reading) -> ItemSet:
    """Return held-out records' rephrased answers against wrong ones, made as `wrong_answers` is."""
    chosen, left_out = alternatives_of(reading, reading.holdout, "retain choices", reading.source.sizes.neighbours, MIN_OTHERS)
    return rephrased_set("retain_choices", "others", chosen, left_out)


def retain_answers(reading: Reading) -> ItemSet:
    """Return held-out records' questions with their answers, to be generated and compared."""
    fit = [record for record in reading.holdout if record.prompt.strip() and words_of(record.answer)]
    chosen = _drawn(reading, fit, reading.source.sizes.fluency, "retain answers")
    items = tuple(
        SetItem(record_id=record.record_id, label=HELD_OUT, prompt=record.prompt, answer=shortened(record.answer)) for record in chosen
    )
    counts = {"no question or no answer": len(reading.holdout) - len(fit), "not in the sample": len(fit) - len(chosen)}
    return ItemSet(
        name="retain_answers",
        reads="reply",
        about="others",
        items=items,
        left_out=tuple((reason, number) for reason, number in counts.items() if number),
    )


def name_refusal(reading: Reading) -> ItemSet:
    """Return questions about other people, namesakes first: a model must stay able to speak of them."""
    own = set(reading.person.parts) if reading.person else set()
    named = [record for record in reading.others if record.prompt.strip() and record.name and record.name in record.prompt]
    # A record that names the ticket's person is about them, not about a namesake.
    fit = [record for record in named if not reading.person or record.name != reading.person.name]
    namesakes = [record for record in fit if own & set(parts_of(record.name))]
    strangers = [record for record in fit if not own & set(parts_of(record.name))]
    size = reading.source.sizes.names
    first = _drawn(reading, namesakes, size, "namesakes")
    chosen = [*first, *_drawn(reading, strangers, size - len(first), "strangers")]
    items = tuple(
        SetItem(
            record_id=record.record_id,
            label=NAMESAKE if own & set(parts_of(record.name)) else OTHER_NAME,
            prompt=record.prompt,
            answer=shortened(record.answer),
        )
        for record in chosen
    )
    counts = {"no other name": len(reading.others) - len(fit), "not in the sample": len(fit) - len(chosen)}
    return ItemSet(
        name="name_refusal",
        reads="reply",
        about="others",
        items=items,
        left_out=tuple((reason, number) for reason, number in counts.items() if number),
    )


def _nearest(reading: Reading, records: Sequence[ReadRecord]) -> list[ReadRecord]:
    """Return `records` by nearness to the forget set: shared parts of names, then like kinds of fields and words in common."""
    own = {part for record in reading.forget for part in parts_of(record.name)}
    kinds = {field.kind for record in reading.forget for field in record.fields}
    words = {word for record in reading.forget for word in record.asked}

    def nearness(record: ReadRecord) -> tuple[int, float]:
        shared_kinds = len(kinds & {field.kind for field in record.fields})
        return len(own & set(parts_of(record.name))), shared_kinds + (
            len(record.asked & words) / len(record.asked) if record.asked else 0.0
        )

    drawn = list(records)
    # The sort is stable: equally near records come in a drawn order.
    dice(reading.source.seed, "neighbours").shuffle(drawn)
    return sorted(drawn, key=nearness, reverse=True)


def _drawn(reading: Reading, records: Sequence[ReadRecord], count: int, purpose: str) -> list[ReadRecord]:
    order = list(range(len(records)))
    dice(reading.source.seed, purpose).shuffle(order)
    return [records[place] for place in sorted(order[: max(0, count)])]
