"""Compute the probes of a report of the present version again: does the log that was signed give the numbers that were signed?

 1. The log is the one whose digest the statement names.
 2. It has the statement's arms, and every pass that the planned probes need was made, or failed for a stated reason.
 3. The repeat measurement, and each planned probe: counts, means, effect, items, witnesses, parts, and the reason for a missing number.
 4. What was drawn at random, by the stated seed: intervals and p-values, to the last printed figure.
Verdict and claim follow from these numbers in step `content`. Arithmetic is the verifier's own (`verify.measure`, and the
probes' files, whose digests the statement names); torch is not needed, numpy and scipy are.
Not decided (ExtraMissing): without scipy; with another numpy or scipy than the report's, when what is drawn differs by no
more than another drawing would; for a probe of somebody else, or of another release, that gives other numbers here.
Does not prove: that the scores in the log came out of the models whose digests the statement names. Whoever has the
models and the corpus can score them again.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rtbf.errors import ExtraMissing
from rtbf.evidence.canonical import decimal_text, digest_bytes
from rtbf.report.check.drawing import finite, require_as_drawn
from rtbf.verify import probes
from rtbf.verify.item_log import PLACES, read_item_log, repeat_delta
from rtbf.verify.passes import planned_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from rtbf.plan.record import PlannedProbe
    from rtbf.report.check.versions import Measured
    from rtbf.verify.observed import Observed
    from rtbf.verify.probe import Baseline, Family, Role, Test
    from rtbf.verify.record import ProbeResult

_MOST_ITEMS = 20_000
"""Of one set: scipy holds 9 999 draws of every record at once, which is 1.6 GB for so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """What a probe's file says of itself, read from its `CARD`."""

    name: str
    probe_id: str
    family: Family
    role: Role
    unit: str
    higher_is: str
    reads: Literal["score", "choice", "reply"]
    items: str
    states: tuple[str, ...]
    baseline: Baseline
    test: Test
    needs: Literal["", "adapter", "pack"]


def recheck_items(predicate: Measured, item_log: bytes) -> str:
    """Return one line on what was recomputed when the log gives every number of the statement's probes.

    `predicate` is a verified statement's. Raises ValueError when it does not, or is not the statement's log; ExtraMissing
    when that cannot be told here.
    """
    # 1. The log.
    if digest_bytes(item_log) != predicate.measured.item_log_digest:
        raise ValueError("an item log whose digest the statement does not name")
    log = read_item_log(item_log)
    if max(map(len, log.passes.values()), default=0) > _MOST_ITEMS:
        raise ExtraMissing(
            found=f"more than {_MOST_ITEMS} items of one set",
            expected="no more than this checker holds in memory",
            remedy="compute the probes again with rtbf.verify.measure on a larger machine",
        )
    # 2. Arms and passes.
    _require_arms(predicate, log)
    _require_passes(predicate, log)
    # 3. and 4. Numbers.
    delta = repeat_delta(log)
    if (None if delta is None else decimal_text(delta, places=PLACES)) != predicate.measured.repeat_delta_nats:
        raise ValueError("an item log that gives another repeat difference")
    stated = {probe.probe_id: probe for probe in predicate.probes}
    if len(stated) != len(predicate.probes) or set(stated) != {planned.probe_id for planned in predicate.plan.probes}:
        raise ValueError("probes other than the planned ones")
    unsettled = [
        trouble for planned in predicate.plan.probes if (trouble := _recheck(planned, stated[planned.probe_id], log, predicate)) is not None
    ]
    if unsettled:
        raise unsettled[0]
    items = sum(len(found) for key, found in log.passes.items() if (key.arm, key.state) == (log.original, ""))
    broken = sum(probe.problem == "PROBE_ERROR" for probe in predicate.probes)
    beside = f"; {broken} stopped with an error and has no numbers" if broken else ""
    return f"{len(stated) - broken} probe(s) computed again from {items} items in {len(log.arms)} arms: every number agrees{beside}"


def _require_arms(predicate: Measured, log: Observed) -> None:
    arms = predicate.measured.arms
    if [arm.role for arm in arms] != ["original", "unlearned", *["control"] * (len(arms) - 2)]:
        raise ValueError("arms other than an original, an unlearned model, and controls")
    if log.arms != tuple(arm.name for arm in arms):
        raise ValueError("an item log of other arms than the statement's")


