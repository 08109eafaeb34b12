"""The laws every probe keeps, run over all cards: a new file is covered without a new test.

At this writing some fifty, from "verbatim_completion" and "retain_loss" to "relearning" and "priv_leak".
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.encoding import scoring_items
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.lm.reply_scores import ReplyScores
from rtbf.lm.scoring import score_items
from rtbf.plan.card import load, probe_cards
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.plan.card import ProbeCard
    from rtbf.verify.observed import Observation

CARDS = sorted(probe_cards().values(), key=lambda card: card.probe_id)
VALUED = [card for card in CARDS if hasattr(load("probe", card.name), "value")]
each_probe = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
each_value = pytest.mark.parametrize("card", VALUED, ids=lambda card: card.name)
each_score = pytest.mark.parametrize("card", [card for card in VALUED if card.reads == "score"], ids=lambda card: card.name)
RECORDS = tiny.records(people=2)
FAMILIES = {"F": "forget", "R": "recovery", "S": "restoration", "U": "utility", "G": "regression"}
OTHERS_FIGURES = ("TOFU.", "MUSE.")
ABOVE = {"nats per token": None, "decades": None, "bits": None}
"""Units without bounds; a share, a rank or an AUC lies between 0 and 1."""


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


def _scores(rng: random.Random, place: int) -> ItemScores:
    n = rng.randint(1, 30)
    log_probs = tuple(-rng.expovariate(0.5) for _ in range(n))
    return ItemScores(
        record_id=f"r{place}",
        log_probs=log_probs,
        hits=tuple(rng.random() < 0.7 for _ in range(n)),
        has_end=n > 1 and rng.random() < 0.5,
        means=tuple(value - 0.5 for value in log_probs),
        deviations=tuple(rng.uniform(0.1, 2) for _ in range(n)),
        cool_log_probs=tuple(value / 0.7 for value in log_probs),
        zlib_bytes=20 + n,
    )


def _choice(rng: random.Random, place: int) -> ChoiceScores:
    others = tuple(-rng.uniform(1, 30) for _ in range(9))
    return ChoiceScores(
        record_id=f"r{place}", label="phone", true=-rng.uniform(1, 30), true_tokens=5, others=others, others_tokens=(5,) * 9
    )


def _reply(rng: random.Random, place: int) -> ReplyScores:
    return ReplyScores(
        record_id=f"r{place}", label="qa", samples=8, leaks=rng.randint(0, 8), refusals=rng.randint(0, 8), rouge_recall=rng.random(),
        rouge_f1=rng.random(), repeats=rng.random(), entropy=rng.uniform(0, 5),
    )  # fmt: skip


MAKERS: dict[str, Callable[[random.Random, int], Observation]] = {"score": _scores, "choice": _choice, "reply": _reply}


def _random(card: ProbeCard, count: int, seed: int) -> list[Any]:
    rng = random.Random(f"{card.reads}:{seed}")
    return [MAKERS[card.reads](rng, place) for place in range(count)]


def test_the_release_has_the_probes_that_a_verdict_begins_with() -> None:
    assert {"F0", "F1", "F2", "F3", "F4", "F5", "F6", "F7"} <= {card.probe_id for card in CARDS}
    assert {"R1", "R2", "R3", "R4", "R5", "R10", "S1", "U1", "U2", "U4", "U6", "G1"} <= {card.probe_id for card in CARDS}


@each_probe
def test_its_family_follows_from_its_id_and_only_what_decides_has_a_margin_of_its_own(card: ProbeCard) -> None:
    if card.probe_id.startswith(OTHERS_FIGURES):
        assert card.role == "reported"
    else:
        assert card.family == ("gate" if card.probe_id == "F0" else FAMILIES[card.probe_id[0]])
    assert Decimal(card.margin) > 0 or card.role == "reported" or card.family == "gate"


@each_probe
def test_it_has_a_value_or_a_summary_or_is_the_gate(card: ProbeCard) -> None:
    module = load("probe", card.name)

    assert hasattr(module, "value") + hasattr(module, "summary") == (card.family != "gate")
    assert hasattr(module, "value") or card.role == "reported" or card.family == "gate"


@each_value
def test_its_values_lie_in_the_range_of_its_unit(card: ProbeCard) -> None:
    probe = load("probe", card.name)

    measured = [value for entry in _random(card, 300, seed=1) if (value := probe.value(entry)) is not None]

    assert len(measured) > 200
    assert all(map(math.isfinite, measured))
    if card.unit not in ABOVE and card.unit != "AUC":
        assert all(0 <= value <= 1 for value in measured)


@each_score
def test_an_item_with_fewer_tokens_than_its_card_asks_for_is_excluded(card: ProbeCard) -> None:
    probe = load("probe", card.name)
    n = card.min_tokens
    full = ItemScores(
        record_id="r", log_probs=(-1.0,) * n, hits=(True,) * n, has_end=False, means=(-1.5,) * n, deviations=(0.5,) * n,
        cool_log_probs=(-1.2,) * n, zlib_bytes=20,
    )  # fmt: skip
    columns = ("log_probs", "hits", "means", "deviations", "cool_log_probs")
    short = replace(full, **{name: getattr(full, name)[1:] for name in columns})

    assert probe.value(full) is not None
    assert probe.value(short) is None


@each_value
def test_it_is_a_function_of_the_observation_alone(card: ProbeCard) -> None:
    probe = load("probe", card.name)
    entries = _random(card, 50, seed=2)

    forward = [probe.value(entry) for entry in entries]
    backward = [probe.value(replace(entry, record_id="another")) for entry in entries[::-1]]

    assert backward[::-1] == forward


@each_score
def test_a_model_that_knows_a_record_by_heart_scores_on_the_side_its_card_names(
    card: ProbeCard, knowing_and_ignorant: tuple[list[ItemScores], list[ItemScores]]
) -> None:
    probe = load("probe", card.name)

    knowing, ignorant = ([value for scores in arm if (value := probe.value(scores)) is not None] for arm in knowing_and_ignorant)

    difference = sum(knowing) / len(knowing) - sum(ignorant) / len(ignorant)
    gain = difference if card.higher_is == "more remembered" else -difference
    assert card.higher_is in {"more remembered", "worse utility"}
    # A membership score is compared with its siblings' before it means anything, so its margin is no measure here.
    assert gain > (0 if card.unit == "AUC" else 3 * float(card.margin))


@each_score
def test_what_it_calls_a_witness_the_model_did_give_back(
    card: ProbeCard, knowing_and_ignorant: tuple[list[ItemScores], list[ItemScores]]
) -> None:
    is_witness = getattr(load("probe", card.name), "is_witness", lambda _scores: False)

    witnesses = [scores for arm in knowing_and_ignorant for scores in arm if is_witness(scores)]

    assert all(all(scores.content_hits) for scores in witnesses)
    assert is_witness(ItemScores(record_id="r", log_probs=(-1.0,) * 9, hits=(True,) * 8 + (False,), has_end=False)) is False
