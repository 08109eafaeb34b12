"""A plan, laid out: data drawn, controls trained, levels measured, questions made, and all of it frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.corpora.reading import read_records
from rtbf.errors import PlanImpossible
from rtbf.evidence.canonical import digest_of
from rtbf.foundry.controls import ancestors_of, why_no_control, why_not_dropped, why_not_retrained
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, folder_context_tokens, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.plain import SAVED_EVERY_EPOCHS
from rtbf.lm.scoring import score_items, tokens_of
from rtbf.material.originals import control_of, earlier_records, records_gone
from rtbf.material.questions import Encoding, Told, make_questions
from rtbf.plan.card import load, method_card, probe_cards
from rtbf.plan.cost import training_cost
from rtbf.plan.decisions import require_decided
from rtbf.plan.holds import held_items
from rtbf.plan.profile import profile_named
from rtbf.plan.qualification import family_of, newest_qualification, sought_for
from rtbf.plan.quorum import quorum_for
from rtbf.plan.record import Control
from rtbf.plan.run import Level, Selection, choose_model, freeze, select
from rtbf.progress import Progress, silent
from rtbf.store import registry
from rtbf.verify.margins import banded, reference_band

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import CorpusEntry, Record
    from rtbf.footprint.record import ModelReached
    from rtbf.installation import Installation
    from rtbf.lm.item_scores import ItemScores
    from rtbf.lm.record import Model
    from rtbf.plan.card import MethodCard
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
    progress: Progress = silent,
) -> tuple[Plan, bytes]:
    """Return a frozen plan for the ticket and the words of its questions, to be sealed.

    Data is drawn, controls are trained, levels measured, the method tuned to them, and every question is made.

    decisions    the ticket's newest; None, or some that leave an item open, give no plan
    holds        every hold of the installation; those that are live now count
    restricted   by corpus version, the records that other open tickets are about: none is drawn as a sample
    profile      how much the verification asks

    Raises PlanImpossible, StalePlan, BadInput and UnknownName as `rtbf.plan.run.select` says, SignatureRefused when a kept
    qualification of a method must not be believed.
    """
    if view.footprint is None:
        raise PlanImpossible(found="a ticket without footprint", expected="a located ticket", remedy=f"`rtbf run {view.ticket.ticket_id}`")
    now = installation.clock()
    decided = require_decided(view.footprint, decisions)
    reached = choose_model(request, view.footprint, decided, held_items(view.footprint, holds, now))
    prepare_torch(threads)
    model, original, entry, models = _registered(installation, view, request, reached)
    records = list(read_records(entry, installation.home.resolved, progress))
    trained_ids = _trained_ids(records, records_gone(model, reached.version))
    selection = select(
        request,
        view.footprint,
        entry.version,
        trained_ids,
        decisions=decided,
        holds=holds,
        restricted=restricted.get(reached.version, ()),
        now=now,
    )
    told = _told(installation, model, entry, selection, records)
    level, controls, reason, control_cost, margins = _measure_level(
        installation, view, model, original, entry, records, told, selection, profile_named(profile).controls, progress
    )
    questions, words = make_questions(
        request,
        told,
        _encoding(original),
        profile=profile,
        seed=selection.seed,
        n_controls=len(controls),
        artefact_kind=_kind_of(request, selection),
        n_parameters=level.model_parameters,
    )
    plan = freeze(
        request,
        selection,
        ticket_id=view.ticket.ticket_id,
        attempt=view.attempt + 1,
        planned_by=planner_id,
        footprint_digest=digest_of(view.footprint),
        level=level,
        questions=questions,
        qualification=_qualification(installation, request, original, level, controls),
        margins=margins,
        controls=controls,
        controls_reason=reason,
        control_cost=control_cost,
        proposed=_proposed(selection, level),
        quorum=quorum_for(model, models, changes_model=selection.card.artefact != "none"),
        grace_s=grace_s,
        approval_valid_s=approval_valid_s,
    )
    return plan, words


def _registered(
    installation: Installation, view: TicketView, request: PlanRequest, reached: ModelReached
) -> tuple[Model, Path, CorpusEntry, list[Model]]:
    """Return the reached model, its folder, the corpus version it was trained on, and every model of the installation.

    Raises PlanImpossible for a model that the method would have to make again and cannot.
    """
    with installation.transaction() as session:
        registered = registry.model_with_digest(session, reached.digest)
        entry = registry.corpus_version(session, reached.version)
        models = [other.model for other in registry.all_models(session)]
    _require_retrainable(installation, view, request, registered.model)
    return registered.model, installation.home.resolved(registered.location), entry, models


def _require_retrainable(installation: Installation, view: TicketView, request: PlanRequest, model: Model) -> None:
    """Return when the method makes no weights anew, or the model can be made again; raises PlanImpossible or UnknownName."""
    card = method_card(request.method)
    if card.artefact != "weights":
        return
    found_in = {hit.version for hit in view.footprint.hits} if view.footprint is not None else set()
    why_not = why_not_dropped if card.trains_on == "nothing" else why_not_retrained
    reason = why_not(model, ancestors_of(installation, model), found_in)
    if reason is not None:
        raise PlanImpossible(
            found=reason,
            expected="a model trained here on one corpus by a recorded recipe, on a base without the person's records",
            remedy="plan with a method that changes the weights; see `rtbf method list`",
        )


def _trained_ids(records: Sequence[Record], gone: Collection[str]) -> list[str]:
    return [record.record_id for record in records if record.record_id not in gone]


def _encoding(original: Path) -> Encoding:
    return Encoding(tokenizer=load_tokenizer(original), max_tokens=folder_context_tokens(original))


def _qualification(
    installation: Installation, request: PlanRequest, original: Path, level: Level, controls: Sequence[Control]
) -> Qualification | None:
    """Return the method's newest qualification, whether or not it covers this plan; None when it has none."""
    sought = sought_for(request, model_family=family_of(original), model_parameters=level.model_parameters, has_controls=bool(controls))
    return newest_qualification(installation.home, installation.trust, sought, installation.clock())


