"""What a method on a sharded model works on: the family with its keys, the newest state of its shards, and who leaves with it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from rtbf.foundry.families import family_of, records_of_untouched_shards, touched_places
from rtbf.lm.recipes.sharded.shape import FAMILY
from rtbf.material.originals import records_gone
from rtbf.pipeline.along import removals_along
from rtbf.plan.card import method_card
from rtbf.plan.options import ShardReach
from rtbf.store import registry
from rtbf.unlearn.method import ShardWork

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rtbf.corpora.corpus import Record
    from rtbf.installation import Installation
    from rtbf.lm.record import Model, Removal
    from rtbf.plan.record import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardInputs:
    """What is handed to a method on shards.

    records   what it is given: what remains, or of that what lies in untouched shards, as its card says
    along     what other tickets take out in the same run
    """

    work: ShardWork
    records: list[Record]
    along: tuple[Removal, ...]


def shard_inputs(
    installation: Installation, plan: Plan, model: Model, everything: Sequence[Record], forgotten: Collection[str]
) -> ShardInputs:
    """Return what a plan on a sharded model works on.

    forgotten   the plan's records that are taken out now
    It begins with the shards of the served revision where that is of the same family: whatever left the served weights since the
    plan was made stays away, and the result does not depend on which state one begins with.
    """
    newest = served_revision(installation, model)
    now = installation.clock()
    with installation.transaction() as session:
        along = removals_along(session, plan, now) if method_card(plan.method).trains_on == "remaining" else ()
    gone = {*forgotten, *records_gone(model, plan.forget.version), *records_gone(newest, plan.forget.version)}
    gone |= {record_id for removal in along for record_id in removal.record_ids}
    remaining = [record for record in everything if record.record_id not in gone]
    family, state = family_of(installation, newest)
    is_all = method_card(plan.method).trains_on == "remaining"
    return ShardInputs(
        work=ShardWork(family=family, state=state, seed=plan.seed, together_with=len(along)),
        records=remaining if is_all else records_of_untouched_shards(family, state, remaining),
        along=along,
    )


def served_revision(installation: Installation, model: Model) -> Model:
    """Return the revision that is served in the place of a sharded model, or the model itself where that is of another family."""
    with installation.transaction() as session:
        live = [one.model for one in registry.all_models(session) if one.model.name == model.name and one.status == "live"]
    own = dict(model.recipe)[FAMILY]
    return next((one for one in live if dict(one.recipe).get(FAMILY) == own), model)


def shard_reach(installation: Installation, model: Model, everything: Sequence[Record], forgotten: Collection[str]) -> ShardReach:
    """Return which shards and slices a sharded model's erasure touches, and how many records lie in these shards."""
    newest = served_revision(installation, model)
    family, state = family_of(installation, newest)
    gone = {record_id for trained in newest.trained_on for record_id in records_gone(newest, trained.version)}
    records = [record for record in everything if record.record_id not in gone]
    touched = touched_places(family, state, [record for record in records if record.record_id not in set(forgotten)])
    places = family.places()
    shards = {place.shard for place in touched}
    return ShardReach(
        shards=family.shape.shards,
        slices=family.shape.slices,
        rehearsal=Fraction(dict(model.recipe)["rehearsal"]),
        touched=tuple((place.shard, place.slice) for place in touched),
        records_touched=sum(places[record.record_id].shard in shards for record in records if record.record_id in places),
        records=len(records),
    )
