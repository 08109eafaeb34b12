"""The laws every probe keeps, run over all cards: a new file is covered without a new test.

At this writing "verbatim_completion", "extraction_strength", "exact_memorisation", "answer_probability", "adapter_off"
and "retain_loss".
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rtbf.lm.encoding import scoring_items
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.lm.scoring import score_items
from rtbf.plan.card import load, probe_cards
from tests import tiny

if TYPE_CHECKING:
    from rtbf.plan.card import ProbeCard

CARDS = sorted(probe_cards().values(), key=lambda card: card.probe_id)
each_probe = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
RECORDS = tiny.records(people=2)
RANGES = {"share of answer tokens": (0.0, 1.0), "nats per token": (-math.inf, math.inf)}


@pytest.fixture(scope="module")
def knowing_and_ignorant(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[ItemScores], list[ItemScores]]:
    """The same records scored by a model that knows them by heart and by one that was never trained on them."""
    folder = tmp_path_factory.mktemp("probes")
    shape = {"hidden": "64", "epochs": "50"}
    known = tiny.train_folder(RECORDS[:20], folder / "knows", **shape)
    ignorant = tiny.train_folder(RECORDS[20:], folder / "ignorant", tokenizer_from=folder / "knows", **shape)
    items = scoring_items(RECORDS[:20], load_tokenizer(folder / "knows"), 256)
    pair = [score_items(load_model(folder / name, digest, name), items) for name, digest in (("knows", known), ("ignorant", ignorant))]
    return pair[0], pair[1]


def _random_scores(count: int, seed: int) -> list[ItemScores]:
    rng = random.Random(f"scores:{seed}")
    made = []
    for place in range(count):
        n = rng.randint(1, 30)
        made.append(
            ItemScores(
                record_id=f"r{place}",
                log_probs=tuple(-rng.expovariate(0.5) for _ in range(n)),
                hits=tuple(rng.random() < 0.7 for _ in range(n)),
                has_end=rng.random() < 0.5,
            )
        )
    return made


def test_the_release_has_the_probes_that_a_verdict_begins_with() -> None:
    assert {"verbatim_completion", "extraction_strength", "exact_memorisation", "answer_probability"} <= {card.name for card in CARDS}
    assert {"adapter_off", "retain_loss"} <= {card.name for card in CARDS}


@each_probe
def test_its_unit_is_known_and_its_margin_a_positive_number(card: ProbeCard) -> None:
    assert card.unit in RANGES
    assert Decimal(card.margin) > 0
    assert {"F": "forget", "R": "recovery", "U": "utility"}[card.probe_id[0]] == card.family


@each_probe
def test_its_values_lie_in_the_range_of_its_unit(card: ProbeCard) -> None:
    probe = load("probe", card.name)
    low, high = RANGES[card.unit]

    values = [probe.value(scores) for scores in _random_scores(300, seed=1)]

    measured = [value for value in values if value is not None]
    assert len(measured) > 200
    assert all(low <= value <= high and math.isfinite(value) for value in measured)


@each_probe
def test_an_item_with_fewer_tokens_than_its_card_asks_for_is_excluded(card: ProbeCard) -> None:
    probe = load("probe", card.name)
    full = ItemScores(record_id="r", log_probs=(-1.0,) * card.min_tokens, hits=(True,) * card.min_tokens, has_end=False)
    short = replace(full, log_probs=full.log_probs[1:], hits=full.hits[1:])

    assert probe.value(full) is not None
    assert probe.value(short) is None


@each_probe
def test_it_is_a_function_of_the_scores_alone(card: ProbeCard) -> None:
    probe = load("probe", card.name)
    scores = _random_scores(50, seed=2)

    forward = [probe.value(entry) for entry in scores]
    backward = [probe.value(replace(entry, record_id="another")) for entry in scores[::-1]]

    assert backward[::-1] == forward


@each_probe
def test_a_model_that_knows_a_record_by_heart_scores_on_the_side_its_card_names(
    card: ProbeCard, knowing_and_ignorant: tuple[list[ItemScores], list[ItemScores]]
) -> None:
    probe = load("probe", card.name)

    knowing, ignorant = ([value for scores in arm if (value := probe.value(scores)) is not None] for arm in knowing_and_ignorant)

    difference = sum(knowing) / len(knowing) - sum(ignorant) / len(ignorant)
    gain = difference if card.higher_is == "more remembered" else -difference
    assert card.higher_is in {"more remembered", "worse utility"}
    assert gain > 3 * float(card.margin)  # far beyond what the verdict calls a difference


@each_probe
def test_what_it_calls_a_witness_the_model_did_give_back(
    card: ProbeCard, knowing_and_ignorant: tuple[list[ItemScores], list[ItemScores]]
) -> None:
    is_witness = getattr(load("probe", card.name), "is_witness", lambda _scores: False)

    witnesses = [scores for arm in knowing_and_ignorant for scores in arm if is_witness(scores)]

    assert all(all(scores.content_hits) for scores in witnesses)
    assert is_witness(ItemScores(record_id="r", log_probs=(-1.0,) * 9, hits=(True,) * 8 + (False,), has_end=False)) is False
