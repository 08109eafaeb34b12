"""What each method of a plan may reach and takes, and which is chosen: tables over lineages, classes, deadlines and policies."""

from __future__ import annotations

from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

import pytest

from rtbf.errors import BadInput, PlanImpossible, UnknownName
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.plan.card import MethodCard, Parameter, method_cards
from rtbf.plan.choice import Choice, choose_option, require_askable, require_lineage
from rtbf.plan.lineage import Ancestor, LineageFacts
from rtbf.plan.options import ShardReach, Situation, Sizes, class_in_reach, weighed_options
from rtbf.plan.record import Plan, PlanOption, Qualification
from rtbf.plan.request import PlanRequest
from rtbf.store.records import parse_record
from tests import builders

PLAIN, LORA = {"recipe": "plain", "tune": "scratch", "epochs": "20"}, {"recipe": "plain", "tune": "lora", "epochs": "20"}
SHARDED = {"recipe": "sharded", "rate": "0.1", "steps": "200", "slices": "5", "rehearsal": "0"}  # 20 looks at a record
BASE = Ancestor(recipe={}, knows_records=False, is_audited=True, is_as_trained=True)
PRIVATE_BASE = Ancestor(recipe={"recipe": "dp"}, knows_records=True, is_audited=True, is_as_trained=True)
SCRATCH = LineageFacts(recipe=PLAIN, is_recorded=True, is_as_trained=True, ancestors=())
ADAPTER, ON_PRIVATE = replace(SCRATCH, recipe=LORA, ancestors=(BASE,)), replace(SCRATCH, recipe=LORA, ancestors=(PRIVATE_BASE,))
IN_SHARDS = replace(SCRATCH, recipe=SHARDED, ancestors=(BASE,))
ITSELF_PRIVATE = replace(SCRATCH, recipe={"recipe": "dp", "rate": "0.1", "steps": "200"}, ancestors=(BASE,))
ADDED = LineageFacts(recipe={}, is_recorded=False, is_as_trained=True, ancestors=())
REACH = ShardReach(shards=4, slices=5, rehearsal=Fraction(0), touched=((3, 5), (1, 2)), records_touched=190, records=400)

SIZES = Sizes(
    forget_records=20,
    forget_tokens=400,
    retain_records=64,
    retain_tokens=1_600,
    trained_records=400,
    trained_tokens=8_400,
    stretch_epochs=5,
)
"""Every record has 20 or 25 tokens: a batch of 8 to forget has 160, one of 24 to retain 600."""


def card(name: str, **changes: Any) -> MethodCard:
    values: dict[str, Any] = {"artefact": "adapter", "class_cap": "approximate"} | changes
    return MethodCard(name=name, title=name, paper="none", source="a test", cost_formula="see the test", **values)


FRACTION = Parameter(
    name="fraction", kind="decimal", default="0.25", minimum="0.01", maximum="1", meaning="share of epochs", source="a test"
)
BETA = Parameter(name="beta", kind="decimal", default="0.1", minimum="0.001", maximum="5", meaning="beta", source="a test")
CARDS = {
    made.name: made
    for made in (
        card("npo", parameters=(BETA,)),
        card("ascent"),
        card("noop", artefact="none", class_cap="none"),
        card("full_retrain", artefact="weights", class_cap="exact", works_on=("plain",)),
        card("adapter_drop", artefact="weights", class_cap="exact", works_on=("plain_lora",), trains_on="nothing"),
        card("shard_retrain", artefact="weights", class_cap="exact", works_on=("sharded",)),
        card(
            "shard_switch_off", artefact="weights", class_cap="exact", works_on=("sharded",), trains_on="untouched", takes_effect="at_once"
        ),
        card("dp2unlearning", artefact="weights", class_cap="dp", works_on=("on_dp",), parameters=(FRACTION,)),
        card("certificate", artefact="none", class_cap="dp", works_on=("dp",)),
        card("guard", class_cap="suppression"),
    )
}


def situation(lineage: LineageFacts = SCRATCH, **changes: Any) -> Situation:
    made = Situation(
        lineage=lineage, sizes=SIZES, shards=REACH if lineage.recipe.get("recipe") == "sharded" else None, tokens_per_s=1_000.0,
        rate_origin="1,000 forward tokens a second, by hand", left_s=30 * 86_400.0, held_records=0, qualified={}, may_certify=False,
    )  # fmt: skip
    return replace(made, **changes)


