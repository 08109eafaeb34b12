"""From passes to one probe's numbers per record: pairing, what is left out, what stands in for a control, and what is unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.observed import Observed, PassKey
from rtbf.verify.values import NotMeasuredError, Values, are_numbers, probe_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.observed import Observation
    from rtbf.verify.probe import Point

ARMS = ("original", "unlearned", "control-1", "control-2")
ALONE = ARMS[:2]
Numbers = Mapping[str, float | None]
"""Record id, with an item's number behind a slash where a record has several, → the number that the probe reads."""


def _card(**changes: Any) -> Any:
    facts = {
        "items": "forget",
        "states": ("",),
        "baseline": "control",
        "reads": "score",
        "test": "records",
        "needs": "",
    }
    return SimpleNamespace(**(facts | changes))


def _first(entry: Any) -> float | None:
    """Read the first log-probability; nought stands for an item that cannot carry the score."""
    return entry.log_probs[0] or None


PROBE: Any = SimpleNamespace(value=_first)


def _scores(numbers: Numbers) -> tuple[ItemScores, ...]:
    return tuple(
        ItemScores(
            record_id=name.partition("/")[0],
            log_probs=(0.0 if value is None else value,),
            hits=(False,),
            has_end=False,
        )
        for name, value in numbers.items()
    )


def _observed(
    passes: dict[tuple[str, str, str], Any], arms: tuple[str, ...] = ARMS, failed: dict[tuple[str, str, str], str] | None = None
) -> Observed:
    """Return the passes by (set, arm, state); numbers by record id become scores."""
    return Observed(
        arms=arms,
        passes={
            PassKey(items=items, arm=arm, state=state): _scores(found) if isinstance(found, Mapping) else tuple(found)
            for (items, arm, state), found in passes.items()
        },
        failed={PassKey(items=items, arm=arm, state=state): reason for (items, arm, state), reason in (failed or {}).items()},
    )


def _forget(*by_arm: Numbers) -> dict[tuple[str, str, str], Any]:
    return {("forget", arm, ""): numbers for arm, numbers in zip(ARMS, by_arm, strict=False)}


def _values(observed: Observed, card: Any = None, probe: Any = PROBE, kind: str = "merged") -> Values:
    return probe_values(card or _card(), probe, observed, artefact_kind=kind)


FOUR = _forget({"a": -1.0, "b": -2.0}, {"a": -3.0, "b": -5.0}, {"a": -4.0, "b": -6.0}, {"a": -5.0, "b": -10.0})


def test_records_are_paired_by_their_ids_and_compared_with_the_controls_mean() -> None:
    found = _values(_observed(FOUR))

    assert found.record_ids == ("a", "b")
    assert (found.before.values, found.after.values) == ([-1.0, -2.0], [-3.0, -5.0])
    assert found.control is not None
    assert found.control.values == [-4.5, -8.0]  # (4 + 5)/2 and (6 + 10)/2
    assert found.control_before == found.control
    assert found.compared_with == "control models"
    assert (found.n_items, found.n_excluded) == (2, 0)


def test_the_items_of_one_record_become_one_number() -> None:
    passes = _forget(*({"a/1": level, "a/2": level - 2.0, "b/1": level} for level in (-1.0, -2.0, -3.0, -5.0)))

    found = _values(_observed(passes))

    assert found.after.values == [-3.0, -2.0]  # a: (−2 − 4)/2
    assert found.control is not None
    assert found.control.values == [-5.0, -4.0]  # a: (−3 − 5 − 5 − 7)/4
    assert (found.record_ids, found.n_items) == (("a", "b"), 3)


