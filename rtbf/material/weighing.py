"""What a plan starts from: data drawn, the original looked at once, and the options weighed. Wakes torch; trains nothing.

The rate is measured where it costs nothing: planning scores the forget records on the original anyway. It is that of scoring,
in forward tokens, on a machine that does other things as well: minutes that are told from it are an estimate.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rtbf.corpora.reading import read_records
from rtbf.errors import ArtefactMismatch, BadInput, KeyDestroyed, PlanImpossible, UnknownName
from rtbf.foundry.controls import ancestors_of, why_no_control
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.plain import SAVED_EVERY_EPOCHS
from rtbf.lm.scoring import score_items, tokens_of
from rtbf.material.bounds import why_no_bound
from rtbf.material.originals import earlier_records, records_gone
from rtbf.material.questions import Told
from rtbf.material.shards import shard_reach
from rtbf.plan.card import method_cards
from rtbf.plan.choice import choose_option, require_askable, require_lineage
from rtbf.plan.decisions import require_decided
from rtbf.plan.holds import held_items, held_records
from rtbf.plan.lineage import lineage_facts
from rtbf.plan.options import Situation, Sizes
from rtbf.plan.profile import profile_named
from rtbf.plan.qualification import family_of, newest_qualification, sought_for
from rtbf.plan.run import Selection, choose_model, select
from rtbf.progress import Progress, silent
from rtbf.store import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import torch

    from rtbf.corpora.corpus import CorpusEntry, Record
    from rtbf.footprint.record import ModelReached
    from rtbf.installation import Installation
    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores
    from rtbf.lm.record import Model
    from rtbf.plan.card import MethodCard
    from rtbf.plan.choice import Choice
    from rtbf.plan.decisions import Decisions
    from rtbf.plan.holds import Hold
    from rtbf.plan.lineage import LineageFacts
    from rtbf.plan.options import ShardReach
    from rtbf.plan.record import Qualification
    from rtbf.plan.request import PlanRequest
    from rtbf.ticket_view import TicketView

RATE_TOKENS = 200
"""Fewer tokens than these say nothing about a rate: retained records are scored besides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What one look at the original gave. Items are those of training.

    before         scores of the forget items, in their order
    no_control     why no never-shown control is trained; None when it is
    tokens_per_s   forward tokens a second; `rate_origin` says on what they were measured
    """

    forget: Sequence[Item]
    retain: Sequence[Item]
    before: list[ItemScores]
    parameters: int
    sizes: Sizes
    no_control: str | None
    tokens_per_s: float
    rate_origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """Everything a plan is laid out from. `request` names the method that was chosen."""

    request: PlanRequest
    model: Model
    original: Path
    entry: CorpusEntry
    models: Sequence[Model]
    selection: Selection
    told: Told
    looked: Looked
    choice: Choice


def plan_basis(
    installation: Installation,
    view: TicketView,
    request: PlanRequest,
    *,
    decisions: Decisions | None,
    holds: Sequence[Hold],
    restricted: Mapping[str, Collection[str]],
    grace_s: int,
    deadline_at: datetime | None,
    profile: str,
    threads: int,
    progress: Progress = silent,
) -> Basis:
    """Return data, original and the method that is chosen for a ticket, with what else could be; arguments as for `planned`.

    Raises PlanImpossible, StalePlan, BadInput and UnknownName as `rtbf.plan.run.select` and `rtbf.plan.choice` say, and
    SignatureRefused when a kept qualification must not be believed.
    """
    if view.footprint is None:
        raise PlanImpossible(found="a ticket without footprint", expected="a located ticket", remedy=f"`rtbf run {view.ticket.ticket_id}`")
    require_askable(request)
    now = installation.clock()
    decided = require_decided(view.footprint, decisions)
    reached = choose_model(request, view.footprint, decided, held_items(view.footprint, holds, now))
    prepare_torch(threads)
    model, original, entry, models = _registered(installation, reached)
    ancestors, found_in = ancestors_of(installation, model), {hit.version for hit in view.footprint.hits}
    lineage = lineage_facts(model, ancestors, found_in)
    # What the registry refuses is refused before the corpus is read and the model loaded.
    require_lineage(request, lineage)
    gone = records_gone(model, reached.version)
    trained = [record for record in read_records(entry, installation.home.resolved, progress) if record.record_id not in gone]
    selection = select(
        request,
        view.footprint,
        entry.version,
        [record.record_id for record in trained],
        decisions=decided,
        holds=holds,
        restricted=restricted.get(reached.version, ()),
        now=now,
    )
    told = _told(installation, model, entry, selection, trained)
    looked = _look_at(model, original, ancestors, found_in, told, trained, progress)
    left_s = None if deadline_at is None else (deadline_at - now).total_seconds() - grace_s
    has_controls = looked.no_control is None and profile_named(profile).controls > 0
    shards = _shard_reach(installation, model, trained, selection)
    held = held_records(holds, selection.forget.corpus, reached.version, now) - gone
    no_bound = why_no_bound(installation, model, ancestors, view.footprint, reached.version, selection.forget.record_ids)
    choice = _chosen(
        installation, request, original, lineage, looked, shards, left_s, held=len(held), no_bound=no_bound, has_controls=has_controls
    )
    return Basis(
        request=replace(request, method=choice.method),
        model=model,
        original=original,
        entry=entry,
        models=models,
        selection=selection,
        told=told,
        looked=looked,
        choice=choice,
    )


def measured_rate(
    network: torch.nn.Module,
    forget: Sequence[Item],
    retain: Sequence[Item],
    *,
    progress: Progress = silent,
    elapsed_s: Callable[[], float] = time.perf_counter,
) -> tuple[list[ItemScores], float, str]:
    """Return the scores of the forget items, the forward tokens a second that scoring them took, and on what that was measured.

    elapsed_s   a clock that only differences are taken of
    """
    # The first pass of a process pays for buffers and kernels that no later one pays for.
    score_items(network, forget[:1], columns="plain")
    begun_s = elapsed_s()
    scores = score_items(network, forget, columns="plain", progress=progress, step="scoring the original")
    spent_s = elapsed_s() - begun_s
    besides: list[Item] = []
    for item in retain:
        if tokens_of([*forget, *besides]) >= RATE_TOKENS:
            break
        besides.append(item)
    if besides:
        begun_s = elapsed_s()
        score_items(network, besides, columns="plain")
        spent_s += elapsed_s() - begun_s
    tokens = tokens_of([*forget, *besides])
    # A clock that stood still says nothing; a microsecond is less than any pass takes.
    rate = tokens / max(spent_s, 1e-6)
    return scores, rate, f"{rate:,.0f} forward tokens a second, measured when {tokens:,} tokens of this model's records were scored here"


def _registered(installation: Installation, reached: ModelReached) -> tuple[Model, Path, CorpusEntry, list[Model]]:
    """Return the reached model, its folder, the corpus version it was trained on, and every model of the installation."""
    with installation.transaction() as session:
        registered = registry.model_with_digest(session, reached.digest)
        entry = registry.corpus_version(session, reached.version)
        models = [other.model for other in registry.all_models(session)]
    return registered.model, installation.home.resolved(registered.location), entry, models


def _told(installation: Installation, model: Model, entry: CorpusEntry, selection: Selection, records: Sequence[Record]) -> Told:
    by_id = {record.record_id: record for record in records}
    forget, retain, holdout = (
        [by_id[record_id] for record_id in chosen.record_ids] for chosen in (selection.forget, selection.retain, selection.utility_holdout)
    )
    return Told(forget=forget, retain=retain, holdout=holdout, earlier=earlier_records(installation, model, entry))


def _look_at(
    model: Model,
    original: Path,
    ancestors: Sequence[Model],
    found_in: set[str],
    told: Told,
    trained: Sequence[Record],
    progress: Progress,
) -> Looked:
    """Load the original, encode the records as they were trained on, and score those that are to be forgotten."""
    network: Any = load_model(original, model.digest, "the model to change")
    tokenizer = load_tokenizer(original)
    size = context_tokens(network)
    forget, retain = (training_items(chosen, tokenizer, size) for chosen in (told.forget, told.retain))
    trained_tokens = tokens_of(training_items(trained, tokenizer, size))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    before, rate, origin = measured_rate(network, forget, retain, progress=progress)
    return Looked(
        forget=forget,
        retain=retain,
        before=before,
        parameters=parameters,
        sizes=Sizes(
            forget_records=len(told.forget),
            forget_tokens=tokens_of(forget),
            retain_records=len(told.retain),
            retain_tokens=tokens_of(retain),
            trained_records=len(trained),
            trained_tokens=trained_tokens,
            stretch_epochs=SAVED_EVERY_EPOCHS,
        ),
        no_control=why_no_control(model, ancestors, found_in, parameters, trained_tokens),
        tokens_per_s=rate,
        rate_origin=origin,
    )


def _shard_reach(installation: Installation, model: Model, trained: Sequence[Record], selection: Selection) -> ShardReach | None:
    """Return which shards of the model the plan touches; None for a model without shards, or whose shards can no longer be read."""
    if dict(model.recipe).get("recipe") != "sharded":
        return None
    try:
        return shard_reach(installation, model, trained, selection.forget.record_ids)
    except (ArtefactMismatch, KeyDestroyed):
        return None


def _chosen(
    installation: Installation,
    request: PlanRequest,
    original: Path,
    lineage: LineageFacts,
    looked: Looked,
    shards: ShardReach | None,
    left_s: float | None,
    *,
    held: int,
    no_bound: str | None,
    has_controls: bool,
) -> Choice:
    cards = method_cards()
    situation = Situation(
        lineage=lineage,
        sizes=looked.sizes,
        shards=shards,
        tokens_per_s=looked.tokens_per_s,
        rate_origin=looked.rate_origin,
        left_s=left_s,
        held_records=held,
        qualified=_qualifications(installation, request, original, looked, cards, has_controls=has_controls),
        may_certify=installation.policy.dp_without_compute,
        no_bound=no_bound,
    )
    return choose_option(cards, request, situation)


def _qualifications(
    installation: Installation,
    request: PlanRequest,
    original: Path,
    looked: Looked,
    cards: Mapping[str, MethodCard],
    *,
    has_controls: bool,
) -> dict[str, Qualification]:
    """Return the newest qualification of each method that changes weights by steps, as far as it has one."""
    found = {}
    for card in cards.values():
        if card.artefact != "adapter":
            continue
        asked = replace(request, method=card.name, parameters=request.parameters if request.method in {None, card.name} else {})
        try:
            sought = sought_for(asked, model_family=family_of(original), model_parameters=looked.parameters, has_controls=has_controls)
        except (UnknownName, BadInput):
            continue  # the request's parameters are none of this method's, which its option says
        qualification = newest_qualification(installation.home, installation.trust, sought, installation.clock())
        if qualification is not None:
            found[card.name] = qualification
    return found
