"""One probe's numbers per record for every arm: what was found, united, and what it is compared with. Standard library only.

An item that cannot carry the score by the original's own answer (`value` gives None) is left out for every arm and counted;
where only another arm cannot, the number is NaN and the probe NUMERIC. What a pass did not give is never filled in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.passes import SIBLINGS, may_use_siblings, sets_of, state_for
from rtbf.verify.probe import Point

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from rtbf.verify.observed import Observation, Observed
    from rtbf.verify.probe import ProbeFacts

CHANCE = 0.5
"""What a normalised rank is on average for a model that knows nothing of the value."""

RANK_TESTS = frozenset({"ranks", "best_rank"})
"""Exact tests, whose unit is the item."""

_SIDES = ("member", "sibling")
"""Labels of the points of a probe that reads two sets."""

Comparison: TypeAlias = Literal["control models", "siblings", "chance", "before"]
_Found: TypeAlias = "list[tuple[int, str, Sequence[Observation]]]"
"""Per set (its place) and state of one arm: the observations."""


class NotMeasuredError(Exception):
    """A pass that the probe needs gave nothing; the argument is the reason code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One arm's numbers: per unit; per (label, state) the mean and the number of items; and the counts of its generations."""

    values: list[float]
    parts: dict[tuple[str, str], float] = field(default_factory=dict)
    sizes: dict[tuple[str, str], int] = field(default_factory=dict)
    hits: int = 0
    trials: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """One probe's numbers for the units that every arm could score.

    control          what `after` is compared with; None when there is nothing
    control_before   what `before` is compared with: the same, but for siblings, which each of the two scored itself
    candidates       rank tests: how many other answers each unit's true one was ranked against
    ties             rank tests: how many of them the artefact finds exactly as likely as the true one
    """

    record_ids: tuple[str, ...]
    before: Column
    after: Column
    control: Column | None
    control_before: Column | None
    compared_with: Comparison | None
    candidates: tuple[int, ...]
    ties: tuple[int, ...]
    n_items: int
    n_excluded: int
    witnesses: int | None
    has_nan: bool


def probe_values(card: ProbeFacts, probe: ModuleType, observed: Observed, *, artefact_kind: str) -> Values:
    """Return the probe's numbers; raises NotMeasuredError with a reason code for a pass that is missing."""
    found = {arm: _found(card, observed, arm, artefact_kind) for arm in observed.arms}
    before = found[observed.original]
    asked = [entries for _, state, entries in before if state == card.states[0]]
    kept = [_carrying(probe, entries) for entries in asked]
    united = {arm: _united(card, probe, found[arm], kept) for arm in observed.arms}
    units = [unit for unit, value in united[observed.original].items() if value is not None]
    siblings: dict[str, _Found] = {}
    theirs: dict[str, dict[str, float | None]] = {}
    if not observed.controls and may_use_siblings(card) and SIBLINGS in observed.sets:
        siblings = {arm: _found(card, observed, arm, artefact_kind, (SIBLINGS,)) for arm in observed.arms}
        usable = [_carrying(probe, siblings[observed.original][0][2])]
        theirs = {arm: _united(card, probe, own, usable) for arm, own in siblings.items()}
        # A record without a sibling has nothing to be compared with: it is left out, and its items are counted.
        units = [unit for unit in units if theirs[observed.original].get(unit) is not None]
    is_unit = set(units)
    kept = [{at for at in own if _unit(card, place, at, asked[place][at]) in is_unit} for place, own in enumerate(kept)]
    comparison: Comparison | None = None
    control = control_before = None
    if observed.controls:
        comparison = "control models"
        control = control_before = _mean([_column(card, probe, found[arm], kept, united[arm], units) for arm in observed.controls])
    elif siblings:
        comparison = "siblings"
        control, control_before = (Column(values=_in_order(theirs[arm], units)) for arm in (observed.unlearned, observed.original))
    if card.baseline == "chance":
        comparison = "chance"
        control = control_before = Column(values=[CHANCE] * len(units))
    elif card.baseline == "before":
        comparison = "before"
    return Values(
        record_ids=tuple(dict.fromkeys(_record_of(card, before, unit) for unit in units)),
        before=_column(card, probe, before, kept, united[observed.original], units),
        after=_column(card, probe, found[observed.unlearned], kept, united[observed.unlearned], units),
        control=control,
        control_before=control_before,
        compared_with=comparison,
        candidates=tuple(len(choice.others) for choice in _ranked(card, found[observed.unlearned], units)),
        ties=tuple(choice.others.count(choice.true) for choice in _ranked(card, found[observed.unlearned], units)),
        n_items=sum(map(len, kept)),
        n_excluded=sum(map(len, asked)) - sum(map(len, kept)),
        witnesses=_witnesses(
            probe, found[observed.unlearned], [before] if card.baseline == "before" else [found[arm] for arm in observed.controls]
        ),
        has_nan=any(map(_has_nan, (*found.values(), *siblings.values()))),
    )


def are_numbers(card: ProbeFacts, observed: Observed, *, artefact_kind: str) -> bool:
    """Return whether no log-probability that the card's passes gave is NaN; raises NotMeasuredError for a pass that is missing.

    For figures that read the log by themselves: they are held to the same as all others.
    """
    return not any(_has_nan(_found(card, observed, arm, artefact_kind)) for arm in observed.arms)