def test_a_probes_own_way_of_uniting_is_used_and_sees_label_state_and_value() -> None:
    seen: list[tuple[str, str, float]] = []

    def worst(points: Sequence[Point]) -> float:
        seen.extend((point.label, point.state, point.value) for point in points)
        return max(point.value for point in points)

    passes = {("forget", arm, state): {"a/1": -1.0, "a/2": -2.0} for arm in ALONE for state in ("", "nf4")}

    found = _values(_observed(passes, ALONE), _card(states=("", "nf4")), SimpleNamespace(value=_first, combine=worst))

    assert found.after.values == [-1.0]
    assert seen[:4] == [("", "", -1.0), ("", "", -2.0), ("", "nf4", -1.0), ("", "nf4", -2.0)]


def test_an_item_that_the_original_cannot_carry_is_left_out_of_every_arm_and_counted() -> None:
    passes = _forget({"a": None, "b": -2.0}, {"a": -3.0, "b": -5.0}, {"a": -4.0, "b": -6.0}, {"a": -5.0, "b": -7.0})

    found = _values(_observed(passes))

    assert (found.record_ids, found.after.values) == (("b",), [-5.0])
    assert (found.n_items, found.n_excluded) == (1, 1)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_an_item_that_only_another_arm_cannot_carry_is_no_number_and_never_left_out(place: int) -> None:
    """Left out, a record that the artefact garbles would drop from the comparison."""
    by_arm: list[dict[str, float | None]] = [{"a": -1.0, "b": -2.0} for _ in ARMS]
    by_arm[place]["a"] = None

    found = _values(_observed(_forget(*by_arm)))

    column = found.after if place == 1 else found.control
    assert column is not None
    assert math.isnan(column.values[0])
    assert column.values[1] == -2.0
    assert (found.record_ids, found.n_items, found.n_excluded) == (("a", "b"), 2, 0)


def test_a_record_of_which_nothing_can_be_united_is_left_out_with_its_items() -> None:
    def pair(points: Sequence[Point]) -> float | None:
        return points[0].value - points[1].value if len(points) == 2 else None

    passes = _forget(*({"a/1": -1.0, "a/2": -3.0, "b/1": -1.0} for _ in ARMS))

    found = _values(_observed(passes), probe=SimpleNamespace(value=_first, combine=pair))

    assert (found.record_ids, found.after.values) == (("a",), [2.0])
    assert (found.n_items, found.n_excluded) == (2, 1)


def test_without_controls_each_model_is_compared_with_its_own_siblings() -> None:
    passes = {**FOUR, ("siblings", "original", ""): {"a": -10.0, "b": -20.0}, ("siblings", "unlearned", ""): {"a": -30.0, "b": -40.0}}
    alone = _observed({key: numbers for key, numbers in passes.items() if key[1] in ALONE}, ALONE)

    found = _values(alone)

    assert found.compared_with == "siblings"
    assert found.control is not None
    assert found.control_before is not None
    assert (found.control.values, found.control_before.values) == ([-30.0, -40.0], [-10.0, -20.0])
    assert _values(_observed(passes)).compared_with == "control models"  # where there is a control, it is better


def test_siblings_are_paired_by_record_id_and_a_record_without_one_is_left_out_and_counted() -> None:
    passes: dict[tuple[str, str, str], Any] = {("forget", arm, ""): {"a": -1.0, "b/1": -2.0, "b/2": -2.0, "c": -3.0} for arm in ALONE}
    # In another order than the records, two to a record, one of them mute.
    passes |= {("siblings", arm, ""): {"c": -30.0, "a/1": -10.0, "a/2": -20.0, "b": None} for arm in ALONE}

    found = _values(_observed(passes, ALONE))

    assert found.record_ids == ("a", "c")
    assert found.control is not None
    assert found.control.values == [-15.0, -30.0]
    assert (found.n_items, found.n_excluded) == (2, 2)


@pytest.mark.parametrize("changes", [{"reads": "reply"}, {"baseline": "before"}, {"baseline": "chance"}])
def test_siblings_stand_in_for_nothing_else(changes: dict[str, Any]) -> None:
    passes = {("forget", arm, ""): {"a": -1.0} for arm in ALONE} | {("siblings", arm, ""): {"a": -9.0} for arm in ALONE}

    found = _values(_observed(passes, ALONE), _card(**changes))

    assert found.compared_with != "siblings"
    assert found.control is None or found.control.values == [0.5]


