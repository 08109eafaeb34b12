"""Stage 2: choose data, method, thresholds and seeds, and freeze them. Needs no torch: what a model had to say comes in as numbers.

Refuses a plan that could not be carried out or judged: an item without a decision, no model to change, nothing left to
erase, no retained record, an unknown method or parameter. What it does not do: it does not approve; that needs others.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, PlanImpossible
from rtbf.evidence.canonical import digest_of
from rtbf.plan.card import code_digest, method_card, parse_parameters, probe_cards
from rtbf.plan.choice import require_askable
from rtbf.plan.cost import plan_cost, tokens_per_step
from rtbf.plan.decisions import erased_records, items_to_erase, models_to_change, require_decided
from rtbf.plan.holds import held_back, held_items
from rtbf.plan.items import model_item, record_item
from rtbf.plan.options import class_in_reach
from rtbf.plan.profile import runs_in
from rtbf.plan.record import (
    FORGET_BATCH,
    RETAIN_BATCH,
    Adapter,
    Control,
    ControlPlan,
    HeldItem,
    Plan,
    PlannedProbe,
    PlannedSet,
    Qualification,
    RecordSet,
    RelearnAttack,
    StopRule,
)
from rtbf.plan.retain import draw_retain, record_set
from rtbf.plan.stop import CONTROL_MARGIN_NATS, control_bounds, level_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from rtbf.corpora.corpus import CorpusVersion
    from rtbf.footprint.record import Footprint, ModelReached
    from rtbf.plan.choice import Choice
    from rtbf.plan.decisions import Decisions
    from rtbf.plan.holds import Hold
    from rtbf.plan.quorum import Quorum
    from rtbf.plan.request import PlanRequest

CHECK_EVERY_STEPS = 10
RETAIN_RISE_MAX_NATS = "0.01"
"""Half of the margin of U1: the retain sample is trained against, the held-out records are not, and lose more."""
FALLBACK_NLL_NATS = "2.302585"
"""−ln 0.1: the target without a control model, "answer probability at most 0.1"."""
_MAX_SEED = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The data of a plan, drawn before any model is loaded and before a method is chosen."""

    reached: ModelReached
    left_out: tuple[str, ...]
    decisions_digest: str
    held: tuple[HeldItem, ...]
    forget: RecordSet
    retain: RecordSet
    utility_holdout: RecordSet
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """What the models said about the forget items, as they will be trained on.

    item_levels_nats     mean NLL per answer token of each item under the control models; None without a control model
    sequence_drop_nats   mean over items of NLL_sum under the control models minus under the original; None likewise
    answer_tokens        mean answer tokens of a forget item
    retraining_cost      of a method that takes no steps of its own, in forward-token units; None for every other
    """

    item_levels_nats: tuple[float, ...] | None
    sequence_drop_nats: float | None
    model_parameters: int
    forget_items: int
    answer_tokens: float
    forget_tokens: int
    retain_tokens: int
    retraining_cost: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """What the verification will ask, fixed with the plan.

    tokens   forward tokens of all passes, relearning included, counted before they are run
    """

    profile: str
    sets: tuple[PlannedSet, ...]
    relearn: RelearnAttack | None
    tokens: int


def select(
    request: PlanRequest,
    footprint: Footprint,
    corpus: CorpusVersion | None,
    trained_ids: Sequence[str],
    *,
    decisions: Decisions | None,
    holds: Sequence[Hold],
    restricted: Collection[str],
    now: datetime,
) -> Selection:
    """Return model, method and data of the plan: what is decided `erase`, not held, and was trained on is to be forgotten.

    trained_ids   the records of `corpus` that the model was trained on
    restricted    records of `corpus` that another open ticket is about

    No record of this person, whatever was decided for it, and no restricted one is drawn to be retained or to measure on.
    Raises PlanImpossible, StalePlan for decisions on an older footprint, BadInput, UnknownName.
    """
    # A setting that no plan could use is refused now, before minutes are spent on control models.
    require_askable(request)
    decided = require_decided(footprint, decisions)
    held = held_items(footprint, holds, now)
    reached = choose_model(request, footprint, decided, held)
    if corpus is None:
        raise PlanImpossible(
            found="a corpus version that is not registered", expected="the corpus the model was trained on", remedy="add it again"
        )
    forget = _to_forget(footprint, decided, held, reached, trained_ids)
    # Equal record ids name equal text in whatever version a hit was found, so none of them may stay in the sample.
    kept_out = {*restricted, *(hit.record_id for hit in footprint.hits)}
    seed = secrets.randbelow(_MAX_SEED) if request.seed is None else request.seed
    retain, holdout = draw_retain(corpus, [record_id for record_id in trained_ids if record_id not in kept_out], seed)
    if not retain.record_ids or not holdout.record_ids:
        raise PlanImpossible(
            found=f"{len(forget)} record(s) to forget, {len(retain.record_ids)} to retain, {len(holdout.record_ids)} held out",
            expected="at least one of each",
            remedy="a model trained on hardly anything else is better retrained without the person",
        )
    return Selection(
        reached=reached,
        left_out=tuple(dict.fromkeys(model.model for model in footprint.models if model.model != reached.model)),
        decisions_digest=digest_of(decided),
        held=held_back(held, items_to_erase(footprint, decided)),
        forget=record_set(corpus, forget),
        retain=retain,
        utility_holdout=holdout,
        seed=seed,
    )


