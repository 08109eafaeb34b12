"""What unlearning works on, and the registry record of what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_records
from rtbf.corpora.shared_runs import RUN_WORDS, sharing_records
from rtbf.errors import PlanImpossible
from rtbf.footprint.record import Footprint
from rtbf.foundry.controls import ancestors_of, why_not_dropped, why_not_retrained
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.sharded.shape import FAMILY, STATE
from rtbf.lm.record import Model, Removal
from rtbf.material.bounds import private_base, private_training_of
from rtbf.material.originals import base_of, original_of, records_gone, selected_records, unlearned_ids
from rtbf.material.shards import served_revision, shard_inputs
from rtbf.plan.card import method_card
from rtbf.plan.lineage import lineage_facts, why_unfit
from rtbf.store import registry
from rtbf.store.records import record_with_digest
from rtbf.unlearn.accounted import Bounded
from rtbf.unlearn.anew import Remaining
from rtbf.unlearn.run import Material

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan
    from rtbf.unlearn.method import PrivateBase
    from rtbf.unlearn.record import Unlearned


def unlearning_material(installation: Installation, plan: Plan, *, withheld: tuple[str, ...], threads: int) -> tuple[Material, Path]:
    """Return the loaded original with the plan's items, and the original's folder.

    withheld   records of the forget set that must not be unlearned (`rtbf.plan.withhold`): none of their items is handed on
    """
    prepare_torch(threads)
    original, entry = original_of(installation, plan)
    model = load_model(original, plan.model_digest, "the model to change")
    tokenizer = load_tokenizer(original)
    size = context_tokens(model)
    # The withheld ones are encoded too, since a long record has several items and each has its place among the levels.
    items = training_items(selected_records(installation, entry, plan.forget), tokenizer, size)
    places = tuple(place for place, item in enumerate(items) if item.record_id not in withheld)
    material = Material(
        model=model,
        tokenizer=tokenizer,
        forget=[items[place] for place in places],
        level_places=places,
        retain=training_items(selected_records(installation, entry, plan.retain), tokenizer, size),
        withheld=withheld,
    )
    return material, original


def rebuilding_work(installation: Installation, plan: Plan, *, withheld: tuple[str, ...], threads: int) -> Remaining:
    """Return what is left to train on when the plan's records are gone, and what the original was made by.

    withheld   records of the forget set that must not be unlearned (`rtbf.plan.withhold`): they stay among the inputs

    Raises PlanImpossible when the model can no longer be made again: what was recorded of it changed since the plan. Likewise
    when a record is withheld from a method that trains on nothing: it would take that record away as well.
    """
    prepare_torch(threads)
    original, entry = original_of(installation, plan)
    with installation.transaction() as session:
        model = registry.model_with_digest(session, plan.model_digest).model
    ancestors = ancestors_of(installation, model)
    trains_on_nothing = method_card(plan.method).trains_on == "nothing"
    if trains_on_nothing and withheld:
        raise PlanImpossible(
            found=f"{len(withheld)} record(s) that may not be unlearned any more, which {plan.method} would take away with the others",
            expected="nothing held or decided to be kept of what the adapter was trained on",
            remedy="plan again with another method, or when the hold is released",
        )
    card = method_card(plan.method)
    if card.class_cap == "dp":
        reason = why_unfit(lineage_facts(model, ancestors, {plan.forget.version}), card.works_on)
    else:
        reason = (why_not_dropped if trains_on_nothing else why_not_retrained)(model, ancestors, {plan.forget.version})
    if reason is not None or model.seed is None:
        raise PlanImpossible(found=str(reason), expected="a model whose training is recorded", remedy="plan again with another method")
    forgotten = set(plan.forget.record_ids) - set(withheld)
    gone = records_gone(model, plan.forget.version) | forgotten
    everything = list(read_records(entry, installation.home.resolved))
    remaining = [] if trains_on_nothing else [record for record in everything if record.record_id not in gone]
    shards = shard_inputs(installation, plan, model, everything, forgotten) if FAMILY in dict(model.recipe) else None
    if shards is not None:
        remaining = shards.records
    return Remaining(
        records=remaining,
        parameters=model.recipe,
        seed=model.seed,
        base=base_of(installation, model),
        original=original,
        withheld=withheld,
        near_duplicates=len(sharing_records((record for record in everything if record.record_id in forgotten), remaining)),
        run_words=RUN_WORDS,
        unaudited=tuple(ancestor.digest for ancestor in ancestors if not ancestor.trained_on),
        shards=None if shards is None else shards.work,
        along=() if shards is None else shards.along,
        private=_private(installation, plan, model, ancestors, forgotten) if card.class_cap == "dp" else None,
    )


def bounded_work(installation: Installation, plan: Plan, *, withheld: tuple[str, ...]) -> Bounded:
    """Return the private training of the plan's model itself, whose bound is stated with nothing done; arguments as above.

    Raises PlanImpossible when the model is not, or no longer, what the plan took it for, or policy does not let a bound suffice.
    """
    original, entry = original_of(installation, plan)
    with installation.transaction() as session:
        model = registry.model_with_digest(session, plan.model_digest).model
    ancestors = ancestors_of(installation, model)
    reason = why_unfit(lineage_facts(model, ancestors, {plan.forget.version}), method_card(plan.method).works_on)
    if reason is None and not installation.policy.dp_without_compute:
        reason = "policy no longer lets a bound suffice (RTBF_DP_WITHOUT_COMPUTE)"
    if reason is not None:
        raise PlanImpossible(found=reason, expected="a private model, and that policy", remedy="plan again with another method")
    gone = records_gone(model, plan.forget.version)
    return Bounded(
        original=original,
        recipe=model.recipe,
        inputs=[record.record_id for record in read_records(entry, installation.home.resolved) if record.record_id not in gone],
        withheld=withheld,
        run_words=RUN_WORDS,
        unaudited=tuple(ancestor.digest for ancestor in ancestors if not ancestor.trained_on),
        private=_private(installation, plan, model, ancestors, set(plan.forget.record_ids) - set(withheld)),
    )


def _private(installation: Installation, plan: Plan, model: Model, ancestors: Sequence[Model], forgotten: set[str]) -> PrivateBase:
    private = private_training_of(model, ancestors)
    with installation.transaction() as session:
        footprint = record_with_digest(session, plan.ticket_id, Footprint, plan.footprint_digest)
    if private is None or footprint is None:
        raise PlanImpossible(
            found="a model without private training, or a plan whose footprint is gone", expected="both", remedy="plan again"
        )
    return private_base(installation, private, footprint, plan.forget.version, forgotten)


def unlearned_model(installation: Installation, plan: Plan, plan_digest: str, record: Unlearned, along: tuple[Removal, ...] = ()) -> Model:
    """Return the registry's record of the new weights: the original's lineage, less what the ticket removed.

    along   what other tickets removed in the same run
    What was withheld is not called removed: a later footprint finds it in these weights again.
    """
    with installation.transaction() as session:
        original = registry.model_with_digest(session, plan.model_digest).model
        revision = registry.next_revision(session, plan.model)
    removal = Removal(
        ticket_id=plan.ticket_id,
        attempt=plan.attempt,
        plan_digest=plan_digest,
        corpus=plan.forget.corpus,
        version=plan.forget.version,
        record_ids=unlearned_ids(plan, record),
    )
    if record.proof is not None and record.proof.restored is not None:
        return _restored_model(installation, original, removal, record, revision)
    return Model(
        name=plan.model,
        revision=revision,
        digest=record.artefact_digest,
        origin="unlearned",
        recipe=_recipe_after(original, record),
        seed=original.seed,
        trained_on=original.trained_on,
        base_digest=plan.model_digest,
        removals=_removals(installation, original, (removal, *along)),
        files=record.files,
        environment=record.environment,
    )


def _recipe_after(original: Model, record: Unlearned) -> tuple[tuple[str, str], ...]:
    """Return the original's recipe; of a sharded model, with the state that its shards are in now."""
    shards = None if record.proof is None else record.proof.shards
    if shards is None:
        return original.recipe
    return tuple((name, shards.state_after if name == STATE else text) for name, text in original.recipe)


