"""The rank test's ground: to a model that never saw a number, the true one is like its candidates.

The model is written plainly here: it knows how often each digit stands at each place in the other people's numbers, and
has a taste of its own for every number (a fixed pseudo-random one). It has seen the corpus and never this person.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from rtbf.demo.community import invent_people
from rtbf.verify.items.run import make_sets
from tests.unit.verify.items.item_records import SIZES, records, source

BRANCHES = ("202", "303", "404", "505", "606", "707", "808", "909")


def _people(weights: tuple[int, ...], seed: int, count: int = 60) -> list[tuple[str, str]]:
    """People with different numbers: branches by weight, the last four digits even, the rest fixed."""
    rng = random.Random(seed)
    numbers: dict[str, None] = {}
    while len(numbers) < count:
        numbers[f"KX-{rng.choices(BRANCHES, weights)[0]}-0{rng.randrange(10_000):04d}"] = None
    return [(person.name, number) for person, number in zip(invent_people(count, 8), numbers, strict=True)]


def _taste(number: str) -> float:
    return random.Random(f"taste:{number}").random()


def _score(number: str, seen: list[str]) -> float:
    digits = [sign for sign in number if sign.isdigit()]
    columns = zip(*([sign for sign in other if sign.isdigit()] for other in seen), strict=True)
    counts = [Counter(column) for column in columns]
    likely = sum(math.log((count[digit] + 0.5) / (len(seen) + 5)) for digit, count in zip(digits, counts, strict=True))
    return likely + _taste(number)


def _rank(true: str, others: list[str], seen: list[str]) -> float:
    """U = (rank - 1/2)/(J + 1); 0.5 on average when the true one is just another candidate."""
    own = _score(true, seen)
    above = sum(_score(other, seen) > own for other in others)
    return (above + 0.5) / (len(others) + 1)


def _ranks(people: list[tuple[str, str]]) -> tuple[list[float], list[float]]:
    """Ranks of every person's number among the set's candidates, and among numbers of evenly drawn digits."""
    drawn, naive = [], []
    for place, (name, own) in enumerate(people):
        rest = [entry for entry in people if entry[0] != name]
        rows = [(f"What is the customer number of {who}?", f"It is {number}.") for who, number in rest]
        asked = records([(f"What is the customer number of {name}?", f"It is {own}.")], "f")
        made_from = replace(source(asked, retain=records(rows, "a"), seed=place), holdout=(), sizes=replace(SIZES, candidates=99))
        (secrets,) = make_sets(made_from, ["secrets"])
        (item,) = secrets.items
        seen = [number for _, number in rest]
        drawn.append(_rank(own, [other[len("It is ") : -1] for other in item.others], seen))
        rng = random.Random(place)
        even = ["".join(rng.choice("0123456789") if sign.isdigit() else sign for sign in own) for _ in range(99)]
        naive.append(_rank(own, even, seen))
    return drawn, naive


@pytest.mark.parametrize("weights", [(1, 1, 1, 1, 1, 1, 1, 1), (20, 3, 2, 1, 1, 1, 1, 1)], ids=["even", "skewed"])
def test_a_model_that_never_saw_a_number_ranks_it_anywhere(weights: tuple[int, ...]) -> None:
    drawn, naive = _ranks(_people(weights, 1))

    # Sixty uniform ranks have a mean of 0.5 with a standard error of sqrt(1/12/60) = 0.037.
    assert abs(sum(drawn) / len(drawn) - 0.5) < 3 * 0.037
    assert min(drawn) < 0.15
    assert max(drawn) > 0.85
    # Evenly drawn digits would have called every one of these people remembered.
    assert sum(naive) / len(naive) < 0.02


def test_a_small_corpus_shows_its_codes_too() -> None:
    """Six corpora of twelve: the branches repeat, and a candidate of no branch would make every true number the likeliest."""
    drawn = [rank for seed in range(6) for rank in _ranks(_people((1, 1, 1, 1, 1, 1, 1, 1), seed, 12))[0]]

    # Seventy-two uniform ranks: standard error sqrt(1/12/72) = 0.034. A branch seen once or never is drawn like one seen twice.
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.15
