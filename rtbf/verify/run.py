"""Stage 4: score every arm once, let the probes do arithmetic on it, and decide by the pure verdict function.

 1. Check that the artefact's files are the ones the unlearning record names.
 2. Score forget and held-out items by the original, the unlearned artefact as it will be served, and each control.
 3. Score once more in another batch layout: how much do the numbers depend on it?
 4. Compute each planned probe; a probe whose code changed since the plan is refused.
 5. Judge. 6. Write the per-item log, from which every number can be recomputed.

Does not prove that the listed probes are enough: what was not tested is listed in the limitations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from rtbf.errors import StalePlan
from rtbf.evidence.canonical import canonical_bytes, decimal_text, digest_bytes, digest_of
from rtbf.lm.load import environment
from rtbf.lm.scoring import ItemScores, score_items, tokens_of
from rtbf.plan.card import code_digest, load, probe_cards
from rtbf.progress import Progress, silent
from rtbf.verify.claim import ALWAYS_STATED
from rtbf.verify.measure import ArmScores, Values, measure
from rtbf.verify.record import Arm, ProbeResult, Verification
from rtbf.verify.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from rtbf.lm.encoding import Item
    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned
    from rtbf.verify.probe import Probe

OTHER_LAYOUT_ITEMS = 5
"""Batch size of the repeat measurement; the ordinary one is 16."""

NUMERIC_SHARE = Decimal("0.1")
"""A repeat difference above this share of a margin makes the probe inconclusive (sheet 9.2)."""

SMALL_MODELS_RELEARN = "Small models that pass such output tests have been seen to relearn a third of what they forgot within 30 steps."
AIMED_AT_CONTROL = (
    "The stop rule aimed at the mean loss of the control models, which F3 then compares with: F3's mean is not independent of it."
)
NO_CONTROL = "There was no control model: nothing here is compared with a model that was not shown the records."
TOKENIZER_KEPT = "The tokenizer was learned from a corpus that held the records and was not changed; the control models use it too."


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmSource:
    """An arm and how to load its model, so that only one is in memory at a time."""

    arm: Arm
    load: Callable[[], torch.nn.Module]


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    """The arms and the items of both sides, encoded once for all arms."""

    original: ArmSource
    unlearned: ArmSource
    controls: tuple[ArmSource, ...]
    forget: Sequence[Item]
    holdout: Sequence[Item]


def verify(
    plan: Plan, plan_digest: str, unlearned: Unlearned, unlearned_digest: str, battery: Battery, *, progress: Progress = silent
) -> tuple[Verification, bytes]:
    """Return the verification record and the per-item log as canonical bytes (ids and numbers, no text)."""
    _require_planned_code(plan)
    forget, holdout, repeat_delta = _score_arms(battery, progress)
    results: list[ProbeResult] = []
    log: dict[str, Any] = {"items": {}, "probes": {}}
    cards = probe_cards()
    for planned in plan.probes:
        card = cards[planned.name]
        is_forget = card.items == "forget"
        items_digest = digest_of([[item.record_id, len(item.answer_ids)] for item in (battery.forget if is_forget else battery.holdout)])
        not_applicable = None
        if card.needs == "adapter_state" and unlearned.kind != "adapter":
            not_applicable = unlearned.kind.upper()
        result, values = measure(
            card,
            planned,
            cast("Probe", load("probe", planned.name)),
            forget if is_forget else holdout,
            items_digest=items_digest,
            seed=plan.seed,
            not_applicable=not_applicable,
        )
        results.append(_checked_numerics(result, repeat_delta))
        if values is not None:
            log["probes"][planned.probe_id] = _values_json(values)
    log["items"] = {"forget": _scores_json(forget), "holdout": _scores_json(holdout)}
    log_bytes = canonical_bytes(log)
    results.sort(key=lambda result: result.probe_id)
    n_items_tokens = tokens_of(battery.forget) + tokens_of(battery.holdout)
    n_arms = 2 + len(battery.controls)
    return (
        Verification(
            ticket_id=plan.ticket_id,
            attempt=plan.attempt,
            plan_digest=plan_digest,
            unlearned_digest=unlearned_digest,
            artefact_kind=unlearned.kind,
            arms=(battery.original.arm, battery.unlearned.arm, *(source.arm for source in battery.controls)),
            environment=environment(),
            repeat_delta_nats=None if repeat_delta is None else decimal_text(repeat_delta, places=9),
            probes=tuple(results),
            item_log_digest=digest_bytes(log_bytes),
            tokens_used=n_items_tokens * n_arms + tokens_of(battery.forget) * (1 + (unlearned.kind == "adapter")),
            verdict=judge(results, class_requested=plan.guarantee_requested, artefact_kind=unlearned.kind),
            limitations=_limitations(plan, battery),
        ),
        log_bytes,
    )


def _require_planned_code(plan: Plan) -> None:
    """Refuse to measure with probes that are not the planned ones: their thresholds were approved for that code."""
    for planned in plan.probes:
        if code_digest("probe", planned.name) != planned.code_digest:
            raise StalePlan(
                found=f"probe '{planned.name}' has other code than when the plan was approved",
                expected=planned.code_digest,
                remedy="plan again with `rtbf plan TICKET`, and have the new plan approved",
            )


def _score_arms(battery: Battery, progress: Progress) -> tuple[ArmScores, ArmScores, float | None]:
    forget: dict[str, list[ItemScores]] = {}
    holdout: dict[str, list[ItemScores]] = {}
    adapter_off = None
    repeat_delta = None
    for source in (battery.original, battery.unlearned, *battery.controls):
        model: Any = source.load()
        step = f"scoring {source.arm.name}"
        forget[source.arm.name] = score_items(model, battery.forget, progress=progress, step=step)
        holdout[source.arm.name] = score_items(model, battery.holdout, progress=progress, step=step)
        if source is battery.unlearned:
            again = score_items(model, battery.forget, batch_items=OTHER_LAYOUT_ITEMS)
            repeat_delta = _largest_difference(forget[source.arm.name], again)
            if hasattr(model, "disable_adapter"):
                with model.disable_adapter():
                    adapter_off = score_items(model, battery.forget, progress=progress, step="scoring with the adapter off")
        del model
    names = [source.arm.name for source in battery.controls]
    original, unlearned = battery.original.arm.name, battery.unlearned.arm.name
    return (
        ArmScores(
            original=forget[original],
            unlearned=forget[unlearned],
            controls=tuple(forget[name] for name in names),
            adapter_off=adapter_off,
        ),
        ArmScores(
            original=holdout[original],
            unlearned=holdout[unlearned],
            controls=tuple(holdout[name] for name in names),
            adapter_off=None,
        ),
        repeat_delta,
    )


def _largest_difference(first: Sequence[ItemScores], second: Sequence[ItemScores]) -> float | None:
    differences = [
        abs(left - right)
        for one, other in zip(first, second, strict=True)
        for left, right in zip(one.log_probs, other.log_probs, strict=True)
    ]
    return max(differences, default=None)


def _checked_numerics(result: ProbeResult, repeat_delta: float | None) -> ProbeResult:
    """Mark a probe in nats NUMERIC when the batch layout alone moves it by more than a tenth of its margin."""
    is_in_nats = result.unit == "nats per token" and result.problem is None and result.not_applicable is None
    if is_in_nats and (repeat_delta is None or Decimal(repeat_delta) > NUMERIC_SHARE * Decimal(result.margin)):
        return replace(result, problem="NUMERIC")
    return result


def _limitations(plan: Plan, battery: Battery) -> tuple[str, ...]:
    own = [SMALL_MODELS_RELEARN]
    if battery.controls:
        own += [TOKENIZER_KEPT, AIMED_AT_CONTROL]
    else:
        own.append(f"{NO_CONTROL} Reason: {plan.controls.reason}")
    return (*own, *ALWAYS_STATED)


def _values_json(values: Values) -> dict[str, Any]:
    return {
        "record_ids": list(values.record_ids),
        "before": [decimal_text(value) for value in values.before],
        "after": [decimal_text(value) for value in values.after],
        "control": None if values.control is None else [decimal_text(value) for value in values.control],
    }


def _scores_json(arms: ArmScores) -> dict[str, Any]:
    named = {"original": arms.original, "unlearned": arms.unlearned}
    named |= {f"control-{place}": scores for place, scores in enumerate(arms.controls, start=1)}
    if arms.adapter_off is not None:
        named["adapter-off"] = arms.adapter_off
    return {
        name: [
            {
                "record_id": score.record_id,
                "log_probs": [decimal_text(value) for value in score.log_probs],
                "hits": [int(hit) for hit in score.hits],
            }
            for score in scores
        ]
        for name, scores in named.items()
    }