def test_without_controls_and_siblings_there_is_nothing_to_compare_with() -> None:
    found = _values(_observed({key: numbers for key, numbers in FOUR.items() if key[1] in ALONE}, ALONE))

    assert (found.control, found.control_before, found.compared_with) == (None, None, None)
    assert found.after.values == [-3.0, -5.0]


def test_against_before_the_controls_are_still_told() -> None:
    found = _values(_observed(FOUR), _card(baseline="before"))

    assert found.compared_with == "before"
    assert found.control is not None
    assert found.control.values == [-4.5, -8.0]


def test_a_pass_that_gave_nothing_gives_its_reason() -> None:
    passes = {key: numbers for key, numbers in FOUR.items() if key[1] != "control-2"}

    with pytest.raises(NotMeasuredError, match="TIMED_OUT"):
        _values(_observed(passes, failed={("forget", "control-2", ""): "TIMED_OUT"}))
    with pytest.raises(NotMeasuredError, match="TIMED_OUT"):
        are_numbers(_card(), _observed(passes, failed={("forget", "control-2", ""): "TIMED_OUT"}), artefact_kind="merged")


def test_a_pass_that_was_never_made_is_an_error_and_never_nothing_found() -> None:
    passes = {key: numbers for key, numbers in FOUR.items() if key[1] != "unlearned"}

    with pytest.raises(NotMeasuredError, match="PROBE_ERROR"):
        _values(_observed(passes))


def test_siblings_of_which_a_pass_is_wanting_do_not_stand_in_in_part() -> None:
    passes: dict[tuple[str, str, str], Any] = {("forget", arm, ""): {"a": -1.0} for arm in ALONE}
    passes[("siblings", "original", "")] = {"a": -9.0}

    with pytest.raises(NotMeasuredError, match="NUMERIC"):
        _values(_observed(passes, ALONE, failed={("siblings", "unlearned", ""): "NUMERIC"}))


def test_attacks_are_compared_with_the_original_as_served_and_with_attacked_controls() -> None:
    passes = {("forget", arm, "" if arm == "original" else "relearn-rtt@5"): {"a": -1.0 - place} for place, arm in enumerate(ARMS)}

    found = _values(_observed(passes), _card(states=("relearn-rtt@5",)))

    assert (found.before.values, found.after.values) == ([-1.0], [-2.0])
    assert found.control is not None
    assert found.control.values == [-3.5]  # (3 + 4)/2


def test_with_an_adapter_only_the_artefact_is_read_in_its_state() -> None:
    passes = {("forget", arm, "adapter-off" if arm == "unlearned" else ""): {"a": -1.0 - place} for place, arm in enumerate(ARMS)}

    found = _values(_observed(passes), _card(states=("adapter-off",)), kind="adapter")

    assert found.after.values == [-2.0]
    with pytest.raises(NotMeasuredError, match="PROBE_ERROR"):
        _values(_observed(passes), _card(states=("adapter-off",)), kind="merged")


def test_pieces_are_told_by_label_and_state_with_their_sizes() -> None:
    def entries(level: float) -> list[ItemScores]:
        labels = ("qa", "cloze", "qa")
        return [
            replace(entry, label=label) for entry, label in zip(_scores({"a/1": level, "a/2": level, "b": level - 2}), labels, strict=True)
        ]

    passes = {
        ("forget", arm, state): entries(-1.0 - place - (10.0 if state else 0.0)) for place, arm in enumerate(ARMS) for state in ("", "nf4")
    }

    found = _values(_observed(passes), _card(states=("", "nf4")))

    # The artefact at −2: of "qa" −2 and −4; the controls at −3 and −4, half way between them.
    assert found.after.parts == {("qa", ""): -3.0, ("cloze", ""): -2.0, ("qa", "nf4"): -13.0, ("cloze", "nf4"): -12.0}
    assert found.control is not None
    assert found.control.parts == {("qa", ""): -4.5, ("cloze", ""): -3.5, ("qa", "nf4"): -14.5, ("cloze", "nf4"): -13.5}
    assert found.after.sizes == {("qa", ""): 2, ("cloze", ""): 1, ("qa", "nf4"): 2, ("cloze", "nf4"): 1}
    # Items are counted once, however many states they are looked at in.
    assert (found.n_items, found.n_excluded) == (3, 0)


