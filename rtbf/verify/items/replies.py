"""`sampling`, `sampling_cool`, `in_context`: the questions as learned, answered many times, and with the fact at hand.

`in_context` gives the fact in the prompt, so its prompts hold their keys, here only: it shows that a model can still use
what it is told (no model is expected to refuse), and it never decides.
Source: specs/verification/06_recovery.md §6.7 (re-introduction in context), §6.8 (sampling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.forms import CONTINUE, question_of
from rtbf.verify.items.keys import Asked, ask_all, holds_key, sample
from rtbf.verify.items.windows import shortened

if TYPE_CHECKING:
    from rtbf.verify.items.reading import Reading

AS_LEARNED = "qa"
IN_CONTEXT = "context"


def sampling(reading: Reading) -> ItemSet:
    """Return the questions whose replies are sampled at temperature 1."""
    return _sampled(reading, "sampling", "1.0")


def sampling_cool(reading: Reading) -> ItemSet:
    """Return the same questions, sampled at temperature 0.7."""
    return _sampled(reading, "sampling_cool", "0.7")


def in_context(reading: Reading) -> ItemSet:
    """Return questions behind the text that answers them."""
    asked, left_out = ask_all(reading.forget)
    chosen, n_unasked = sample(reading, asked, reading.source.sizes.forms_records, "in context")
    left_out["not in the sample"] += n_unasked
    items = []
    for entry in chosen:
        # A long answer is shortened, and with it what the context tells.
        told = f"{entry.prompt} {entry.gold}" if entry.is_text else shortened(entry.gold)
        keys = tuple(key for key in entry.keys if holds_key(told, [key]))
        if not keys:
            left_out["key beyond the context"] += 1
            continue
        asks = f"{entry.prompt} …" if entry.is_text else question_of(entry)
        prompt = f"Context: {told}\nQuestion: {asks}"
        items.append(SetItem(record_id=entry.record.record_id, label=IN_CONTEXT, prompt=prompt, answer=entry.gold, keys=keys))
    return ItemSet(
        name="in_context",
        reads="reply",
        about="subject",
        items=tuple(items),
        left_out=tuple(sorted((reason, number) for reason, number in left_out.items() if number)),
    )


def _sampled(reading: Reading, name: str, temperature: str) -> ItemSet:
    asked, left_out = ask_all(reading.forget)
    fit: list[Asked] = []
    for entry in asked:
        if holds_key(entry.prompt, entry.keys):
            left_out["key in prompt"] += 1
        else:
            fit.append(entry)
    # Both temperatures ask the same questions.
    chosen, n_unasked = sample(reading, fit, reading.source.sizes.sampled, "sampling")
    left_out["not in the sample"] += n_unasked
    return ItemSet(
        name=name,
        reads="reply",
        about="subject",
        items=tuple(
            SetItem(
                record_id=entry.record.record_id,
                label=CONTINUE if entry.is_text else AS_LEARNED,
                prompt=entry.prompt,
                answer=entry.gold,
                keys=entry.keys,
            )
            for entry in chosen
        ),
        samples=reading.source.sizes.samples,
        temperature=temperature,
        left_out=tuple(sorted((reason, number) for reason, number in left_out.items() if number)),
    )
