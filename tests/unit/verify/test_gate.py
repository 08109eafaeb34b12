"""F0: arms that are not what they are said to be are noticed by their scores and digests, and sound ones are left in peace."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.gate import BASE_TOLERANCE_NATS, mismatches
from rtbf.verify.observed import Observed, PassKey
from rtbf.verify.record import Arm
from tests.results import sha

NAMES = ("original", "unlearned", "control-1")
LEVELS = (-0.1, -1.0, -1.2)


def _arms(digests: tuple[int, ...] = (1, 2, 3)) -> list[Arm]:
    roles: Any = ("original", "unlearned", "control")
    return [
        Arm(name=name, role=role, digest=sha(digest), tokenizer=sha(9), adapter_state="none", seed=None)
        for name, role, digest in zip(NAMES, roles, digests, strict=True)
    ]


def _scores(level: float, *, n: int = 3) -> tuple[ItemScores, ...]:
    return tuple(
        ItemScores(record_id=f"r{at}", log_probs=(level, level - 0.01 * at), hits=(False, False), has_end=False) for at in range(n)
    )


def _observed(levels: tuple[float, ...] = LEVELS, **states: float) -> Observed:
    passes: dict[PassKey, Any] = {
        PassKey(items="forget", arm=arm, state=""): _scores(level) for arm, level in zip(NAMES, levels, strict=True)
    }
    passes |= {PassKey(items="forget", arm="unlearned", state=state.replace("_", "-")): _scores(level) for state, level in states.items()}
    return Observed(arms=NAMES, passes=passes)


def _found(observed: Observed, arms: list[Arm] | None = None, kind: str = "merged") -> list[str]:
    return mismatches(observed, arms or _arms(), "forget", artefact_kind=kind)


def test_three_models_that_differ_where_their_digests_differ_are_in_order() -> None:
    assert _found(_observed()) == []


def test_arms_with_different_tokenizers_are_a_mismatch() -> None:
    arms = _arms()
    arms[2] = replace(arms[2], tokenizer=sha(8))

    assert _found(_observed(), arms) == ["arms with different tokenizers"]


def test_the_results_of_one_model_under_the_name_of_another_are_a_mismatch() -> None:
    """An evaluation framework returned one model's cached results for another (specs/anchors/evaluators.md §5)."""
    assert _found(_observed((-0.1, -0.1, -1.2))) == ["original and unlearned are different files and score alike to the last figure"]
    assert _found(_observed((-0.1, -1.2, -1.2))) == ["unlearned and control-1 are different files and score alike to the last figure"]


def test_a_difference_in_the_last_figure_shows_that_two_models_are_two() -> None:
    assert _found(_observed((-0.1, math.nextafter(-0.1, 0.0), -1.2))) == []


def test_the_same_files_that_score_differently_are_a_mismatch() -> None:
    assert _found(_observed(), _arms((1, 1, 3))) == ["original and unlearned are the same files and score differently"]


@pytest.mark.parametrize(("off_nats", "is_near"), [(0.0, True), (0.9e-3, True), (1.1e-3, False), (-1.1e-3, False)])
def test_the_same_files_may_differ_by_less_than_kernels_do(off_nats: float, *, is_near: bool) -> None:
    found = _found(_observed((-0.1, -0.1 + off_nats, -1.2)), _arms((1, 1, 3)))

    assert BASE_TOLERANCE_NATS == 1e-3
    assert (found == []) is is_near


def test_an_adapter_of_its_own_makes_the_same_files_another_model() -> None:
    arms = _arms((1, 1, 3))
    arms[1] = replace(arms[1], adapter_state="active")

    assert _found(_observed(), arms) == []


def test_with_its_adapter_off_an_artefact_is_the_original_or_it_is_a_mismatch() -> None:
    near, far = _observed(adapter_off=-0.1005), _observed(adapter_off=-0.2)

    assert _found(near, kind="adapter") == []
    assert _found(far, kind="adapter") == ["with its adapter off, the artefact is not the original"]
    # A merged artefact has no adapter to switch off, whatever a log says.
    assert _found(far, kind="merged") == []


def test_an_adapter_that_was_not_switched_off_is_not_judged_by_it() -> None:
    assert _found(_observed(), kind="adapter") == []


def test_two_models_that_give_no_numbers_are_broken_and_not_mixed_up() -> None:
    broken = _observed((-0.1, math.nan, math.nan))

    assert _found(broken) == []
    assert _found(broken, _arms((1, 3, 3))) == []  # the same files, broken in the same way


def test_the_same_files_of_which_one_gives_no_number_are_a_mismatch() -> None:
    same_files = _arms((1, 3, 3))
    told = ["unlearned and control-1 are the same files and score differently"]

    assert _found(_observed((-0.1, math.nan, -1.2)), same_files) == told
    assert _found(_observed((-0.1, -math.inf, math.inf)), same_files) == [
        "unlearned and control-1 are the same files and score differently"
    ]


def test_an_item_more_or_less_is_never_the_same_model() -> None:
    observed = _observed((-0.1, -0.1, -1.2))
    short = {**observed.passes, PassKey(items="forget", arm="unlearned", state=""): _scores(-0.1, n=2)}

    assert _found(replace(observed, passes=short), _arms((1, 1, 3))) == ["original and unlearned are the same files and score differently"]


def test_two_mix_ups_are_both_told() -> None:
    arms = _arms((1, 1, 3))
    arms[2] = replace(arms[2], tokenizer=sha(8))

    assert _found(_observed((-0.1, -1.0, -1.0)), arms) == [
        "arms with different tokenizers",
        "original and unlearned are the same files and score differently",
        "unlearned and control-1 are different files and score alike to the last figure",
    ]


def test_no_record_is_named() -> None:
    told = " ".join(_found(_observed((-0.1, -0.1, -0.1)), _arms((1, 2, 2))))

    assert told
    assert "r0" not in told


def test_an_arm_that_was_not_asked_is_no_sound_arm() -> None:
    observed = _observed()
    unasked = {key: found for key, found in observed.passes.items() if key.arm != "control-1"}

    with pytest.raises(KeyError):
        _found(replace(observed, passes=unasked))


def test_replies_alone_say_nothing_about_which_model_spoke() -> None:
    reply = ReplyScores(
        record_id="r0", label="qa", samples=1, leaks=0, refusals=0, rouge_recall=0.5, rouge_f1=0.5, repeats=0.0, entropy=2.0
    )

    observed = Observed(arms=NAMES, passes={PassKey(items="forget", arm=arm, state=""): (reply,) for arm in NAMES})

    assert _found(observed) == []