def test_two_joined_sets_are_told_apart_as_members_and_siblings() -> None:
    def difference(points: Sequence[Point]) -> float:
        sides = {point.label: point.value for point in points}
        return sides["member"] - sides["sibling"]

    passes = {(name, arm, ""): {"a": -1.0 if name == "forget" else -4.0} for name in ("forget", "siblings") for arm in ARMS}

    found = _values(_observed(passes), _card(items="forget+siblings"), SimpleNamespace(value=_first, combine=difference))

    assert found.after.values == [3.0]
    assert set(found.after.parts) == {("member", ""), ("sibling", "")}
    assert found.n_items == 2


def _choice(record_id: str, true: float, others: tuple[float, ...]) -> ChoiceScores:
    return ChoiceScores(record_id=record_id, label="phone", true=true, true_tokens=1, others=others, others_tokens=(1,) * len(others))


def test_exact_ranks_pair_item_by_item_and_are_compared_with_guessing() -> None:
    card = _card(items="secrets", reads="choice", test="ranks", baseline="chance")
    entries: list[Observation] = [_choice("a", -1.0, (-1.0, -1.0, -3.0)), _choice("a", -2.0, (-5.0,)), _choice("b", -3.0, (-3.0, -4.0))]
    probe = SimpleNamespace(value=lambda entry: entry.true)

    found = _values(_observed({("secrets", arm, ""): entries for arm in ARMS}), card, probe)

    assert found.after.values == [-1.0, -2.0, -3.0]  # three items, of two records
    assert found.record_ids == ("a", "b")
    assert (found.candidates, found.ties) == ((3, 1, 2), (2, 0, 1))
    assert found.control is not None
    assert (found.control.values, found.compared_with) == ([0.5] * 3, "chance")


def test_ties_are_those_of_the_artefact() -> None:
    card = _card(items="secrets", reads="choice", test="best_rank", baseline="chance")
    passes = {("secrets", arm, ""): [_choice("a", -1.0, (-1.0, -2.0) if arm == "unlearned" else (-2.0, -2.0))] for arm in ARMS}

    assert _values(_observed(passes), card, SimpleNamespace(value=lambda entry: entry.true)).ties == (1,)


def test_other_tests_rank_nothing() -> None:
    found = _values(_observed(FOUR))

    assert (found.candidates, found.ties) == ((), ())


def _reply(record_id: str, leaks: int, samples: int = 10) -> ReplyScores:
    return ReplyScores(
        record_id=record_id, label="qa", samples=samples, leaks=leaks, refusals=0, rouge_recall=0.0, rouge_f1=0.0, repeats=0.0, entropy=1.0
    )


def test_generations_are_counted_over_all_items_and_all_controls() -> None:
    leaks = {"original": (9, 8), "unlearned": (2, 1), "control-1": (1, 0), "control-2": (0, 3)}
    passes = {("forms", arm, ""): [_reply("a", one), _reply("b", other, samples=20)] for arm, (one, other) in leaks.items()}

    found = _values(_observed(passes), _card(items="forms", reads="reply", test="trials"), SimpleNamespace(value=lambda entry: entry.leaks))

    assert (found.before.hits, found.before.trials) == (17, 30)
    assert (found.after.hits, found.after.trials) == (3, 30)
    assert found.control is not None
    assert (found.control.hits, found.control.trials) == (4, 60)


