"""Make the item sets of a ticket by name, from its records, before anything is unlearned.

A set without items is returned as well: its counts say why nothing could be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.verify.items.answer_choices import multiple_choices, wrong_answer_choices
from rtbf.verify.items.bystanders import name_refusal, neighbours, retain_answers, retain_choices
from rtbf.verify.items.field_choices import population_choices, secrets
from rtbf.verify.items.fluency import fluency
from rtbf.verify.items.forms import forms
from rtbf.verify.items.jailbreaks import jailbreaks
from rtbf.verify.items.reading import read_source
from rtbf.verify.items.replies import in_context, sampling, sampling_cool
from rtbf.verify.items.siblings import siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rtbf.verify.item_set import ItemSet
    from rtbf.verify.items.reading import Reading
    from rtbf.verify.items.source import ItemSource

MAKERS: dict[str, Callable[[Reading], ItemSet]] = {
    "siblings": siblings,
    "secrets": secrets,
    "population": population_choices,
    "wrong_answers": wrong_answer_choices,
    "multiple_choice": multiple_choices,
    "forms": forms,
    "jailbreaks": jailbreaks,
    "sampling": sampling,
    "sampling_cool": sampling_cool,
    "in_context": in_context,
    "fluency": fluency,
    "name_refusal": name_refusal,
    "neighbours": neighbours,
    "retain_choices": retain_choices,
    "retain_answers": retain_answers,
}
"""Every set that is made from records, in the order in which they are returned."""


def make_sets(source: ItemSource, wanted: Collection[str]) -> tuple[ItemSet, ...]:
    """Return the wanted sets, in the order of `MAKERS`; the same records, seed and sizes give the same ones.

    Raises ValueError for a name that is no such set (record-based sets and operators' packs are made elsewhere) and for
    records that share an id: a result could not be told from another's.
    """
    unknown = sorted(set(wanted) - MAKERS.keys())
    if unknown:
        raise ValueError(f"no such item set: {', '.join(unknown)}; there are {', '.join(MAKERS)}")
    ids = [record.record_id for record in (*source.forget, *source.retain, *source.holdout)]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{len(ids) - len(set(ids))} record ids stand for more than one record; forget, retain and holdout are disjoint")
    reading = read_source(source)
    return tuple(make(reading) for name, make in MAKERS.items() if name in set(wanted))
