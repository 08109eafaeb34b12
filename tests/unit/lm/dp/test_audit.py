"""The canary audit's bookkeeping: whose guesses count, what is refuted, what could have been; the training is in tests/stages."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch

from rtbf.errors import BadInput
from rtbf.lm.recipes.dp.audit import audited, guesses_of, likelier_by, made_up_canaries
from rtbf.lm.recipes.dp.subjects import canary_coins
from rtbf.lm.recipes.subjects import subjects_of
from rtbf.vault.secret import SecretBytes
from tests import tiny

PLANTED = tuple(place % 2 == 0 for place in range(40))


def _scores(told: int) -> list[float]:
    """Scores that tell of the first `told` canaries with which side they are on, strongly, and mislead about all others, weakly."""
    signs = [1.0 if is_in else -1.0 for is_in in PLANTED]
    return [sign * (10 + place) if place < told else -sign * (1 + place / 100) for place, sign in enumerate(signs)]


def test_all_right_refutes_what_could_be_refuted_and_no_more() -> None:
    found = audited(_scores(40), PLANTED, 40, delta=0.0)

    assert (found.canaries, found.guesses, found.right) == (40, 40, 40)
    assert found.refuted == found.best_refutable
    # q⁴⁰ = .05: q = .9278, ε = ln(q / (1 − q)) = 2.554.
    assert found.best_refutable == pytest.approx(2.554, abs=0.001)
    assert found.refutes(2.55)
    assert not found.refutes(2.56)
    assert found.has_power(2.55)
    assert not found.has_power(2.56)


def test_the_auditor_abstains_on_the_middle() -> None:
    few, all_of_them = audited(_scores(10), PLANTED, 10, delta=0.0), audited(_scores(10), PLANTED, 40, delta=0.0)

    assert few.right == 10
    assert all_of_them.right == 10
    assert few.refuted is not None
    assert all_of_them.refuted is None
    assert not all_of_them.refutes(0.0)


@pytest.mark.parametrize(("canaries", "guesses"), [(20, 8), (25, 10), (100, 40), (101, 40)])
def test_two_fifths_are_guessed_at_and_evenly(canaries: int, guesses: int) -> None:
    assert guesses_of(canaries) == guesses


def test_scores_that_tell_nothing_refute_nothing() -> None:
    rng = random.Random("noise")
    found = audited([rng.random() for _ in PLANTED], PLANTED, 40, delta=1e-4)

    assert found.refuted is None
    assert not found.refutes(0.0)
    assert found.has_power(2.0)


@pytest.mark.parametrize("guesses", [0, -2, 3, 42])
def test_a_number_of_guesses_that_cannot_be_split_is_refused(guesses: int) -> None:
    with pytest.raises(BadInput, match="guesses"):
        audited(_scores(40), PLANTED, guesses, delta=0.0)


def test_missing_coins_and_unknown_scores_are_refused() -> None:
    with pytest.raises(BadInput, match="39 coins"):
        audited(_scores(40), PLANTED[1:], 40, delta=0.0)
    with pytest.raises(BadInput, match="1 of 40 scores"):
        audited([math.nan, *_scores(40)[1:]], PLANTED, 40, delta=0.0)


def test_canaries_are_subjects_of_their_own_and_follow_their_seed() -> None:
    found = made_up_canaries(200, "person", 1)

    subjects = [subjects_of(record, "person") for record in found]
    assert all(len(named) == 1 for named in subjects)
    assert len(set(subjects)) == 200
    assert len({(record.prompt, record.completion) for record in found}) == 200
    assert found == made_up_canaries(200, "person", 1)
    assert not {record.completion for record in found} & {record.completion for record in made_up_canaries(200, "person", 2)}


def test_coins_are_fair_and_those_of_the_secret() -> None:
    first, second = canary_coins(SecretBytes(b"\x07" * 32), 4000), canary_coins(SecretBytes(b"\x08" * 32), 4000)

    assert first != second
    assert first == canary_coins(SecretBytes(b"\x07" * 32), 4000)
    # Nine standard deviations of 4000 coins are 285: chance fails this once in 10¹⁸ runs.
    assert 1715 < sum(first) < 2285


def test_a_score_is_the_fall_of_the_loss_per_token() -> None:
    before, after = tiny.network(), tiny.network(seed=4)
    items = tiny.items(5)

    def nll(model: Any, item: Any) -> float:
        with torch.no_grad():
            log_probs = torch.log_softmax(model(input_ids=torch.tensor([[*item.prompt_ids, *item.answer_ids]])).logits[0], dim=-1)
        start = len(item.prompt_ids) - 1
        return -sum(float(log_probs[start + place, token]) for place, token in enumerate(item.answer_ids)) / len(item.answer_ids)

    found = likelier_by(before, after, items)

    assert found == pytest.approx([nll(before, item) - nll(after, item) for item in items], abs=1e-4)