def options(lineage: LineageFacts = SCRATCH, request: PlanRequest | None = None, **changes: Any) -> dict[str, PlanOption]:
    found = weighed_options(CARDS, request or PlanRequest(), situation(lineage, **changes))
    return {one.option.method: one.option for one in found}


def choice(lineage: LineageFacts = SCRATCH, *, method: str | None = None, guarantee: Any = None, **changes: Any) -> Choice:
    asked = PlanRequest(method=method, guarantee=guarantee, **changes.pop("asked", {}))
    return choose_option(CARDS, asked, situation(lineage, **changes))


LOOP = 400 + 3 * 300 * (160 + 600)  # one pass over the forget set, and 300 steps


@pytest.mark.parametrize(
    ("lineage", "method", "tokens"),
    [
        (SCRATCH, "npo", LOOP),
        (SCRATCH, "full_retrain", 3 * 8_000 * (20 + 5)),  # the epochs, and a stretch of 5
        (ADAPTER, "adapter_drop", 0),
        (IN_SHARDS, "shard_switch_off", 0),
        # Slices 2 to 5 of one shard and slice 5 of another, and one slice again: 6 of 20 slices.
        (IN_SHARDS, "shard_retrain", 3 * 8_000 * 20 * 6 // 20),
        # A quarter of the epochs from the private base, the same from the untrained one, and a stretch.
        (ON_PRIVATE, "dp2unlearning", 3 * 8_000 * (5 + 5 + 5)),
    ],
)
def test_each_method_takes_what_its_kind_of_work_comes_to(lineage: LineageFacts, method: str, tokens: int) -> None:
    option = options(lineage)[method]

    assert (option.unavailable, option.tokens) == (None, tokens)
    assert option.minutes == f"{tokens / 1_000 / 60:.2f}"


def test_steps_and_fraction_are_those_that_were_asked_for() -> None:
    few = options(request=PlanRequest(method="npo", max_steps=10))
    half = options(ON_PRIVATE, PlanRequest(method="dp2unlearning", parameters={"fraction": "0.5"}))

    assert few["npo"].tokens == 400 + 3 * 10 * 760
    assert half["dp2unlearning"].tokens == 3 * 8_000 * (10 + 10 + 5)
    assert half["dp2unlearning"].utility == "fine-tuned on the private base for 0.5 of the 20 epochs, without 20 records"


def test_fewer_records_than_a_batch_are_not_counted_as_a_whole_batch() -> None:
    two = replace(SIZES, forget_records=2, forget_tokens=40)

    assert options(sizes=two)["npo"].tokens == 40 + 3 * 300 * (40 + 600)


@pytest.mark.parametrize(
    ("lineage", "changes", "able"),
    [
        (SCRATCH, {}, {"npo", "ascent", "guard", "full_retrain"}),
        (ADDED, {}, {"npo", "ascent", "guard"}),
        (ADAPTER, {}, {"npo", "ascent", "guard", "full_retrain", "adapter_drop"}),
        (IN_SHARDS, {}, {"npo", "ascent", "guard", "shard_retrain", "shard_switch_off"}),
        (IN_SHARDS, {"shards": None}, {"npo", "ascent", "guard"}),
        (ON_PRIVATE, {}, {"npo", "ascent", "guard", "dp2unlearning"}),
        (ITSELF_PRIVATE, {}, {"npo", "ascent", "guard"}),
        (ADAPTER, {"held_records": 1}, {"npo", "ascent", "guard", "full_retrain"}),
        (ITSELF_PRIVATE, {"may_certify": True}, {"npo", "ascent", "guard", "certificate"}),
    ],
)
def test_what_can_be_planned_follows_from_lineage_and_policy(lineage: LineageFacts, changes: dict[str, Any], able: set[str]) -> None:
    found = options(lineage, **changes)

    assert {name for name, option in found.items() if option.unavailable is None} == able
    assert all((option.tokens is None) == (option.unavailable is not None) for option in found.values())
    # A control is no option, and whatever cannot be planned stands below everything that can.
    assert "noop" not in found
    out = [option.unavailable is not None for option in found.values()]
    assert out == sorted(out)


def test_a_bound_that_was_there_before_needs_the_policy_switch() -> None:
    assert "RTBF_DP_WITHOUT_COMPUTE" in (options(ITSELF_PRIVATE)["certificate"].unavailable or "")
    assert options(ITSELF_PRIVATE, may_certify=True)["certificate"].utility == "unchanged: the weights stay as they are"


@pytest.mark.parametrize("facts", [ON_PRIVATE, ITSELF_PRIVATE], ids=["on a private base", "itself private"])
def test_records_that_no_certificate_bounds_take_class_dp_from_every_method_and_nothing_else(facts: LineageFacts) -> None:
    why = "records that name 2 subjects"

    bounded, unbounded = (options(facts, may_certify=True, no_bound=no_bound) for no_bound in (None, why))

    lost = {name for name, one in bounded.items() if one.class_cap == "dp" and one.unavailable is None}
    assert lost
    assert {name: one.unavailable for name, one in unbounded.items()} == {
        name: why if name in lost else one.unavailable for name, one in bounded.items()
    }


def test_an_adapter_that_stays_apart_is_suppression_and_weights_cannot_be_kept_apart() -> None:
    found = options(request=PlanRequest(is_merged=False))

    assert (found["npo"].class_cap, found["npo"].unavailable) == ("suppression", None)
    assert "merge=no" in (found["full_retrain"].unavailable or "")


@pytest.mark.parametrize(
    ("method", "is_merged", "class_", "words"),
    [
        ("noop", True, "none", "the weights stay as they are"),
        ("certificate", True, "dp", "the training that made them bounds each subject's influence"),
        ("dp2unlearning", True, "dp", "a base whose own training bounds each subject's influence"),
        ("full_retrain", True, "exact", "made anew by the recorded recipe, without the records"),
        ("adapter_drop", True, "exact", "the base again, from before the records came in"),
        ("npo", True, "approximate", "weights changed and merged"),
        ("npo", False, "suppression", "can be switched off"),
    ],
)
def test_what_is_served_caps_the_class_and_says_why(method: str, is_merged: bool, class_: str, words: str) -> None:  # noqa: FBT001 - a table
    reached, why = class_in_reach(CARDS[method], is_merged=is_merged)

    assert reached == class_
    assert words in why


def test_expectations_are_built_from_the_numbers_that_are_known() -> None:
    qualified = Qualification(digest=builders.sha(3), ends_on="2027-01-01", covers=True, reason="same method")
    stale = replace(qualified, covers=False, reason="the method's code has changed since")

    shards, plain = options(IN_SHARDS), options(ADAPTER, qualified={"npo": qualified, "ascent": stale})

    assert shards["shard_switch_off"].utility == "without shards 1, 3: 190 of 400 records gone"
    assert "at once" in shards["shard_switch_off"].note
    assert shards["shard_retrain"].utility == "as trained, without 20 records"
    assert plain["adapter_drop"].utility == "without everything the adapter taught: all 400 records gone"
    assert plain["npo"].utility == "within the margins of the plan; qualified until 2027-01-01"
    assert plain["ascent"].utility == "within the margins of the plan; not qualified for this: the method's code has changed since"
    assert plain["guard"].utility == "within the margins of the plan; not qualified"


def test_a_base_that_nobody_audited_is_told_where_a_class_has_to_be_proven() -> None:
    found = options(replace(ADAPTER, ancestors=(replace(BASE, is_audited=False),)))

    assert "1 base(s) of it unaudited" in found["full_retrain"].note
    assert "unaudited" not in found["npo"].note
    assert found["full_retrain"].unavailable is None


@pytest.mark.parametrize(("left_s", "in_time"), [(684.5, True), (684.4, False), (0.0, False), (-9.0, False), (None, None)])
def test_an_option_is_in_time_when_it_ends_before_the_deadline(left_s: float | None, in_time: bool | None) -> None:  # noqa: FBT001 - a table
    # npo takes 684 400 tokens, at 1000 a second.
    option = options(left_s=left_s)["npo"]

    assert option.is_in_time is in_time
    assert ("ends after the deadline" in option.note) == (in_time is False)


@pytest.mark.parametrize(
    ("lineage", "guarantee", "method"),
    [
        (SCRATCH, None, "npo"),
        (ADDED, None, "npo"),
        (ADAPTER, None, "npo"),
        (IN_SHARDS, None, "shard_retrain"),
        (ON_PRIVATE, None, "dp2unlearning"),
        (ITSELF_PRIVATE, None, "npo"),
        (SCRATCH, "exact", "full_retrain"),
        (ADAPTER, "exact", "full_retrain"),
        (IN_SHARDS, "exact", "shard_retrain"),
        (ON_PRIVATE, "dp", "dp2unlearning"),
        (IN_SHARDS, "dp", "shard_retrain"),
        (SCRATCH, "approximate", "npo"),
        (ON_PRIVATE, "approximate", "dp2unlearning"),
        (SCRATCH, "suppression", "npo"),
    ],
)
def test_without_a_name_the_class_and_the_cost_choose(lineage: LineageFacts, guarantee: str | None, method: str) -> None:
    found = choice(lineage, guarantee=guarantee)

    assert found.method == method
    assert found.option is not None
    assert found.option.unavailable is None
    assert method in found.reason


def test_the_cheapest_of_a_class_is_taken_and_the_reason_says_so() -> None:
    """Both give what was asked for; a quarter of the epochs three times over takes less than 300 steps."""
    found = choice(ON_PRIVATE, guarantee="approximate")

    assert found.reason == "class approximate or a stronger one was asked for; dp2unlearning takes the fewest tokens of 3 that give it"


def test_a_whole_training_is_not_taken_for_its_low_price_alone() -> None:
    """With a long loop, training a tiny model again is cheaper: that is still a choice for a person, by class or by name."""
    found = choice(guarantee="approximate", asked={"max_steps": 3_000})

    assert options(request=PlanRequest(max_steps=3_000))["full_retrain"].tokens < (found.option.tokens or 0)  # type: ignore[operator,union-attr]
    assert found.method == "npo"
    assert "full_retrain (exact) is a whole training" in choice(asked={"max_steps": 3_000}).reason


def test_what_gives_up_more_than_the_records_is_taken_by_name_only() -> None:
    by_name = choice(IN_SHARDS, method="shard_switch_off")
    dropped = choice(ADAPTER, method="adapter_drop")

    assert by_name.method == "shard_switch_off"
    assert by_name.reason == "method shard_switch_off was asked for"
    assert dropped.method == "adapter_drop"
    assert "adapter_drop (exact) gives up more than the records" in choice(ADAPTER).reason


def test_a_control_is_taken_by_name_and_stands_beside_the_options() -> None:
    found = choice(method="noop")

    assert (found.method, found.option) == ("noop", None)
    assert "no remedy" in found.reason
    assert len(found.options) == len(CARDS) - 1


def test_of_equals_the_qualified_one_is_taken_then_npo() -> None:
    qualified = Qualification(digest=builders.sha(3), ends_on="2027-01-01", covers=True, reason="same method")

    assert choice().reason.endswith("npo takes no more than ascent and is the default among equals")
    leaning = choice(qualified={"ascent": qualified})
    assert leaning.method == "ascent"
    assert leaning.reason.endswith("ascent takes no more than npo and is qualified")
    assert choice(qualified={"ascent": replace(qualified, covers=False)}).method == "npo"


def test_a_class_that_ends_too_late_gives_way_to_the_next_and_the_reason_says_so() -> None:
    # All four shards from their first slice, and one slice again, take 504 s; a hundred steps of npo take 228 s.
    rules: dict[str, Any] = {"shards": replace(REACH, touched=tuple((shard, 1) for shard in range(4))), "asked": {"max_steps": 100}}
    early, late = choice(IN_SHARDS, left_s=600.0, **rules), choice(IN_SHARDS, left_s=300.0, **rules)

    assert early.method == "shard_retrain"
    assert late.method == "npo"
    assert "shard_retrain (exact) ends after the deadline" in late.reason
    assert "approximate is the strongest in reach" in late.reason


def test_where_nothing_ends_in_time_what_takes_the_least_is_taken() -> None:
    found = choice(IN_SHARDS, left_s=1.0)

    assert found.method == "shard_retrain"
    assert found.option is not None
    assert found.option.is_in_time is False


def test_a_deadline_that_is_over_decides_nothing() -> None:
    found = choice(IN_SHARDS, left_s=-86_400.0)

    assert found.method == "shard_retrain"
    assert "the deadline comes before anything could start" in found.reason
    assert choice(guarantee="exact", left_s=0.0).method == "full_retrain"


def test_a_class_that_nothing_gives_is_refused_with_everybodys_reason() -> None:
    with pytest.raises(PlanImpossible) as refused:
        choice(ADAPTER, guarantee="exact", left_s=10.0)

    text = str(refused.value)
    assert "no method that gives class exact" in text
    assert "full_retrain: ends after the deadline" in text
    assert "adapter_drop: chosen by name only, since it leaves the model without everything the adapter taught" in text
    assert "shard_retrain: the model was trained by the recipe plain, not sharded" in text
    assert "of a weaker class" in text


def test_a_plain_model_has_no_way_to_class_dp() -> None:
    with pytest.raises(PlanImpossible, match="full_retrain: a whole training, chosen where class exact is asked for"):
        choice(guarantee="dp")


@pytest.mark.parametrize(
    ("lineage", "method", "words"),
    [
        (ADDED, "full_retrain", "not trained here by a recorded recipe"),
        (ON_PRIVATE, "full_retrain", "itself trained on the person's records"),
        (SCRATCH, "adapter_drop", "there is none to drop"),
        (SCRATCH, "shard_switch_off", "not sharded"),
        (SCRATCH, "dp2unlearning", "not fine-tuned from a base that was trained with differential privacy"),
        (ITSELF_PRIVATE, "certificate", "RTBF_DP_WITHOUT_COMPUTE"),
    ],
)
def test_a_method_that_is_asked_for_and_cannot_be_is_refused_with_its_own_reason(lineage: LineageFacts, method: str, words: str) -> None:
    with pytest.raises(PlanImpossible, match=words):
        choice(lineage, method=method)


def test_a_method_that_is_asked_for_wins_over_the_deadline_and_says_so() -> None:
    found = choice(method="full_retrain", left_s=60.0)

    assert found.method == "full_retrain"
    assert found.reason == "method full_retrain was asked for; it ends after the deadline"


def test_a_setting_without_a_method_leaves_the_methods_that_have_it() -> None:
    found = options(IN_SHARDS, PlanRequest(parameters={"beta": "0.2"}))
    taken = choice(IN_SHARDS, asked={"parameters": {"beta": "0.2"}})

    assert found["shard_retrain"].unavailable == "it has no parameter beta"
    assert taken.method == "npo"
    assert taken.reason.endswith("npo alone gives it in time")


def test_what_no_method_could_be_asked_is_refused_before_anything_is_measured() -> None:
    require_askable(PlanRequest(parameters={"beta": "0.2"}))

    with pytest.raises(BadInput, match="beta"):
        require_askable(PlanRequest(parameters={"beta": "9"}))
    with pytest.raises(UnknownName, match="bta"):
        require_askable(PlanRequest(parameters={"bta": "1"}))
    with pytest.raises(UnknownName, match="npos"):
        require_askable(PlanRequest(method="npos"))


def test_what_the_registry_refuses_is_refused_by_the_registry_alone() -> None:
    require_lineage(PlanRequest(), ADDED)
    require_lineage(PlanRequest(method="npo"), ADDED)

    with pytest.raises(PlanImpossible, match="method full_retrain: the model was not trained here"):
        require_lineage(PlanRequest(method="full_retrain"), ADDED)


def test_every_method_of_this_release_is_weighed_on_every_lineage() -> None:
    """The cards themselves: whatever they say, an option has a cost or a reason, and something can always be planned."""
    cards = method_cards()
    for lineage in (SCRATCH, ADDED, ADAPTER, IN_SHARDS, ON_PRIVATE, ITSELF_PRIVATE):
        found = weighed_options(cards, PlanRequest(), situation(lineage))

        assert {one.option.method for one in found} == {name for name, card_ in cards.items() if card_.class_cap != "none"}
        assert any(one.option.unavailable is None for one in found)
        assert choose_option(cards, PlanRequest(), situation(lineage)).option is not None


def test_a_plan_of_the_schema_before_is_read_on_and_has_no_options() -> None:
    """Its digest stays that of its bytes; an approval of it cannot be carried out any more, since the plan is another record."""
    body = {name: value for name, value in asdict(builders.plan()).items() if name not in {"options", "choice_reason", "rate_origin"}}
    older = canonical_bytes(body | {"schema": "rtbf.plan/3"})

    read = parse_record(Plan, older, digest_bytes(older), "a plan")

    assert (read.schema, read.options, read.choice_reason, read.rate_origin) == ("rtbf.plan/3", (), "", "")
    assert replace(read, schema="rtbf.plan/4") == builders.plan()
