"""Which methods a model's lineage allows: every kind of lineage, and every reason against it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.lm.record import Model, TrainedOn
from rtbf.plan.lineage import KNOWING_BASE, NOT_AS_TRAINED, UNRECORDED, Ancestor, LineageFacts, lineage_facts, why_unfit
from tests import builders

if TYPE_CHECKING:
    from rtbf.plan.card import Lineage

PLAIN, LORA = {"recipe": "plain", "tune": "scratch", "epochs": "25"}, {"recipe": "plain", "tune": "lora", "epochs": "3"}
SHARDED, PRIVATE = {"recipe": "sharded"}, {"recipe": "dp"}
BASE = Ancestor(recipe={}, knows_records=False, is_audited=True, is_as_trained=True)
KNOWING = replace(BASE, knows_records=True)
PRIVATE_BASE = replace(KNOWING, recipe=PRIVATE)
SCRATCH = LineageFacts(recipe=PLAIN, is_recorded=True, is_as_trained=True, ancestors=())


def facts(recipe: dict[str, str], *ancestors: Ancestor, **changes: Any) -> LineageFacts:
    return replace(SCRATCH, recipe=recipe, ancestors=ancestors, **changes)


@pytest.mark.parametrize(
    ("lineage", "fits"),
    [
        (SCRATCH, {"any", "plain"}),
        (facts(PLAIN, BASE), {"any", "plain"}),
        (facts(LORA, BASE), {"any", "plain", "plain_lora"}),
        (facts(LORA, BASE, KNOWING), {"any"}),
        (facts(SHARDED, BASE), {"any", "sharded"}),
        (facts(SHARDED, KNOWING), {"any"}),
        (facts(PRIVATE, BASE), {"any", "dp"}),
        (facts(PRIVATE, BASE, is_as_trained=False), {"any"}),
        (facts(PRIVATE, KNOWING), {"any"}),
        (facts(LORA, PRIVATE_BASE), {"any", "on_dp"}),
        (facts(LORA, PRIVATE_BASE, BASE), {"any", "on_dp"}),
        # A private base that never had the records: then training again is exact as well.
        (facts(PLAIN, replace(PRIVATE_BASE, knows_records=False)), {"any", "plain", "on_dp"}),
        (facts(LORA, PRIVATE_BASE, KNOWING), {"any"}),
        (facts(LORA, replace(PRIVATE_BASE, is_as_trained=False)), {"any"}),
        (facts(LORA, KNOWING, PRIVATE_BASE), {"any"}),
        (facts(SHARDED, PRIVATE_BASE), {"any"}),
        (facts(PLAIN, is_recorded=False), {"any"}),
        (facts({}, is_recorded=False), {"any"}),
    ],
)
def test_a_lineage_allows_exactly_the_methods_that_can_work_on_it(lineage: LineageFacts, fits: set[str]) -> None:
    kinds: tuple[Lineage, ...] = ("any", "plain", "plain_lora", "sharded", "dp", "on_dp")

    allowed = {kind for kind in kinds if why_unfit(lineage, (kind,)) is None}

    assert allowed == fits


@pytest.mark.parametrize(
    ("lineage", "works_on", "reason"),
    [
        (facts({}, is_recorded=False), ("plain",), UNRECORDED),
        (facts(PLAIN, KNOWING), ("plain",), KNOWING_BASE),
        (facts(PRIVATE, BASE, is_as_trained=False), ("dp",), NOT_AS_TRAINED),
        (facts(LORA, replace(PRIVATE_BASE, is_as_trained=False)), ("on_dp",), NOT_AS_TRAINED),
        # Of two reasons the one that is nearer to fitting.
        (facts(PLAIN, KNOWING), ("sharded", "plain"), KNOWING_BASE),
    ],
)
def test_the_reason_says_what_stands_against_it(lineage: LineageFacts, works_on: tuple[Lineage, ...], reason: str) -> None:
    assert why_unfit(lineage, works_on) == reason


def test_one_kind_that_fits_is_enough() -> None:
    assert why_unfit(SCRATCH, ("sharded", "plain")) is None


def test_the_facts_are_those_of_the_registry() -> None:
    def trained_on(version: int) -> TrainedOn:
        return TrainedOn(corpus="community", version=builders.sha(version), records=100, excluded=(), confidence="recorded")

    model = Model(
        name="helper", revision=1, digest=builders.sha(5), origin="trained", recipe=tuple(sorted(LORA.items())), seed=7,
        trained_on=(trained_on(4),), base_digest=builders.sha(6), removals=(), files=(), environment=(),
    )  # fmt: skip
    added = replace(model, origin="added", recipe=(), seed=None, trained_on=())
    knowing = replace(model, origin="unlearned")

    found = lineage_facts(model, [added, knowing], {builders.sha(4)})

    assert (found.recipe, found.is_recorded, found.is_as_trained) == (LORA, True, True)
    assert [(one.knows_records, one.is_audited, one.is_as_trained) for one in found.ancestors] == [
        (False, False, True),
        (True, True, False),
    ]
    assert found.unaudited == 1
    for unknown in (replace(model, seed=None), replace(model, recipe=()), replace(model, trained_on=()),
                    replace(model, trained_on=(trained_on(4), trained_on(9)))):  # fmt: skip
        assert not lineage_facts(unknown, [], set()).is_recorded