def _proposed(selection: Selection, level: Level) -> Mapping[str, str]:
    """Return the parameters that the method derives from the data; none for one that derives nothing."""
    propose = getattr(load("method", selection.card.name), "propose", None)
    if propose is None:
        return {}
    derived: Mapping[str, str] = propose(
        sequence_drop_nats=level.sequence_drop_nats, answer_tokens=level.answer_tokens, model_parameters=level.model_parameters
    )
    return derived


def _told(installation: Installation, model: Model, entry: CorpusEntry, selection: Selection, records: Sequence[Record]) -> Told:
    by_id = {record.record_id: record for record in records}
    forget, retain, holdout = (
        [by_id[record_id] for record_id in chosen.record_ids] for chosen in (selection.forget, selection.retain, selection.utility_holdout)
    )
    return Told(forget=forget, retain=retain, holdout=holdout, earlier=earlier_records(installation, model, entry))


def _kind_of(request: PlanRequest, selection: Selection) -> str:
    """Return what kind of artefact the plan will come to."""
    if selection.card.artefact == "adapter":
        return "merged" if request.is_merged else "adapter"
    return "retrained" if selection.card.artefact == "weights" else "unchanged"


def _measure_level(  # noqa: PLR0917 - what planning has at hand by then
    installation: Installation,
    view: TicketView,
    model: Model,
    original: Path,
    entry: CorpusEntry,
    records: list[Record],
    told: Told,
    selection: Selection,
    n_controls: int,
    progress: Progress,
) -> tuple[Level, list[Control], str, int, dict[str, tuple[str, str]]]:
    """Train what controls are cheap, and measure where original and controls stand on the forget items."""
    network: Any = load_model(original, model.digest, "the model to change")
    tokenizer = load_tokenizer(original)
    size = context_tokens(network)
    forget, retain = (training_items(chosen, tokenizer, size) for chosen in (told.forget, told.retain))
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    corpus_tokens = tokens_of(training_items(records, tokenizer, size))
    before = score_items(network, forget, columns="plain", progress=progress, step="scoring the original")
    found_in = {hit.version for hit in view.footprint.hits} if view.footprint is not None else set()
    reason = why_no_control(model, ancestors_of(installation, model), found_in, n_parameters, corpus_tokens)
    controls, after, cost = [], [], 0
    for number in range(1, n_controls + 1 if reason is None else 1):
        folder, digest, seed = control_of(installation, view.ticket.ticket_id, selection, original, entry, number, progress, model)
        controls.append(Control(seed=seed, digest=digest))
        after.append(score_items(load_model(folder, digest, "a control model"), forget, columns="plain"))
        cost += training_cost(corpus_tokens, int(dict(model.recipe)["epochs"]))
    level = Level(
        item_levels_nats=_item_levels(after),
        sequence_drop_nats=_mean([_mean_sum(scores) - _mean_sum(before) for scores in after]),
        model_parameters=n_parameters,
        answer_tokens=sum(len(item.answer_ids) for item in forget) / len(forget),
        forget_items=len(forget),
        forget_tokens=tokens_of(forget),
        retain_tokens=tokens_of(retain),
        retraining_cost=_rebuilding_cost(selection.card, model, corpus_tokens - tokens_of(forget)),
    )
    made = f"{len(controls)} trained by the original's recipe without the {len(selection.forget.record_ids)} record(s)"
    return level, controls, reason or made, cost, _margins(after)


def _rebuilding_cost(card: MethodCard, model: Model, tokens: int) -> int | None:
    """Return what the recipe takes on so many tokens, and a stretch of it again: at most as long as between two saves.

    0 for a method that trains on nothing, None for one that does not make the weights anew.
    """
    if card.artefact != "weights" or card.trains_on == "nothing":
        return 0 if card.artefact == "weights" else None
    epochs = int(dict(model.recipe)["epochs"])
    return training_cost(tokens, epochs + min(epochs, SAVED_EVERY_EPOCHS))


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
