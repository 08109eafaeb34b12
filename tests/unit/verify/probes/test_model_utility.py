"""TOFU.model_utility: the harmonic mean against hand-worked numbers, and what a zero or a broken part does to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.observed import Observation, Observed, PassKey
from rtbf.verify.probes.model_utility import summary


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Two items a set: probabilities per token, recalls, and truth ratios R."""

    probability: tuple[float, float] = (0.5, 0.25)
    recall: tuple[float, float] = (0.4, 0.6)
    ratio: tuple[float, float] = (0.25, 0.75)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _asked(arm: Arm, items: str) -> tuple[Observation, ...]:
    if items == "holdout":
        return tuple(
            ItemScores(record_id=f"r{place}", log_probs=(_log(p), _log(p)), hits=(False, False), has_end=True)
            for place, p in enumerate(arm.probability)
        )
    if items == "retain_answers":
        return tuple(
            ReplyScores(
                record_id=f"r{place}", label="", samples=1, leaks=0, refusals=0, rouge_recall=recall, rouge_f1=0.0, repeats=0.0, entropy=4.0
            )
            for place, recall in enumerate(arm.recall)
        )
    return tuple(
        # Wrong answers of R·e^(±1): their geometric mean is R, their arithmetic mean 1.54 R.
        ChoiceScores(
            record_id=f"r{place}",
            label="",
            true=-4.0,
            true_tokens=2,
            others=(3 * (-2 + _log(ratio) + 1), -2 + _log(ratio) - 1),
            others_tokens=(3, 1),
        )
        for place, ratio in enumerate(arm.ratio)
    )


SETS = ("holdout", "retain_answers", "retain_choices")


def _observed(original: Arm, unlearned: Arm, *controls: Arm, sets: tuple[str, ...] = SETS) -> Observed:
    arms = {"original": original, "unlearned": unlearned} | {f"control-{seed}": arm for seed, arm in enumerate(controls)}
    return Observed(
        arms=tuple(arms),
        passes={PassKey(items=items, arm=name, state=""): _asked(arm, items) for name, arm in arms.items() for items in sets},
    )


def test_it_is_the_harmonic_mean_of_three_means() -> None:
    """Probability 0.375, recall 0.5, 1 − R: (0.75 + 0.25)/2 = 0.5: 3/(1/0.375 + 2 + 2) = 0.45. Doubled recall: 3/(8/3 + 1 + 2)."""
    found = summary(_observed(Arm(), Arm(recall=(1.0, 1.0)), Arm(), Arm(recall=(1.0, 1.0))))

    assert found is not None
    assert found.before == pytest.approx(0.45)
    assert found.after == pytest.approx(9 / 17)
    assert found.control == pytest.approx((0.45 + 9 / 17) / 2)
    assert found.estimate == pytest.approx(9 / 17 - 0.45)
    assert "retained records only" in found.note


def test_one_part_at_nought_makes_it_nought_and_the_note_says_so() -> None:
    found = summary(_observed(Arm(), Arm(recall=(0.0, 0.0)), Arm()))

    assert found is not None
    assert found.after == 0.0
    assert found.estimate == pytest.approx(-0.45)
    assert "makes the whole 0" in found.note


def test_a_whole_part_is_not_called_nought() -> None:
    found = summary(_observed(Arm(), Arm(), Arm(recall=(0.0, 0.0))))

    assert found is not None
    assert found.control == 0.0
    assert "makes the whole 0" not in found.note


def test_a_destroyed_model_is_useless_and_not_perfect() -> None:
    """It gives every answer the same tiny probability: R = 1 and 1 − R = 0, where an epsilon of 1e-10 read R = 0 and a perfect 1."""
    found = summary(_observed(Arm(), Arm(probability=(1e-30, 1e-30), recall=(0.0, 0.0), ratio=(1.0, 1.0)), Arm()))

    assert found is not None
    assert found.after == 0.0


@pytest.mark.parametrize("ratio", [1.5, 1e6, 1e300])
def test_a_wrong_answer_that_is_likelier_scores_nought_not_less(ratio: float) -> None:
    """max(0, 1 − R): the two ratios give (0.75 + 0)/2 = 0.375."""
    found = summary(_observed(Arm(), Arm(ratio=(0.25, ratio)), Arm()))

    assert found is not None
    assert found.after == pytest.approx(3 / (1 / 0.375 + 2 + 1 / 0.375))


@pytest.mark.parametrize("missing", SETS)
def test_without_one_of_its_sets_there_is_no_figure(missing: str) -> None:
    assert summary(_observed(Arm(), Arm(), Arm(), sets=tuple(items for items in SETS if items != missing))) is None


def test_a_part_without_items_leaves_no_number() -> None:
    observed = _observed(Arm(), Arm(), Arm())
    passes = {key: () if key.items == "retain_answers" and key.arm == "unlearned" else found for key, found in observed.passes.items()}

    found = summary(Observed(arms=observed.arms, passes=passes))

    assert found is not None
    assert found.before == pytest.approx(0.45)
    assert (found.after, found.estimate) == (None, None)


def test_a_reply_without_a_gold_answer_is_left_out() -> None:
    """Its recall is NaN in every arm, by definition (`ReplyScores`): the other reply alone gives 0.6, so 3/(1/0.375 + 1/0.6 + 2)."""
    found = summary(_observed(Arm(recall=(math.nan, 0.6)), Arm(recall=(math.nan, math.nan)), Arm()))

    assert found is not None
    assert found.before == pytest.approx(3 / (8 / 3 + 5 / 3 + 2))
    assert found.after is None


def test_a_probability_that_is_no_number_surfaces() -> None:
    """Broken weights must not vanish in a mean of the others."""
    observed = _observed(Arm(), Arm(), Arm())
    broken = (*_asked(Arm(), "holdout"), ItemScores(record_id="r9", log_probs=(math.nan,), hits=(False,), has_end=False))

    found = summary(Observed(arms=observed.arms, passes={**observed.passes, PassKey(items="holdout", arm="unlearned", state=""): broken}))

    assert found is not None
    assert found.after is not None
    assert math.isnan(found.after)


@pytest.mark.parametrize("arm", ["original", "unlearned"])
def test_a_choice_that_is_not_finite_surfaces(arm: str) -> None:
    """A wrong answer at log 0 would make a perfect 1 of its question."""
    observed = _observed(Arm(), Arm(), Arm())
    broken = (*_asked(Arm(), "retain_choices"), *_asked(Arm(ratio=(0.0, 0.5)), "retain_choices"))

    found = summary(Observed(arms=observed.arms, passes={**observed.passes, PassKey(items="retain_choices", arm=arm, state=""): broken}))

    assert found is not None
    assert found.estimate is not None
    assert math.isnan(found.estimate)
