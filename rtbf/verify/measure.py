"""From what was logged of all arms to one probe's result, and from that alone.

Effects are signed so that positive is bad: more remembered than what it is compared with, or worse utility than before.
Missing arms give missing numbers, never zeros. The verifier and the offline checker compute by this same module, the one
before a verdict and the other after it.
Source: specs/verification/09_statistics.md §9.1, §9.2; 06_recovery.md §6.2 (the control-arm rule).
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import decimal_text, digest_of
from rtbf.verify.effects import Effect, of_best_rank, of_ranks, of_records, of_trials
from rtbf.verify.gate import mismatches
from rtbf.verify.item_log import described_items, repeat_delta
from rtbf.verify.passes import SIBLINGS, sets_of
from rtbf.verify.record import Part, ProbeResult
from rtbf.verify.values import NotMeasuredError, are_numbers, probe_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from rtbf.plan.record import PlannedProbe
    from rtbf.verify.observed import Observed
    from rtbf.verify.probe import ProbeFacts, Summary
    from rtbf.verify.record import Arm
    from rtbf.verify.values import Column, Values

NUMERIC_SHARE = Decimal("0.1")
"""A repeat difference above this share of a margin makes the probe inconclusive (sheet 9.2)."""

BLIND_AUC_MAX = Decimal("0.55")
"""Above this, members and non-members can be told apart without a model, and a membership test says nothing (sheet 4.3)."""


def measure_from_log(
    planned: PlannedProbe,
    card: ProbeFacts,
    probe: ModuleType,
    observed: Observed,
    *,
    arms: Sequence[Arm],
    seed: int,
    artefact_kind: str,
) -> ProbeResult:
    """Return the result of one planned probe, computed from the log and from nothing else.

    Not applicable: an adapter's states without an adapter, an operator's pack that was not given, a set without items.
    Without numbers: a pass or a probe that stopped with an error or ran out of time, numbers that are not finite, a
    control with the very files of what it is compared with, a membership test that needs no model, and, for a probe in
    nats, a batch layout that alone moves a token by more than a tenth of the margin. None of these is ever read as
    "nothing found".
    """
    excuse = _why_not_applicable(card, observed, artefact_kind)
    if excuse is not None:
        return _result(planned, card, observed, seed=seed, not_applicable=excuse)
    try:
        if card.family == "gate":
            return _gated(planned, card, observed, arms, artefact_kind, seed)
        if hasattr(probe, "summary"):
            if not are_numbers(card, observed, artefact_kind=artefact_kind):
                return _result(planned, card, observed, seed=seed, problem="NUMERIC")
            return _summarised(planned, card, observed, seed, probe.summary(observed))
        values = probe_values(card, probe, observed, artefact_kind=artefact_kind)
    except NotMeasuredError as missing:
        return _result(planned, card, observed, seed=seed, problem=str(missing))
    except Exception:  # noqa: BLE001 - any error of a third party's probe must end as INCONCLUSIVE, not as a crash or a pass
        return _result(planned, card, observed, seed=seed, problem="PROBE_ERROR")
    problem = _problem_of(planned, card, observed, values, arms)
    if problem is not None:
        return _result(planned, card, observed, seed=seed, problem=problem)
    return _with_numbers(planned, card, observed, values, _effect(planned, card, values, seed), seed)


def _why_not_applicable(card: ProbeFacts, observed: Observed, artefact_kind: str) -> str | None:
    if card.needs == "adapter" and artefact_kind != "adapter":
        return artefact_kind.upper()
    if any(name not in observed.sets for name in sets_of(card)):
        return "NO_PACK" if card.needs == "pack" else "NO_ITEMS"
    return None


def _problem_of(planned: PlannedProbe, card: ProbeFacts, observed: Observed, values: Values, arms: Sequence[Arm]) -> str | None:
    columns = [values.before, values.after, *(column for column in (values.control, values.control_before) if column is not None)]
    if values.has_nan or not all(math.isfinite(number) for column in columns for number in column.values):
        return "NUMERIC"
    if values.compared_with == "control models" and _has_twin(arms):
        return "IDENTICAL_ARMS"
    if SIBLINGS in sets_of(card) and not _is_blind(observed):
        return "BLIND_GATE"
    if card.unit.startswith("nats"):
        delta = repeat_delta(observed)
        if delta is None or Decimal(delta) > NUMERIC_SHARE * Decimal(planned.margin):
            return "NUMERIC"
    return None


def _has_twin(arms: Sequence[Arm]) -> bool:
    """Return whether a control has the very files of another arm: nothing could differ from it, which would look like removal."""
    digests = [arm.digest for arm in arms]
    return any(arm.role == "control" and digests.count(arm.digest) > 1 for arm in arms)


def _is_blind(observed: Observed) -> bool:
    """Return whether members and non-members look alike to whoever has no model: AUC ≤ 0.55, its interval reaching down to 0.5.

    With few values cross-validation can fall below 0.5 where nothing differs, so the upper end does not count.
    """
    numbers = observed.blind_auc.get(SIBLINGS)
    if numbers is None:
        return False
    auc, low, _ = map(Decimal, numbers)
    return auc <= BLIND_AUC_MAX and low <= Decimal("0.5")


def _effect(planned: PlannedProbe, card: ProbeFacts, values: Values, seed: int) -> Effect:
    if card.test == "ranks":
        return of_ranks(values, margin=float(planned.margin), seed=seed)
    if card.test == "best_rank":
        return of_best_rank(values)
    if card.test == "trials":
        return of_trials(values)
    return of_records(
        values,
        is_before=card.baseline == "before",
        has_tests=card.test == "records" and card.family != "utility",
        is_two_sided=planned.direction == "two_sided",
        margin=float(planned.margin),
        seed=seed,
    )


def _with_numbers(planned: PlannedProbe, card: ProbeFacts, observed: Observed, values: Values, effect: Effect, seed: int) -> ProbeResult:
    return replace(
        _result(planned, card, observed, seed=seed),
        n_records=len(values.record_ids),
        n_items=values.n_items,
        n_excluded=values.n_excluded,
        before=_shown(card, values.before),
        after=_shown(card, values.after),
        control=None if values.control is None else _shown(card, values.control),
        compared_with=values.compared_with,
        estimate=effect.estimate,
        interval=effect.interval,
        assay=effect.assay,
        p_leak=effect.p_leak,
        p_trace=effect.p_trace,
        p_attainable=effect.p_attainable,
        power=effect.power,
        witnesses=values.witnesses,
        parts=_parts(values),
    )


def _gated(planned: PlannedProbe, card: ProbeFacts, observed: Observed, arms: Sequence[Arm], artefact_kind: str, seed: int) -> ProbeResult:
    """Return F0: its witnesses are what does not fit about the arms (`verify.gate`); raises NotMeasuredError as other probes do."""
    for arm in observed.arms:
        reason = observed.why_missing(card.items, arm)
        if reason is not None:
            raise NotMeasuredError(reason)
    found = mismatches(observed, arms, card.items, artefact_kind=artefact_kind)
    n_items = len(observed.scores(card.items, observed.original))
    return replace(
        _result(planned, card, observed, seed=seed), n_items=n_items, estimate=str(len(found)), witnesses=len(found), note="; ".join(found)
    )


def _summarised(planned: PlannedProbe, card: ProbeFacts, observed: Observed, seed: int, summary: Summary | None) -> ProbeResult:
    result = _result(planned, card, observed, seed=seed)
    if summary is None:
        return replace(result, problem="UNDERPOWERED")
    numbers = {name: getattr(summary, name) for name in ("before", "after", "control", "estimate")}
    if any(number is not None and not math.isfinite(number) for number in numbers.values()):
        return replace(result, problem="NUMERIC")
    if SIBLINGS in sets_of(card) and not _is_blind(observed):
        return replace(result, problem="BLIND_GATE")
    texts = {name: None if number is None else decimal_text(number) for name, number in numbers.items()}
    first = observed.scores(sets_of(card)[0], observed.original)
    n_records = len({entry.record_id for entry in first})
    return replace(result, n_records=n_records, n_items=len(first), note=summary.note, **texts)  # type: ignore[arg-type]


def _shown(card: ProbeFacts, column: Column) -> str | None:
    if card.test == "trials" and column.trials:
        return decimal_text(column.hits / column.trials)
    return decimal_text(math.fsum(column.values) / len(column.values)) if column.values else None


def _parts(values: Values) -> tuple[Part, ...]:
    names = list(values.before.parts)
    if len(names) < 2:  # noqa: PLR2004 - a single part is the figure itself
        return ()
    counts = values.before.sizes
    return tuple(
        Part(
            name=", ".join(filter(None, name)),
            n_items=counts[name],
            before=decimal_text(values.before.parts[name]),
            after=decimal_text(values.after.parts[name]),
            control=None if values.control is None or name not in values.control.parts else decimal_text(values.control.parts[name]),
        )
        for name in names
    )


def _result(
    planned: PlannedProbe, card: ProbeFacts, observed: Observed, *, seed: int, not_applicable: str | None = None, problem: str | None = None
) -> ProbeResult:
    """Return a result without numbers."""
    first = {key.items: observed.passes[key] for key in sorted(observed.passes, reverse=True)}
    found = [first[name] for name in sets_of(card) if name in first]
    return ProbeResult(
        probe_id=card.probe_id,
        name=card.name,
        family=card.family,
        role=planned.role,
        code_digest=planned.code_digest,
        unit=card.unit,
        higher_is=card.higher_is,
        direction=planned.direction,
        n_records=0,
        n_items=0,
        n_excluded=0,
        before=None,
        after=None,
        control=None,
        compared_with=None,
        estimate=None,
        interval=None,
        assay=None,
        p_leak=None,
        p_trace=None,
        p_attainable=None,
        power=None,
        witnesses=None,
        margin=planned.margin,
        margin_origin=planned.margin_origin,
        items_digest=digest_of([described_items(entries) for entries in found]),
        seed=seed,
        parts=(),
        note="",
        not_applicable=not_applicable,
        problem=problem,
    )
