"""From an item log of the second form to one probe's result: pairing, mean effect, interval, p-values, witnesses.

The unit is the record: items of one record are averaged first. Effects are signed so that positive is bad: more
remembered than the control, or worse utility than before. Missing arms give missing numbers, never zeros.
Reports up to the third version were computed so; the offline checker computes them so again.
Source: specs/verification/09_statistics.md §9.1, §9.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

from rtbf.evidence.canonical import decimal_text, digest_of
from rtbf.verify.frozen.item_log_v2 import repeat_delta
from rtbf.verify.frozen.record_v1 import Interval, ProbeResult
from rtbf.verify.frozen.statistics_v1 import mean_interval, record_means, sign_flip_attainable, sign_flip_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.frozen.item_log_v2 import ArmScores, ItemLog
    from rtbf.verify.frozen.item_scores_v1 import ItemScores
    from rtbf.verify.frozen.probes_v1 import Probe, Valued
    from rtbf.verify.frozen.statistics_v1 import MeanInterval

INTERVAL_LEVEL = 0.90
"""Two one-sided tests at 5 % are a 90 % interval (sheet 9.1)."""

NUMERIC_SHARE = Decimal("0.1")
"""A repeat difference above this share of a margin makes the probe inconclusive (sheet 9.2)."""


class Planned(Protocol):
    """What measuring reads of a plan's line about a probe."""

    @property
    def code_digest(self) -> str:
        """Return the digest of the probe's file."""

    @property
    def direction(self) -> Literal["two_sided", "lower_is_better", "non_inferior"]:
        """Return which effects count."""

    @property
    def margin(self) -> str:
        """Return the margin, in the probe's unit."""

    @property
    def margin_origin(self) -> str:
        """Return who chose it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """One probe's values per record, for the records every arm could score. `control` is the mean over control models."""

    record_ids: tuple[str, ...]
    before: list[float]
    after: list[float]
    control: list[float] | None
    n_items: int
    n_excluded: int
    witnesses: int | None


def measure_from_log(planned: Planned, card: Probe, probe: Valued, log: ItemLog, *, seed: int, artefact_kind: str) -> ProbeResult:
    """Return the result of one planned probe, computed from the log and from nothing else.

    A probe of the adapter's states is not applicable to an artefact without one. A probe in nats is NUMERIC when the
    batch layout alone moves a token by more than a tenth of its margin.
    """
    arms = log.forget if card.items == "forget" else log.holdout
    result = measure(
        card,
        planned,
        probe,
        arms,
        items_digest=digest_of([[scores.record_id, len(scores.log_probs)] for scores in arms.original]),
        seed=seed,
        not_applicable=artefact_kind.upper() if card.needs == "adapter_state" and artefact_kind != "adapter" else None,
    )
    is_in_nats = result.unit == "nats per token" and result.problem is None and result.not_applicable is None
    delta = repeat_delta(log)
    if is_in_nats and (delta is None or Decimal(delta) > NUMERIC_SHARE * Decimal(result.margin)):
        return replace(result, problem="NUMERIC")
    return result


def measure(
    card: Probe,
    planned: Planned,
    probe: Valued,
    arms: ArmScores,
    *,
    items_digest: str,
    seed: int,
    not_applicable: str | None,
) -> ProbeResult:
    """Return the probe's result on one side's items.

    A probe that stops with an error is reported as PROBE_ERROR: it is never counted as "nothing found".
    """
    if not_applicable is not None:
        return _result(card, planned, None, items_digest=items_digest, seed=seed, not_applicable=not_applicable, problem=None)
    try:
        values = probe_values(card, probe, arms)
    except (ArithmeticError, ValueError):  # all that these probes can raise: a sum of infinite numbers of both signs
        return _result(card, planned, None, items_digest=items_digest, seed=seed, not_applicable=None, problem="PROBE_ERROR")
    numbers = [*values.before, *values.after, *(values.control or [])]
    is_sound = all(math.isfinite(number) for number in numbers) and not _has_nan(arms)
    problem = None if is_sound else "NUMERIC"
    shown = values if problem is None else None
    return _result(card, planned, shown, items_digest=items_digest, seed=seed, not_applicable=None, problem=problem)


