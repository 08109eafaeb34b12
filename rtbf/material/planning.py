"""A plan, laid out: a method chosen, controls trained, levels measured, questions made, and all of it frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.canonical import digest_of
from rtbf.lm.load import folder_context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.effort import expected_epochs
from rtbf.lm.scoring import score_items
from rtbf.material.originals import control_of
from rtbf.material.questions import Encoding, make_questions
from rtbf.material.weighing import plan_basis
from rtbf.plan.card import load, method_card, probe_cards
from rtbf.plan.cost import training_cost
from rtbf.plan.profile import profile_named
from rtbf.plan.qualification import family_of, newest_qualification, sought_for
from rtbf.plan.quorum import quorum_for
from rtbf.plan.record import Control
from rtbf.plan.run import Level, freeze
from rtbf.progress import Progress, silent
from rtbf.verify.margins import banded, reference_band

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.lm.item_scores import ItemScores
    from rtbf.material.weighing import Basis
    from rtbf.plan.decisions import Decisions
    from rtbf.plan.holds import Hold
    from rtbf.plan.record import Plan, Qualification
    from rtbf.plan.request import PlanRequest
    from rtbf.ticket_view import TicketView


def planned(
    installation: Installation,
    view: TicketView,
    request: PlanRequest,
    planner_id: str,
    *,
    decisions: Decisions | None,
    holds: Sequence[Hold],
    restricted: Mapping[str, Collection[str]],
    grace_s: int,
    approval_valid_s: int,
    profile: str,
    threads: int,
    deadline_at: datetime | None = None,
    progress: Progress = silent,
) -> tuple[Plan, bytes]:
    """Return a frozen plan for the ticket and the words of its questions, to be sealed.

    Data is drawn, a method chosen, controls are trained, levels measured, the method tuned to them, and every question is made.

    decisions     the ticket's newest; None, or some that leave an item open, give no plan
    holds         every hold of the installation; those that are live now count
    restricted    by corpus version, the records that other open tickets are about: none is drawn as a sample
    profile       how much the verification asks
    deadline_at   until when an answer is due; None where that is not known, and then time decides nothing

    Raises PlanImpossible, StalePlan, BadInput, UnknownName and SignatureRefused as `rtbf.material.weighing.plan_basis` says.
    """
    basis = plan_basis(
        installation,
        view,
        request,
        decisions=decisions,
        holds=holds,
        restricted=restricted,
        grace_s=grace_s,
        deadline_at=deadline_at,
        profile=profile,
        threads=threads,
        progress=progress,
    )
    level, controls, reason, control_cost, margins = _measure_level(installation, view, basis, profile_named(profile).controls, progress)
    questions, words = make_questions(
        basis.request,
        basis.told,
        _encoding(basis.original),
        profile=profile,
        seed=basis.selection.seed,
        n_controls=len(controls),
        artefact_kind=_kind_of(basis.request),
        n_parameters=level.model_parameters,
    )
    plan = freeze(
        basis.request,
        basis.selection,
        ticket_id=view.ticket.ticket_id,
        attempt=view.attempt + 1,
        planned_by=planner_id,
        footprint_digest=digest_of(view.footprint),
        level=level,
        questions=questions,
        qualification=_qualification(installation, basis, level, controls),
        margins=margins,
        controls=controls,
        controls_reason=reason,
        control_cost=control_cost,
        proposed=_proposed(basis.request, level),
        quorum=quorum_for(basis.model, basis.models, changes_model=method_card(basis.request.named_method).artefact != "none"),
        grace_s=grace_s,
        approval_valid_s=approval_valid_s,
        choice=basis.choice,
    )
    return plan, words


def _encoding(original: Path) -> Encoding:
    return Encoding(tokenizer=load_tokenizer(original), max_tokens=folder_context_tokens(original))


def _qualification(installation: Installation, basis: Basis, level: Level, controls: Sequence[Control]) -> Qualification | None:
    """Return the method's newest qualification, whether or not it covers this plan; None when it has none."""
    sought = sought_for(
        basis.request, model_family=family_of(basis.original), model_parameters=level.model_parameters, has_controls=bool(controls)
    )
    return newest_qualification(installation.home, installation.trust, sought, installation.clock())