def _require_passes(predicate: Measured, log: Observed) -> None:
    """Refuse a log that leaves out a pass of a set that was planned with items, or that holds one nobody planned."""
    modules = [module for planned in predicate.plan.probes if (module := _module_of(planned)) is not None]
    if len(modules) != len(predicate.plan.probes):
        # A probe of somebody else may look at what only its own card names; the step then ends undecided anyway.
        return
    asked = {one.name for one in predicate.measured.sets} & {one.name for one in predicate.plan.sets if one.items}
    wanted = planned_passes([_facts(module) for module in modules], asked, log.arms, artefact_kind=predicate.measured.artefact_kind)
    if set(wanted) != {*log.passes, *log.failed}:
        raise ValueError("an item log with other passes than the planned probes need")


def _recheck(planned: PlannedProbe, stated: ProbeResult, log: Observed, predicate: Measured) -> ExtraMissing | None:
    """Return why a probe cannot be settled here, or None when it agrees; raises ValueError when it does not."""
    module = _module_of(planned)
    if module is None:
        return _other_code(planned, "a probe that is not part of this release")
    finite(planned.margin)
    measured = predicate.measured
    found = _measure()(
        planned, _facts(module), module, log, arms=measured.arms, seed=predicate.plan.seed, artefact_kind=measured.artefact_kind
    )
    if stated.problem == "PROBE_ERROR" and found.problem != "PROBE_ERROR":
        # It stopped there and runs here: what it would have said is not in the report, and it must say nothing.
        found = replace(_empty(found), problem="PROBE_ERROR")
    if found == stated:
        return None
    if digest_bytes(Path(str(module.__file__)).read_bytes()) != stated.code_digest:
        return _other_code(planned, "a probe whose code is not this release's, and gives other numbers here")
    fixed = replace(found, interval=stated.interval, assay=stated.assay, p_leak=stated.p_leak, p_trace=stated.p_trace)
    if fixed != stated:
        raise ValueError(f"an item log that gives other numbers for {planned.probe_id}: {', '.join(_differing(fixed, stated))}")
    return require_as_drawn(found, stated, environment=measured.environment, here=dict(_versions()))


def _empty(found: ProbeResult) -> ProbeResult:
    """Return the result without any number."""
    numbers = ("before", "after", "control", "compared_with", "estimate", "interval", "assay", "p_leak", "p_trace", "p_attainable", "power")
    without: dict[str, Any] = dict.fromkeys((*numbers, "witnesses", "not_applicable"))
    return replace(found, n_records=0, n_items=0, n_excluded=0, parts=(), note="", **without)


def _module_of(planned: PlannedProbe) -> ModuleType | None:
    """Return the file of this release that goes by the probe's name; None for a third party's."""
    if planned.name not in {entry.name for entry in pkgutil.iter_modules(probes.__path__)}:
        return None
    return importlib.import_module(f"{probes.__name__}.{planned.name}")


def _differing(found: ProbeResult, stated: ProbeResult) -> Iterator[str]:
    return (name for name in type(found).__dataclass_fields__ if getattr(found, name) != getattr(stated, name))


def _facts(module: ModuleType) -> _Facts:
    return _Facts(**{name: _frozen(module.CARD[name]) for name in _Facts.__dataclass_fields__})


def _frozen(value: Any) -> Any:  # noqa: ANN401 - a literal of a card
    return tuple(value) if isinstance(value, list) else value


def _other_code(planned: PlannedProbe, found: str) -> ExtraMissing:
    return ExtraMissing(
        found=f"{planned.probe_id} ({planned.name}): {found}",
        expected=f"the probe's file with digest {planned.code_digest}",
        remedy="check with the release that made the report, which its statement names under software",
    )


def _measure() -> Callable[..., ProbeResult]:
    try:
        from rtbf.verify.measure import measure_from_log  # noqa: PLC0415 - wakes scipy, which no other step of the checker needs
    except ImportError as missing:
        raise _no_scipy() from missing
    return measure_from_log


def _versions() -> tuple[tuple[str, str], ...]:
    from rtbf.statistics.drawn import drawn_by  # noqa: PLC0415 - as above; it was loaded when the numbers were computed

    return drawn_by()


def _no_scipy() -> ExtraMissing:
    return ExtraMissing(
        found="no numpy or scipy here", expected="what the probes' statistics are computed with", remedy="pip install scipy"
    )