def probe_values(card: Probe, probe: Valued, arms: ArmScores) -> Values:
    """Return the probe's values per record of all arms; items that cannot carry the score are left out and counted."""
    after_scores = arms.adapter_off if card.needs == "adapter_state" and arms.adapter_off is not None else arms.unlearned
    before = [probe.value(scores) for scores in arms.original]
    after = [probe.value(scores) for scores in after_scores]
    controls = [[probe.value(scores) for scores in arm] for arm in arms.controls]
    kept = [place for place, value in enumerate(before) if value is not None]
    record_of = [scores.record_id for scores in arms.original]

    def per_record(column: Sequence[float | None]) -> list[float]:
        grouped: dict[str, list[float]] = {}
        for place in kept:
            value = column[place]
            grouped.setdefault(record_of[place], []).append(math.nan if value is None else value)
        return record_means(grouped)

    control_columns = [per_record(column) for column in controls]
    control = [math.fsum(row) / len(row) for row in zip(*control_columns, strict=True)] if control_columns else None
    return Values(
        record_ids=tuple(dict.fromkeys(record_of[place] for place in kept)),
        before=per_record(before),
        after=per_record(after),
        control=control,
        n_items=len(kept),
        n_excluded=len(before) - len(kept),
        witnesses=_witnesses(probe, after_scores, arms.controls),
    )


def _has_nan(arms: ArmScores) -> bool:
    """Return whether any arm gave a probability that is no number: then its arg-max hits mean nothing either."""
    every_arm = (arms.original, arms.unlearned, *arms.controls, arms.adapter_off or ())
    return any(math.isnan(log_prob) for arm in every_arm for scores in arm for log_prob in scores.log_probs)


def _witnesses(probe: Valued, after: Sequence[ItemScores], controls: Sequence[Sequence[ItemScores]]) -> int | None:
    """Return how many items come back word for word from the unlearned arm and from no control; None without a control."""
    is_witness = getattr(probe, "is_witness", None)
    if is_witness is None or not controls:
        return None
    return sum(1 for place, scores in enumerate(after) if is_witness(scores) and not any(is_witness(arm[place]) for arm in controls))


def _result(
    card: Probe,
    planned: Planned,
    values: Values | None,
    *,
    items_digest: str,
    seed: int,
    not_applicable: str | None,
    problem: str | None,
) -> ProbeResult:
    effect = assay = None
    if values is not None and card.family == "utility":
        effect = [after - before for after, before in zip(values.after, values.before, strict=True)]
    elif values is not None and values.control is not None:
        effect = [after - control for after, control in zip(values.after, values.control, strict=True)]
        assay = [before - control for before, control in zip(values.before, values.control, strict=True)]
    interval = None if effect is None else mean_interval(effect, level=INTERVAL_LEVEL, seed=seed)
    has_tests = card.family != "utility" and effect is not None
    return ProbeResult(
        probe_id=card.probe_id,
        name=card.name,
        family=card.family,
        code_digest=planned.code_digest,
        unit=card.unit,
        higher_is=card.higher_is,
        direction=planned.direction,
        n_records=0 if values is None else len(values.record_ids),
        n_items=0 if values is None else values.n_items,
        n_excluded=0 if values is None else values.n_excluded,
        before=_mean_text(None if values is None else values.before),
        after=_mean_text(None if values is None else values.after),
        control=_mean_text(None if values is None else values.control),
        estimate=_mean_text(effect),
        interval=_interval(interval),
        assay=None if assay is None else _interval(mean_interval(assay, level=INTERVAL_LEVEL, seed=seed)),
        p_leak=_p_text(sign_flip_p(effect, side="greater", seed=seed)) if has_tests and effect is not None else None,
        p_trace=_p_text(sign_flip_p(effect, side="less", seed=seed))
        if has_tests and effect is not None and planned.direction == "two_sided"
        else None,
        p_attainable=_p_text(sign_flip_attainable(len(effect))) if has_tests and effect else None,
        witnesses=None if values is None else values.witnesses,
        margin=planned.margin,
        margin_origin=planned.margin_origin,
        items_digest=items_digest,
        seed=seed,
        not_applicable=not_applicable,
        problem=problem,
    )


def _mean_text(values: Sequence[float] | None) -> str | None:
    return decimal_text(math.fsum(values) / len(values)) if values else None


def _p_text(p_value: float | None) -> str | None:
    return None if p_value is None else decimal_text(p_value, places=9)


def _interval(interval: MeanInterval | None) -> Interval | None:
    if interval is None:
        return None
    low, high = decimal_text(interval.low), decimal_text(interval.high)
    return None if low is None or high is None else Interval(low=low, high=high, level=f"{interval.level:.2f}")