def choose_model(request: PlanRequest, footprint: Footprint, decisions: Decisions, held: Mapping[str, Hold]) -> ModelReached:
    """Return the model to change that the request names, or the only one; raises PlanImpossible or BadInput.

    To change is what was reached, is decided `erase` and is not held.
    """
    if not footprint.models:
        raise PlanImpossible(
            found="no model whose recorded training data holds the person's records",
            expected="at least one model to change",
            remedy="see `rtbf show TICKET` for what was searched; with nothing found, close it: `rtbf decide TICKET --close no_data`",
        )
    wanted = models_to_change(footprint, decisions)
    free = [name for name in wanted if model_item(name) not in held]
    if not free:
        names = ", ".join(sorted({held[model_item(name)].hold_id for name in wanted}))
        raise PlanImpossible(
            found=f"{len(wanted)} model(s) decided to be changed, each under a hold ({names})"
            if wanted
            else "no model decided to be changed",
            expected="at least one model that is decided `erase` and free of holds",
            remedy="release the hold or decide again; when all is kept, close it: `rtbf decide TICKET --close refused`",
        )
    reached = {model.model for model in footprint.models}
    if request.model is not None and request.model not in reached:
        raise BadInput(
            found=f"model '{request.model}'", expected=f"a model that was reached: {', '.join(sorted(reached))}", remedy="correct --model"
        )
    if request.model is not None and request.model not in free:
        why = f"hold {held[model_item(request.model)].hold_id}" if request.model in wanted else "its decision"
        raise PlanImpossible(
            found=f"model '{request.model}', which is kept by {why}",
            expected=f"one of {', '.join(free)}",
            remedy="plan for one of these, or release the hold or decide again",
        )
    if request.model is None and len(free) > 1:
        raise BadInput(
            found=f"{len(free)} models hold the person's records",
            expected="one plan for each",
            remedy=f"`rtbf plan TICKET --model NAME` with one of {', '.join(sorted(free))}",
        )
    chosen = request.model or free[0]
    return next(model for model in footprint.models if model.model == chosen)


def _to_forget(
    footprint: Footprint, decisions: Decisions, held: Mapping[str, Hold], reached: ModelReached, trained_ids: Sequence[str]
) -> list[str]:
    """Return what the model was trained on, is decided `erase` and is not held, in corpus order; raises PlanImpossible."""
    numbers = {hit.record_id: number for number, hit in enumerate(footprint.hits, start=1) if hit.version == reached.version}
    erased = {hit.record_id for hit in erased_records(footprint, decisions) if hit.version == reached.version}
    found = [record_id for record_id in trained_ids if record_id in numbers]
    wanted = [record_id for record_id in found if record_id in erased]
    forget = [record_id for record_id in wanted if record_item(numbers[record_id]) not in held]
    if forget:
        return forget
    holds = ", ".join(sorted({held[record_item(numbers[record_id])].hold_id for record_id in wanted}))
    raise PlanImpossible(
        found=f"nothing left to erase from {reached.model}: of {len(found)} record(s) it was trained on,"
        f" {len(found) - len(wanted)} are kept by decision and {len(wanted)} held" + (f" by {holds}" if holds else ""),
        expected="at least one record that is decided `erase` and free of holds",
        remedy="release the hold or decide again; when all is kept, close it: `rtbf decide TICKET --close refused`",
    )