def _has_nan(found: _Found) -> bool:
    """Return whether a log-probability is no number: then its arg-max hits and ranks mean nothing either."""
    return any(_is_nan(entry) for _, _, entries in found for entry in entries)


def _found(card: ProbeFacts, observed: Observed, arm: str, artefact_kind: str, sets: tuple[str, ...] | None = None) -> _Found:
    has_adapter = arm == observed.unlearned and artefact_kind == "adapter"
    found: _Found = []
    for place, name in enumerate(sets or sets_of(card)):
        for state in card.states:
            actual = state_for(state, is_original=arm == observed.original, has_adapter=has_adapter)
            reason = observed.why_missing(name, arm, actual)
            if reason is not None:
                raise NotMeasuredError(reason)
            try:
                found.append((place, state, observed.scores(name, arm, actual)))
            except KeyError:
                raise NotMeasuredError("PROBE_ERROR") from None
    return found


def _united(card: ProbeFacts, probe: ModuleType, found: _Found, kept: list[set[int]]) -> dict[str, float | None]:
    """Return one number per unit: a record, or for exact rank tests an item. None where `combine` gives none."""
    points: dict[str, list[Point]] = {}
    for place, state, entries in found:
        for at, entry in enumerate(entries):
            if at in kept[place]:
                point = Point(label=_label(card, place, entry), state=state, value=_number(probe.value(entry)))
                points.setdefault(_unit(card, place, at, entry), []).append(point)
    combine = getattr(probe, "combine", None) or _mean_value
    return {unit: combine(own) for unit, own in points.items()}


def _carrying(probe: ModuleType, entries: Sequence[Observation]) -> set[int]:
    """Return the places of the items that can carry the score."""
    return {at for at, entry in enumerate(entries) if probe.value(entry) is not None}


def _column(
    card: ProbeFacts,
    probe: ModuleType,
    found: _Found,
    kept: list[set[int]],
    united: dict[str, float | None],
    units: list[str],
) -> Column:
    parts: dict[tuple[str, str], list[float]] = {}
    hits = trials = 0
    for place, state, entries in found:
        for at in sorted(kept[place]):
            entry = entries[at]
            parts.setdefault((_label(card, place, entry), state), []).append(_number(probe.value(entry)))
            if isinstance(entry, ReplyScores):
                hits, trials = hits + entry.leaks, trials + entry.samples
    means = {name: math.fsum(values) / len(values) for name, values in parts.items()}
    sizes = {name: len(values) for name, values in parts.items()}
    return Column(values=_in_order(united, units), parts=means, sizes=sizes, hits=hits, trials=trials)


def _mean(columns: list[Column]) -> Column:
    """Return the controls' mean, number by number; the counts of all of them together."""
    return Column(
        values=[math.fsum(row) / len(row) for row in zip(*(column.values for column in columns), strict=True)],
        parts={name: math.fsum(column.parts[name] for column in columns) / len(columns) for name in columns[0].parts},
        sizes=columns[0].sizes,
        hits=sum(column.hits for column in columns),
        trials=sum(column.trials for column in columns),
    )


def _in_order(values: dict[str, float | None], units: list[str]) -> list[float]:
    return [_number(values.get(unit)) for unit in units]


def _witnesses(probe: ModuleType, after: _Found, controls: list[_Found]) -> int | None:
    """Return how many items come back word for word from the artefact and from none of `controls`; None without any."""
    is_witness = getattr(probe, "is_witness", None)
    if is_witness is None or not controls:
        return None
    return sum(
        bool(is_witness(entry)) and not any(is_witness(control[step][2][at]) for control in controls)
        for step, (_, _, entries) in enumerate(after)
        for at, entry in enumerate(entries)
    )


def _unit(card: ProbeFacts, place: int, at: int, entry: Observation) -> str:
    return f"{place}:{at}" if card.test in RANK_TESTS else entry.record_id


def _record_of(card: ProbeFacts, found: _Found, unit: str) -> str:
    if card.test not in RANK_TESTS:
        return unit
    return _entry_of(found, unit).record_id


def _ranked(card: ProbeFacts, found: _Found, units: list[str]) -> list[ChoiceScores]:
    """Return the choices behind the units of an exact rank test, in their order; none for other tests."""
    entries = [_entry_of(found, unit) for unit in units] if card.test in RANK_TESTS else []
    return [entry for entry in entries if isinstance(entry, ChoiceScores)]


def _entry_of(found: _Found, unit: str) -> Observation:
    place, at = map(int, unit.split(":"))
    return next(entries[at] for set_place, _, entries in found if set_place == place)


def _label(card: ProbeFacts, place: int, entry: Observation) -> str:
    return _SIDES[place] if len(sets_of(card)) > 1 else entry.label


def _mean_value(points: Sequence[Point]) -> float:
    return math.fsum(point.value for point in points) / len(points)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _is_nan(entry: Observation) -> bool:
    if isinstance(entry, ItemScores):
        return any(map(math.isnan, entry.log_probs))
    return isinstance(entry, ChoiceScores) and any(map(math.isnan, (entry.true, *entry.others)))