WITNESS: Any = SimpleNamespace(value=_first, is_witness=lambda entry: entry.log_probs[0] > -0.5)


@pytest.mark.parametrize(
    ("original", "unlearned", "controls", "baseline", "expected"),
    [
        (-0.1, -0.1, (-9.0, -9.0), "control", 2),
        (-9.0, -0.1, (-9.0, -9.0), "control", 2),
        # What a model that was never shown the records gives back as well is a guess.
        (-0.1, -0.1, (-9.0, -0.1), "control", 0),
        (-0.1, -9.0, (-9.0, -9.0), "control", 0),
        # For earlier tickets: what came back that was not there before.
        (-0.1, -0.1, (-9.0, -9.0), "before", 0),
        (-9.0, -0.1, (-0.1, -0.1), "before", 2),
    ],
)
def test_a_witness_is_an_item_that_comes_back_from_the_artefact_alone(
    original: float, unlearned: float, controls: tuple[float, float], baseline: str, expected: int
) -> None:
    passes = _forget(*({"a": level, "b": level} for level in (original, unlearned, *controls)))

    assert _values(_observed(passes), _card(baseline=baseline), WITNESS).witnesses == expected


def test_without_anyone_to_compare_with_there_is_no_witness_and_no_nought() -> None:
    passes = _forget({"a": -0.1}, {"a": -0.1})

    assert _values(_observed(passes, ALONE), probe=WITNESS).witnesses is None
    assert _values(_observed(FOUR)).witnesses is None  # this probe knows no witnesses


@pytest.mark.parametrize("arm", ARMS)
def test_one_log_probability_that_is_no_number_marks_the_whole_probe_even_where_its_value_does_not_read_it(arm: str) -> None:
    passes = {("forget", name, ""): list(_scores({"a": -1.0, "b": -2.0})) for name in ARMS}
    entry = passes[("forget", arm, "")][1]
    passes[("forget", arm, "")][1] = replace(entry, log_probs=(-2.0, math.nan), hits=(False, False))
    observed = _observed(passes)

    assert _values(observed).has_nan
    assert not are_numbers(_card(), observed, artefact_kind="merged")
    assert not _values(_observed(FOUR)).has_nan
    assert are_numbers(_card(), _observed(FOUR), artefact_kind="merged")


@pytest.mark.parametrize("changes", [{"true": math.nan}, {"others": (-1.0, math.nan)}])
def test_a_choice_with_a_number_that_is_none_marks_the_probe(changes: dict[str, Any]) -> None:
    passes = {("secrets", arm, ""): [_choice("a", -1.0, (-1.0, -2.0))] for arm in ARMS}
    passes[("secrets", "unlearned", "")] = [replace(_choice("a", -1.0, (-1.0, -2.0)), **changes)]

    found = _values(_observed(passes), _card(items="secrets", reads="choice"), SimpleNamespace(value=lambda _entry: 1.0))

    assert found.has_nan


def test_a_sibling_with_a_number_that_is_none_marks_the_probe_too() -> None:
    passes: dict[tuple[str, str, str], Any] = {("forget", arm, ""): {"a": -1.0} for arm in ALONE}
    passes |= {("siblings", arm, ""): {"a": math.nan} for arm in ALONE}

    assert _values(_observed(passes, ALONE)).has_nan


def test_no_items_give_no_numbers() -> None:
    found = _values(_observed(_forget({}, {}, {}, {})))

    assert (found.record_ids, found.after.values, found.n_items) == ((), [], 0)


def test_the_order_of_the_items_changes_no_pair() -> None:
    turned = {key: dict(reversed(numbers.items())) for key, numbers in FOUR.items()}

    found, other = _values(_observed(FOUR)), _values(_observed(turned))

    assert dict(zip(other.record_ids, other.after.values, strict=True)) == dict(zip(found.record_ids, found.after.values, strict=True))