def freeze(
    request: PlanRequest,
    selection: Selection,
    *,
    ticket_id: str,
    attempt: int,
    planned_by: str,
    footprint_digest: str,
    level: Level,
    questions: Questions,
    qualification: Qualification | None,
    controls: Sequence[Control],
    controls_reason: str,
    control_cost: int,
    proposed: Mapping[str, str],
    quorum: Quorum,
    grace_s: int,
    approval_valid_s: int,
    margins: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    choice: Choice | None = None,
) -> Plan:
    """Return the frozen plan. `proposed` are parameters the method derives from `level`; what a person set wins.

    request                    with its method: asked for, or chosen
    choice                     what it was chosen from, and why; None where nothing was weighed
    margins                    (margin, origin) by probe name, where the control models call for a wider one than the card
    grace_s, approval_valid_s   the installation's policy, bound by the digest like everything else that is approved
    """
    card = method_card(request.named_method)
    trains_adapter = card.artefact == "adapter"
    parameters = parse_parameters(card, {**proposed, **request.parameters})
    cap, cap_reason = class_in_reach(card, is_merged=request.is_merged)
    return Plan(
        ticket_id=ticket_id,
        attempt=attempt,
        planned_by=planned_by,
        footprint_digest=footprint_digest,
        decisions_digest=selection.decisions_digest,
        held=selection.held,
        model=selection.reached.model,
        model_digest=selection.reached.digest,
        left_out_models=selection.left_out,
        method=card.name,
        method_digest=code_digest("method", card.name),
        parameters=parameters,
        adapter=Adapter(rank=16, alpha=32, is_merged=request.is_merged) if trains_adapter else None,
        stop=_stop_rule(level, request, trains_adapter=trains_adapter),
        seed=selection.seed,
        forget=selection.forget,
        forget_levels_nats=_levels(level),
        retain=selection.retain,
        utility_holdout=selection.utility_holdout,
        profile=questions.profile,
        probes=planned_probes(questions.profile, margins),
        sets=questions.sets,
        relearn=questions.relearn,
        qualification=qualification,
        controls=ControlPlan(models=tuple(controls), reason=controls_reason),
        guarantee_requested=request.guarantee or (cap if cap in {"exact", "dp"} else "approximate"),
        class_cap=cap,
        cap_reason=cap_reason,
        cost=plan_cost(
            forget_tokens=level.forget_tokens,
            forget_tokens_per_step=tokens_per_step(level.forget_tokens, len(selection.forget.record_ids), FORGET_BATCH),
            retain_tokens_per_step=tokens_per_step(level.retain_tokens, len(selection.retain.record_ids), RETAIN_BATCH),
            max_steps=request.max_steps if trains_adapter else 0,
            retraining_cost=level.retraining_cost,
            control_cost=control_cost,
            verification=questions.tokens,
        ),
        quorum=quorum.approvers,
        quorum_reason=quorum.reason,
        grace_s=grace_s,
        approval_valid_s=approval_valid_s,
        options=() if choice is None else choice.options,
        choice_reason="" if choice is None else choice.reason,
        rate_origin="" if choice is None else choice.rate_origin,
    )


def _stop_rule(level: Level, request: PlanRequest, *, trains_adapter: bool) -> StopRule:
    low, high, origin = FALLBACK_NLL_NATS, None, "no control model: answer probability at most 0.1"
    if level.item_levels_nats is not None:
        low, high = control_bounds(level.item_levels_nats)
        origin = f"mean of the control model(s) ± {CONTROL_MARGIN_NATS} nat"
    return StopRule(
        forget_nll_nats_min=low,
        forget_nll_nats_max=high,
        retain_nll_nats_rise_max=RETAIN_RISE_MAX_NATS,
        target_origin=origin,
        is_braked=request.is_braked and trains_adapter,
        check_every_steps=CHECK_EVERY_STEPS,
        max_steps=request.max_steps if trains_adapter else 0,
    )


def _levels(level: Level) -> tuple[str, ...]:
    if level.item_levels_nats is None:
        return (FALLBACK_NLL_NATS,) * level.forget_items
    return tuple(level_text(value) for value in level.item_levels_nats)


def planned_probes(profile: str, margins: Mapping[str, tuple[str, str]] = MappingProxyType({})) -> tuple[PlannedProbe, ...]:
    """Return every probe that runs in `profile`, by id, with its card's threshold or the one that `margins` has for it."""
    probes = [
        PlannedProbe(
            probe_id=card.probe_id,
            name=card.name,
            family=card.family,
            role=card.role,
            code_digest=code_digest("probe", card.name),
            unit=card.unit,
            direction=card.direction,
            margin=margins.get(card.name, (card.margin, ""))[0],
            margin_origin=margins.get(card.name, ("", card.margin_origin))[1],
        )
        for card in probe_cards().values()
        if runs_in(card.profile, profile)
    ]
    return tuple(sorted(probes, key=lambda probe: probe.probe_id))
