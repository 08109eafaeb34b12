"""From found records to models: who learned from them, through whom, and of whom nothing is known."""

from __future__ import annotations

from typing import Any

import pytest

from rtbf.footprint.lineage import models_reached, versions_learned
from rtbf.footprint.record import Hit, ModelReached, NotSearched
from rtbf.lm.record import Model, Removal, TrainedOn

V1, V2 = "sha256:v1", "sha256:v2"


def trained(version: str = V1, corpus: str = "people", excluded: tuple[str, ...] = ()) -> TrainedOn:
    return TrainedOn(corpus=corpus, version=version, records=10, excluded=excluded, confidence="recorded")


def removal(*record_ids: str, version: str = V1) -> Removal:
    return Removal(ticket_id="tkt_0", attempt=1, plan_digest="sha256:p", corpus="people", version=version, record_ids=record_ids)


def model(name: str, **changes: Any) -> Model:
    values: dict[str, Any] = {
        "revision": 1, "digest": f"sha256:{name}", "origin": "trained", "recipe": (), "seed": 1, "trained_on": (trained(),),
        "base_digest": None, "removals": (), "files": (), "environment": (),
    }  # fmt: skip
    return Model(name=name, **{**values, **changes})


def hit(record_id: str, version: str = V1, corpus: str = "people") -> Hit:
    return Hit(corpus=corpus, version=version, record_id=record_id, matched=((1, "name", 1),))


def reached(
    *models: tuple[Model, str], hits: tuple[Hit, ...] = (hit("s:1"), hit("s:2")), scope: tuple[str, ...] = ()
) -> list[ModelReached]:
    return list(models_reached(hits, models, scope, {V1, V2}).reached)


def unknown(*models: tuple[Model, str], scope: tuple[str, ...] = (), searched: tuple[str, ...] = (V1, V2)) -> list[NotSearched]:
    return list(models_reached((hit("s:1"),), models, scope, searched).not_searched)


def test_a_live_model_trained_on_a_hit_is_reached_directly() -> None:
    found = reached((model("chat"), "live"))

    assert found == [ModelReached(model="chat", digest="sha256:chat", corpus="people", version=V1, hits=2, via=())]


@pytest.mark.parametrize("status", ["candidate", "superseded", "rejected"])
def test_a_model_that_is_not_served_is_not_reached(status: str) -> None:
    assert reached((model("chat"), status)) == []


def test_hits_in_a_version_the_model_never_saw_do_not_reach_it() -> None:
    assert reached((model("chat", trained_on=(trained(V2),)), "live")) == []


def test_excluded_records_do_not_reach_a_model() -> None:
    some = reached((model("chat", trained_on=(trained(excluded=("s:1",)),)), "live"))
    none = reached((model("chat", trained_on=(trained(excluded=("s:1", "s:2")),)), "live"))

    assert [found.hits for found in some] == [1]
    assert none == []


def test_a_fine_tuned_model_is_reached_through_its_base_and_says_how() -> None:
    base = model("base")
    middle = model("middle", trained_on=(), base_digest=base.digest)
    top = model("top", trained_on=(trained(V2),), base_digest=middle.digest)

    (found,) = reached((base, "superseded"), (middle, "superseded"), (top, "live"))

    assert (found.model, found.version, found.via) == ("top", V1, ("middle@1", "base@1"))


def test_what_was_removed_from_a_model_was_removed_from_what_it_inherited() -> None:
    original = model("chat")
    unlearned = model("chat", revision=2, digest="sha256:chat2", base_digest=original.digest, removals=(removal("s:1"),))

    (found,) = reached((original, "superseded"), (unlearned, "live"))

    assert found.hits == 1


def test_a_model_whose_every_hit_was_removed_is_not_reached() -> None:
    original = model("chat")
    unlearned = model("chat", revision=2, digest="sha256:chat2", base_digest=original.digest, removals=(removal("s:1", "s:2"),))

    assert reached((original, "superseded"), (unlearned, "live")) == []


def test_a_removal_from_a_base_says_nothing_of_what_was_learned_later() -> None:
    clean = model("base", removals=(removal("s:1", "s:2"),))
    relearned = model("chat", base_digest=clean.digest)

    (found,) = reached((clean, "superseded"), (relearned, "live"))

    assert (found.hits, found.via) == (2, ())


def test_a_removal_from_one_version_leaves_the_same_record_of_another() -> None:
    (found,) = reached((model("chat", removals=(removal("s:1", "s:2", version=V2),)), "live"))

    assert found.hits == 2


def test_an_added_model_without_declared_data_is_named_as_not_searched() -> None:
    silent = model("vendor", origin="added", trained_on=(), seed=None)

    assert reached((silent, "live")) == []
    assert unknown((silent, "live")) == [NotSearched(kind="model", name="vendor@1", reason="training_data_not_recorded")]


@pytest.mark.parametrize("is_registered", [True, False])
def test_a_base_of_unknown_data_is_named_beside_what_is_known(*, is_registered: bool) -> None:
    base = model("vendor", origin="added", trained_on=(), seed=None)
    tuned = model("chat", base_digest=base.digest)
    registry = [(tuned, "live"), *([(base, "superseded")] if is_registered else [])]

    assert [found.model for found in reached(*registry)] == ["chat"]
    assert unknown(*registry) == [NotSearched(kind="model", name="chat@1", reason="base_training_data_not_recorded")]


def test_a_model_whose_data_could_not_be_read_is_named_as_not_searched() -> None:
    assert unknown((model("chat"), "live"), searched=(V2,)) == [
        NotSearched(kind="model", name="chat@1", reason="training_data_not_searched")
    ]


def test_models_outside_the_tickets_scope_are_named_not_followed() -> None:
    models = ((model("chat"), "live"), (model("search"), "live"), (model("old"), "superseded"))

    found = models_reached((hit("s:1"),), models, ("search",), {V1})

    assert [reached.model for reached in found.reached] == ["search"]
    assert found.not_searched == (NotSearched(kind="model", name="chat@1", reason="outside_ticket_scope"),)


def test_a_model_that_is_its_own_ancestor_ends_the_walk() -> None:
    loop = model("loop", base_digest="sha256:loop")

    assert [found.hits for found in reached((loop, "live"))] == [2]


def test_every_version_an_heir_may_have_learned_from_is_to_be_searched() -> None:
    base = model("base", trained_on=(trained(V2),))
    top = model("top", base_digest=base.digest)
    stranger = model("stranger", trained_on=(trained("sha256:v3"),))

    models = ((base, "superseded"), (top, "live"), (stranger, "live"))

    assert versions_learned(models, ("top",)) == (V1, V2)
    assert versions_learned(models, ()) == (V1, V2, "sha256:v3")