def _removals(installation: Installation, original: Model, own: tuple[Removal, ...]) -> tuple[Removal, ...]:
    """Return what is gone from the new weights: what was from the original, what left with it, and from a family what is served lacks."""
    served = served_revision(installation, original) if FAMILY in dict(original.recipe) else original
    earlier = {removal.ticket_id: removal for removal in (*original.removals, *served.removals)}
    # An earlier attempt of the same ticket removed no more than this one does.
    return tuple((earlier | {removal.ticket_id: removal for removal in own}).values())


def _restored_model(installation: Installation, original: Model, removal: Removal, record: Unlearned, revision: int) -> Model:
    """Return the registry's record of a base that is served in the place of an adapter over it: the lineage is the base's own.

    Not the original's: nothing of what the adapter was trained on is in these weights, so no later footprint of another person
    may find them by it. What earlier tickets removed stays listed, since a later ticket looks whether it came back.
    """
    assert record.proof is not None
    assert record.proof.restored is not None
    with installation.transaction() as session:
        base = registry.model_with_digest(session, record.proof.restored).model
    return Model(
        name=original.name,
        revision=revision,
        digest=record.artefact_digest,
        origin="unlearned",
        recipe=base.recipe,
        seed=base.seed,
        trained_on=base.trained_on,
        base_digest=base.digest,
        removals=tuple(dict.fromkeys((*base.removals, *original.removals, removal))),
        files=record.files,
        environment=record.environment,
    )