def _proposed(request: PlanRequest, level: Level) -> Mapping[str, str]:
    """Return the parameters that the method derives from the data; none for one that derives nothing."""
    propose = getattr(load("method", request.named_method), "propose", None)
    if propose is None:
        return {}
    derived: Mapping[str, str] = propose(
        sequence_drop_nats=level.sequence_drop_nats, answer_tokens=level.answer_tokens, model_parameters=level.model_parameters
    )
    return derived


def _kind_of(request: PlanRequest) -> str:
    """Return what kind of artefact the plan will come to."""
    card = method_card(request.named_method)
    if card.artefact == "adapter":
        return "merged" if request.is_merged else "adapter"
    is_bounded = card.class_cap == "dp"
    if card.artefact == "weights":
        return "private" if is_bounded else "retrained"
    return "accounted" if is_bounded else "unchanged"


def _measure_level(
    installation: Installation, view: TicketView, basis: Basis, n_controls: int, progress: Progress
) -> tuple[Level, list[Control], str, int, dict[str, tuple[str, str]]]:
    """Train what controls are cheap, and measure where original and controls stand on the forget items."""
    looked, model, selection = basis.looked, basis.model, basis.selection
    reason = looked.no_control
    controls, after, cost = [], [], 0
    for number in range(1, n_controls + 1 if reason is None else 1):
        folder, digest, seed = control_of(
            installation, view.ticket.ticket_id, selection, basis.original, basis.entry, number, progress, model
        )
        controls.append(Control(seed=seed, digest=digest))
        after.append(score_items(load_model(folder, digest, "a control model"), looked.forget, columns="plain"))
        cost += training_cost(looked.sizes.trained_tokens - looked.sizes.forget_tokens, expected_epochs(dict(model.recipe)))
    level = Level(
        item_levels_nats=_item_levels(after),
        sequence_drop_nats=_mean([_mean_sum(scores) - _mean_sum(looked.before) for scores in after]),
        model_parameters=looked.parameters,
        answer_tokens=sum(len(item.answer_ids) for item in looked.forget) / len(looked.forget),
        forget_items=len(looked.forget),
        forget_tokens=looked.sizes.forget_tokens,
        retain_tokens=looked.sizes.retain_tokens,
        retraining_cost=_anew_cost(basis),
    )
    made = f"{len(controls)} trained by the original's recipe without the {len(selection.forget.record_ids)} record(s)"
    return level, controls, reason or made, cost, _margins(after)


def _anew_cost(basis: Basis) -> int | None:
    """Return what a method takes that makes the weights anew, as its option says; None for every other."""
    option = basis.choice.option
    return option.tokens if option is not None and method_card(option.method).artefact == "weights" else None


def _margins(controls: Sequence[Sequence[ItemScores]]) -> dict[str, tuple[str, str]]:
    """Return the margins of probes that look at the records as served, no narrower than the controls' own differences."""
    found = {}
    for card in probe_cards().values():
        if (card.items, card.reads, card.states, card.baseline) != ("forget", "score", ("",), "control"):
            continue
        band = reference_band(controls, load("probe", card.name))
        if band is not None:
            found[card.name] = banded(card.margin, card.margin_origin, band, len(controls))
    return found


def _item_levels(controls: list[list[ItemScores]]) -> tuple[float, ...] | None:
    """Return each item's mean NLL per answer token in nats, averaged over the control models; None without any."""
    if not controls:
        return None
    return tuple(
        sum(-sum(score.log_probs) / len(score.log_probs) for score in scores) / len(scores) for scores in zip(*controls, strict=True)
    )


def _mean_sum(scores: list[ItemScores]) -> float:
    return sum(-sum(score.log_probs) for score in scores) / len(scores)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
