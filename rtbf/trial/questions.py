"""What the models of a trial are asked: for every planted subject what their own ticket would ask, united so that passes are shared.

Sets about a subject are made subject by subject, from that subject's records alone, as for a ticket of their own: siblings,
candidates and keys know nothing of the other planted people. Sets about others are made once. Wakes torch.
The relearning attack is shared too: the attacker holds half of each subject's records and trains on them all together; the
other halves are looked at. Against one subject alone the same steps would go into a handful of records: that harder
attack is not made here.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtbf.lm.load import folder_context_tokens, load_tokenizer
from rtbf.lm.states.relearn import BATCH_ITEMS, CHECKS
from rtbf.material.questions import HOLDOUT, RELEARN_RATES, Encoding, Told, asked_questions, attacks_of, not_empty
from rtbf.plan.record import RelearnAttack
from rtbf.progress import Progress, silent
from rtbf.verify.items.run import MAKERS, make_sets
from rtbf.verify.items.source import ItemSource, Sizes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.encoding import Item
    from rtbf.trial.people import Population, Subject
    from rtbf.verify.asked import Asked
    from rtbf.verify.item_set import ItemSet
    from rtbf.verify.states import Attack

OTHERS_SETS = frozenset({"fluency", "name_refusal", "neighbours", "retain_choices", "retain_answers"})
"""Sets about other people, or about nobody: the same for every subject."""

RECORD_SETS = frozenset({"forget", "held"})
HOLDOUT_ONE_IN = 5
BENIGN_RECORDS = 200

SIZES = Sizes(
    siblings_per_record=2, candidates=99, neighbours=100, forms_records=2, sampled=1, samples=16, names=50, fluency=20
)  # fmt: skip
"""Of one subject's ticket, smaller than the standard profile's where a hundred tickets make up for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """Everything the arms of a trial are asked.

    blind_auc   by subject: how well siblings are told from their records without a model; None where too few to say
    """

    retain: tuple[Record, ...]
    holdout: tuple[Record, ...]
    asked: Mapping[str, Asked]
    attacks: Mapping[str, Attack]
    calibration: Sequence[Item]
    blind_auc: Mapping[str, tuple[str, str, str] | None]

    @property
    def subject_sets(self) -> frozenset[str]:
        """Return the names of the sets that are about the planted subjects."""
        return frozenset(self.asked) - OTHERS_SETS - {HOLDOUT}


def make_trial_questions(
    population: Population, original: Path, wanted: Collection[str], *, seed: int, sizes: Sizes = SIZES, progress: Progress = silent
) -> Questions:
    """Return the questions to these people, encoded for the models of `original`'s tokenizer.

    wanted   names of sets that the planned probes read; those that nobody makes from records (an operator's packs) are passed over
    """
    retain, holdout = drawn_others(population, seed)
    made = _united_sets(population, retain, holdout, frozenset(wanted) & MAKERS.keys() - OTHERS_SETS, sizes, seed, progress)
    others = make_sets(
        ItemSource(forget=population.forget, retain=retain, holdout=holdout, seed=seed, sizes=sizes), frozenset(wanted) & OTHERS_SETS
    )
    encoding = Encoding(tokenizer=load_tokenizer(original), max_tokens=folder_context_tokens(original))
    told = Told(forget=population.forget, retain=retain, holdout=holdout, earlier=())
    attack = RelearnAttack(
        attacker_records=attackers_half(population.planted, seed),
        benign_records=tuple(record.record_id for record in retain[:BENIGN_RECORDS]),
        learning_rate=RELEARN_RATES[True],
        steps=CHECKS[-1],
        batch=BATCH_ITEMS,
    )
    asked = asked_questions((*made.sets, *others), told, attack, encoding)
    return Questions(
        retain=retain,
        holdout=holdout,
        asked=not_empty(asked),
        attacks=attacks_of(told, attack, asked, encoding),
        calibration=asked[HOLDOUT].items,
        blind_auc=made.blind_auc,
    )


def drawn_others(population: Population, seed: int) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return (retained, held out of unlearning): whole bystanders, one in five held out, at least one of each where there are two."""
    order = list(population.bystanders)
    random.Random(f"trial holdout:{seed}").shuffle(order)
    cut = max(1, len(order) // HOLDOUT_ONE_IN)
    held = {subject.subject_id for subject in order[:cut]}
    retain = tuple(record for subject in population.bystanders if subject.subject_id not in held for record in subject.records)
    return retain, tuple(record for subject in population.bystanders if subject.subject_id in held for record in subject.records)


def attackers_half(subjects: Sequence[Subject], seed: int) -> tuple[str, ...]:
    """Return the records that the relearning attacker holds: of each subject half, the smaller half of an odd number."""
    half = []
    for subject in subjects:
        order = list(subject.record_ids)
        random.Random(f"trial halves:{seed}:{subject.subject_id}").shuffle(order)
        half += sorted(order[: len(order) // 2])
    return tuple(half)


@dataclass(frozen=True, kw_only=True, slots=True)
class _United:
    sets: tuple[ItemSet, ...]
    blind_auc: Mapping[str, tuple[str, str, str] | None]


def _united_sets(
    population: Population,
    retain: Sequence[Record],
    holdout: Sequence[Record],
    wanted: Collection[str],
    sizes: Sizes,
    seed: int,
    progress: Progress,
) -> _United:
    """Make each subject's sets and put those of one name together; the united siblings' blind AUC is measured over all of them."""
    parts: dict[str, list[ItemSet]] = {}
    blind: dict[str, tuple[str, str, str] | None] = {}
    for number, subject in enumerate(population.planted, start=1):
        source = ItemSource(forget=subject.records, retain=retain, holdout=holdout, seed=seed, sizes=sizes)
        for item_set in make_sets(source, wanted):
            parts.setdefault(item_set.name, []).append(item_set)
            if item_set.name == "siblings":
                blind[subject.subject_id] = item_set.blind_auc
        progress("making questions", number, len(population.planted))
    together = [_united(own) for own in parts.values()]
    if "siblings" in parts:
        whole = ItemSource(forget=population.forget, retain=retain, holdout=holdout, seed=seed, sizes=sizes)
        (measured,) = make_sets(whole, {"siblings"})
        together = [replace(one, blind_auc=measured.blind_auc) if one.name == "siblings" else one for one in together]
    return _United(sets=tuple(together), blind_auc=blind)


def _united(parts: Sequence[ItemSet]) -> ItemSet:
    left_out: Counter[str] = Counter()
    for part in parts:
        left_out.update(dict(part.left_out))
    return replace(
        parts[0], items=tuple(item for part in parts for item in part.items), blind_auc=None, left_out=tuple(sorted(left_out.items()))
    )
