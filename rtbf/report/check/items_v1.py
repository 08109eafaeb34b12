"""Compute the probes of a report up to the third version again: does the log that was signed give the numbers that were signed?

 1. The log is the one whose digest the statement names.
 2. It has the statement's arms, and the adapter's other state where the artefact has one.
 3. The repeat measurement, and each planned probe: counts, means, effect, items, witnesses, and the reason for a missing number.
 4. What was drawn at random, by the stated seed: intervals and p-values, to the last printed figure.
Verdict and claim follow from these numbers in step `content`. Arithmetic is that of the day, kept in `verify.frozen`: a file
whose digest is listed there computes what stands there. Torch is not needed, numpy and scipy are.
Not decided (ExtraMissing): without scipy; with another numpy or scipy than the report's, when what is drawn differs by no
more than another drawing would; for a probe of somebody else, or of code that no release had, that gives other numbers here.
Does not prove: that the scores in the log came out of the models whose digests the statement names. Whoever has the
models and the corpus can score them again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtbf.errors import ExtraMissing
from rtbf.evidence.canonical import decimal_text, digest_bytes
from rtbf.report.check.drawing import finite, require_as_drawn
from rtbf.verify.frozen.item_log_v2 import FIRST_FORM, PLACES, read_item_log, repeat_delta
from rtbf.verify.frozen.probes_v1 import PROBES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtbf.report.check.versions import Frozen
    from rtbf.report.predicate_v3 import PlannedProbeV3
    from rtbf.verify.frozen.item_log_v2 import ItemLog
    from rtbf.verify.frozen.record_v1 import ProbeResult

_MOST_ITEMS = 20_000
"""Of one side: scipy holds 9 999 draws of every record at once, which is 1.6 GB for so many."""


def recheck_items(predicate: Frozen, item_log: bytes) -> str:
    """Return one line on what was recomputed when the log gives every number of the statement's probes.

    `predicate` is a verified statement's. Raises ValueError when it does not, or is not the statement's log; ExtraMissing
    when that cannot be told here.
    """
    # 1. The log.
    if digest_bytes(item_log) != predicate.measured.item_log_digest:
        raise ValueError("an item log whose digest the statement does not name")
    if item_log.startswith(FIRST_FORM):
        raise ExtraMissing(
            found="an item log of the first form, which lacks what some probes are computed from",
            expected="a log that was written since reports of the third version",
            remedy="verify the artefact again; this report's own figures stand as they were signed",
        )
    log = read_item_log(item_log)
    if max(len(log.forget.original), len(log.holdout.original)) > _MOST_ITEMS:
        raise ExtraMissing(
            found=f"more than {_MOST_ITEMS} items of one side",
            expected="no more than this checker holds in memory",
            remedy="compute the probes again with rtbf.verify.frozen.measure_v1 on a larger machine",
        )
    # 2. Arms.
    _require_arms(predicate, log)
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
    items = len(log.forget.original) + len(log.holdout.original)
    broken = sum(probe.problem == "PROBE_ERROR" for probe in predicate.probes)
    beside = f"; {broken} stopped with an error and has no numbers" if broken else ""
    return f"{len(stated) - broken} probe(s) computed again from {items} items in {len(log.arms)} arms: every number agrees{beside}"


def _require_arms(predicate: Frozen, log: ItemLog) -> None:
    arms = predicate.measured.arms
    if [arm.role for arm in arms] != ["original", "unlearned", *["control"] * (len(arms) - 2)]:
        raise ValueError("arms other than an original, an unlearned model, and controls")
    if log.arms != tuple(arm.name for arm in arms):
        raise ValueError("an item log of other arms than the statement's")
    if (log.forget.adapter_off is not None) != (predicate.measured.artefact_kind == "adapter"):
        raise ValueError("an item log with another number of adapter states than the artefact has")


def _recheck(planned: PlannedProbeV3, stated: ProbeResult, log: ItemLog, predicate: Frozen) -> ExtraMissing | None:
    """Return why a probe cannot be settled here, or None when it agrees; raises ValueError when it does not."""
    probe = next((probe for probe in PROBES if probe.name == planned.name), None)
    if probe is None:
        return _other_code(planned, "a probe that is not part of this release")
    finite(planned.margin)
    valued = _Stopped() if stated.problem == "PROBE_ERROR" else probe
    found = _measure()(planned, probe, valued, log, seed=predicate.plan.seed, artefact_kind=predicate.measured.artefact_kind)
    if found == stated:
        return None
    if stated.code_digest not in probe.code_digests:
        return _other_code(planned, "a probe whose code no release is known to have had, and gives other numbers here")
    fixed = replace(found, interval=stated.interval, assay=stated.assay, p_leak=stated.p_leak, p_trace=stated.p_trace)
    if fixed != stated:
        raise ValueError(f"an item log that gives other numbers for {planned.probe_id}: {', '.join(_differing(fixed, stated))}")
    return require_as_drawn(found, stated, environment=predicate.measured.environment, here=dict(_versions()))


def _differing(found: ProbeResult, stated: ProbeResult) -> Iterator[str]:
    return (name for name in type(found).__dataclass_fields__ if getattr(found, name) != getattr(stated, name))


class _Stopped:
    """Stands for a probe that stopped with an error: its result must hold no number."""

    @property
    def value(self) -> Callable[[Any], float | None]:
        """Return a function that stops with an error, whatever the item."""
        raise ArithmeticError


def _other_code(planned: PlannedProbeV3, found: str) -> ExtraMissing:
    return ExtraMissing(
        found=f"{planned.probe_id} ({planned.name}): {found}",
        expected=f"the probe's file with digest {planned.code_digest}",
        remedy="check with the release that made the report, which its statement names under software",
    )


def _measure() -> Callable[..., ProbeResult]:
    try:
        from rtbf.verify.frozen.measure_v1 import measure_from_log  # noqa: PLC0415 - wakes scipy, which no other step of the checker needs
    except ImportError as missing:
        raise _no_scipy() from missing
    return measure_from_log


def _versions() -> tuple[tuple[str, str], ...]:
    from rtbf.verify.frozen.statistics_v1 import drawn_by  # noqa: PLC0415 - as above; it was loaded when the numbers were computed

    return drawn_by()


def _no_scipy() -> ExtraMissing:
    return ExtraMissing(
        found="no numpy or scipy here", expected="what the probes' statistics are computed with", remedy="pip install scipy"
    )
