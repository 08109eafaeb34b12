"""Stage 4: score every arm once, let the probes do arithmetic on it, and decide by the pure verdict function.

 1. Check that the artefact's files are the ones the unlearning record names.
 2. Score forget and held-out items by the original, the unlearned artefact as it will be served, and each control.
 3. Score once more in another batch layout: how much do the numbers depend on it?
 4. Write the per-item log.
 5. Compute each planned probe from what the log says; a probe whose code changed since the plan is refused.
 6. Judge.

Does not prove that the listed probes are enough: what was not tested is listed in the limitations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from rtbf.errors import StalePlan
from rtbf.evidence.canonical import decimal_text, digest_bytes
from rtbf.lm.load import environment
from rtbf.lm.scoring import score_items, tokens_of
from rtbf.plan.card import code_digest, load, probe_cards
from rtbf.progress import Progress, silent
from rtbf.statistics.drawn import drawn_by
from rtbf.verify.claim import ALWAYS_STATED
from rtbf.verify.item_log import PLACES, ArmScores, ItemLog, read_item_log, repeat_delta, write_item_log
from rtbf.verify.measure import measure_from_log
from rtbf.verify.record import Arm, Verification
from rtbf.verify.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores
    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned
    from rtbf.verify.probe import Probe

OTHER_LAYOUT_ITEMS = 5
"""Batch size of the repeat measurement; the ordinary one is 16."""

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
    log_bytes = write_item_log(_score_arms(battery, progress))
    # The probes see what the log says and nothing finer, so that the log gives back these very numbers.
    log = read_item_log(log_bytes, max_bytes=len(log_bytes))
    cards = probe_cards()
    results = [
        measure_from_log(
            planned,
            cards[planned.name],
            cast("Probe", load("probe", planned.name)),
            log,
            seed=plan.seed,
            artefact_kind=unlearned.kind,
        )
        for planned in plan.probes
    ]
    delta = repeat_delta(log)
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
            environment=tuple(sorted((*environment(), *drawn_by()))),
            repeat_delta_nats=None if delta is None else decimal_text(delta, places=PLACES),
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


def _score_arms(battery: Battery, progress: Progress) -> ItemLog:
    forget: list[list[ItemScores]] = []
    holdout: list[list[ItemScores]] = []
    again: list[ItemScores] = []
    adapter_off = None
    for source in (battery.original, battery.unlearned, *battery.controls):
        model: Any = source.load()
        step = f"scoring {source.arm.name}"
        forget.append(score_items(model, battery.forget, progress=progress, step=step))
        holdout.append(score_items(model, battery.holdout, progress=progress, step=step))
        if source is battery.unlearned:
            again = score_items(model, battery.forget, batch_items=OTHER_LAYOUT_ITEMS)
            if hasattr(model, "disable_adapter"):
                with model.disable_adapter():
                    adapter_off = score_items(model, battery.forget, progress=progress, step="scoring with the adapter off")
        del model
    return ItemLog(
        arms=tuple(source.arm.name for source in (battery.original, battery.unlearned, *battery.controls)),
        forget=ArmScores(original=forget[0], unlearned=forget[1], controls=tuple(forget[2:]), adapter_off=adapter_off),
        holdout=ArmScores(original=holdout[0], unlearned=holdout[1], controls=tuple(holdout[2:]), adapter_off=None),
        again=again,
    )


def _limitations(plan: Plan, battery: Battery) -> tuple[str, ...]:
    own = [SMALL_MODELS_RELEARN]
    if battery.controls:
        own += [TOKENIZER_KEPT, AIMED_AT_CONTROL]
    else:
        own.append(f"{NO_CONTROL} Reason: {plan.controls.reason}")
    return (*own, *ALWAYS_STATED)
