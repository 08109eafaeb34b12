"""Stage 4: ask every arm the planned questions, log what they said, compute the probes from the log, and decide by the pure rule.

 1. Probes are the planned ones, byte for byte; arms share one tokenizer; the items are those whose digests the plan names.
 2. Every pass is made (`verify.passes`, `verify.arms`): each set, of each arm, in each state.
 3. The per-item log is written and read back: the probes see what the log says and nothing finer.
 4. Each planned probe is computed, and the verdict function judges.

Does not prove that the listed probes are enough: what was not tested is listed in the limitations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, StalePlan
from rtbf.evidence.canonical import decimal_text, digest_bytes
from rtbf.lm.load import environment
from rtbf.plan.card import code_digest, load, probe_cards
from rtbf.progress import Progress, silent
from rtbf.statistics.drawn import drawn_by
from rtbf.verify.arms import NoStore, Work, make_passes
from rtbf.verify.claim import ALWAYS_STATED
from rtbf.verify.item_log import PLACES, read_item_log, repeat_delta, write_item_log
from rtbf.verify.measure import measure_from_log
from rtbf.verify.observed import Observed
from rtbf.verify.passes import forwards_of_sets, planned_passes
from rtbf.verify.record import MeasuredSet, QualificationUse, Verification
from rtbf.verify.states import attack_of, relearning_tokens
from rtbf.verify.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.lm.encoding import Item
    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned
    from rtbf.verify.arms import ArmSource, Passes, PassStore
    from rtbf.verify.asked import Asked
    from rtbf.verify.observed import PassKey
    from rtbf.verify.record import ProbeResult
    from rtbf.verify.states import Attack

RELEARNING_STEPS = "relearning steps"
SMALL_MODELS_RELEARN = "Small models that pass output tests have been seen to relearn a third of what they forgot within 30 steps."
AIMED_AT_CONTROL = (
    "The stop rule aimed at the mean loss of the control models, which F3 then compares with: F3's mean is not independent of it."
)
NO_CONTROL = "There was no control model: nothing here is compared with a model that was not shown the records."
TOKENIZER_KEPT = "The tokenizer was learned from a corpus that held the records and was not changed; the control models use it too."
EMULATED = "Quantised states are emulated by quantising and dequantising the weights; kernels of an inference server round otherwise."
RELEARNED_SMALL = "Relearning was tried with one adapter size, one learning rate and at most 50 steps."


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    """The arms, and what they are asked, encoded once for all of them."""

    original: ArmSource
    unlearned: ArmSource
    controls: tuple[ArmSource, ...]
    asked: Mapping[str, Asked]
    attacks: Mapping[str, Attack]
    calibration: Sequence[Item]

    @property
    def sources(self) -> tuple[ArmSource, ...]:
        """Return the arms in the verification's order."""
        return (self.original, self.unlearned, *self.controls)


def verify(
    plan: Plan,
    plan_digest: str,
    unlearned: Unlearned,
    unlearned_digest: str,
    battery: Battery,
    *,
    qualification: QualificationUse | None = None,
    store: PassStore | None = None,
    time_out_s: float | None = None,
    progress: Progress = silent,
) -> tuple[Verification, bytes]:
    """Return the verification record and the per-item log as canonical bytes (ids and numbers, no text).

    store        keeps finished passes, so that a run that was killed goes on
    time_out_s   seconds that one state of one arm may take; its probes are then inconclusive (TIMED_OUT)

    Raises StalePlan for a probe that is not the planned one, ArtefactMismatch for arms with different tokenizers.
    """
    _require_planned_code(plan)
    arms = tuple(source.arm for source in battery.sources)
    if len({arm.tokenizer for arm in arms}) > 1:
        raise ArtefactMismatch(
            found="arms with different tokenizers",
            expected="one tokenizer for the original, the unlearned artefact and every control",
            remedy="make the controls and the artefact with the original's tokenizer; token by token they cannot be compared otherwise",
        )
    cards = [probe_cards()[planned.name] for planned in plan.probes]
    names = tuple(arm.name for arm in arms)
    wanted = planned_passes(cards, battery.asked, names, artefact_kind=unlearned.kind)
    work = Work(
        asked=battery.asked,
        attacks=battery.attacks,
        calibration=battery.calibration,
        seed=plan.seed,
        time_out_s=time_out_s,
        store=store or NoStore(),
    )
    made = make_passes(battery.sources, wanted, work, progress)
    blind = {asked.name: asked.blind_auc for asked in battery.asked.values() if asked.blind_auc is not None}
    log_bytes = write_item_log(Observed(arms=names, passes=made.found, failed=made.failed, blind_auc=blind))
    log = read_item_log(log_bytes, max_bytes=len(log_bytes))
    results = [
        measure_from_log(planned, card, load("probe", planned.name), log, arms=arms, seed=plan.seed, artefact_kind=unlearned.kind)
        for planned, card in zip(plan.probes, cards, strict=True)
    ]
    results.sort(key=lambda result: result.probe_id)
    sets = _measured_sets(battery, wanted, made, plan.seed)
    delta = repeat_delta(log)
    return (
        Verification(
            ticket_id=plan.ticket_id,
            attempt=plan.attempt,
            plan_digest=plan_digest,
            unlearned_digest=unlearned_digest,
            artefact_kind=unlearned.kind,
            arms=arms,
            environment=tuple(sorted((*environment(), *drawn_by()))),
            repeat_delta_nats=None if delta is None else decimal_text(delta, places=PLACES),
            sets=sets,
            probes=tuple(results),
            item_log_digest=digest_bytes(log_bytes),
            tokens_used=sum(measured.tokens for measured in sets),
            qualification=qualification,
            verdict=judge(
                results,
                class_requested=plan.guarantee_requested,
                artefact_kind=unlearned.kind,
                qualification=qualification,
                proof=unlearned.proof,
            ),
            limitations=_limitations(plan, battery, results),
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


def _measured_sets(battery: Battery, wanted: Sequence[PassKey], made: Passes, seed: int) -> tuple[MeasuredSet, ...]:
    """Return what every set cost, and, as a set of its own, what the relearning attacks did."""
    passes = forwards_of_sets(wanted)
    measured = [
        MeasuredSet(
            name=name,
            items=len(one.items),
            passes=passes[name],
            planned_tokens=one.tokens * passes[name],
            tokens=made.tokens.get(name, 0),
        )
        for name, one in sorted(battery.asked.items())
        if name in passes
    ]
    runs = {(key.arm, attack[0]) for key in wanted if (attack := attack_of(key.state)) is not None}
    if runs:
        measured.append(
            MeasuredSet(
                name=RELEARNING_STEPS,
                items=sum(len(attack.items) for attack in battery.attacks.values()),
                passes=len(runs),
                planned_tokens=relearning_tokens(battery.attacks, wanted, seed),
                tokens=relearning_tokens(battery.attacks, made.found, seed),
            )
        )
    return tuple(measured)


def _limitations(plan: Plan, battery: Battery, results: Sequence[ProbeResult]) -> tuple[str, ...]:
    own = [SMALL_MODELS_RELEARN]
    if battery.controls:
        own += [TOKENIZER_KEPT, *([AIMED_AT_CONTROL] if plan.stop.max_steps else [])]
    else:
        own.append(f"{NO_CONTROL} Reason: {plan.controls.reason}")
    measured = {result.probe_id.partition(".")[0] for result in results if result.estimate is not None}
    own += [EMULATED] if "R3" in measured else []
    own += [RELEARNED_SMALL] if "R4" in measured else []
    return (*own, *ALWAYS_STATED)
