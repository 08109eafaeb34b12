"""One scoring pass: order and neighbours change no item's score, equal layout gives equal bits."""

from __future__ import annotations

import pytest
import torch

from rtbf.lm.scoring import score_items, tokens_of
from tests import tiny


def test_scores_are_log_probabilities_and_arg_max_hits_of_a_plain_pass() -> None:
    model = tiny.network("llama")
    chosen = tiny.items(20)

    scores = score_items(model, chosen)

    for score, item in zip(scores, chosen, strict=True):
        ids = list(item.prompt_ids + item.answer_ids)
        with torch.no_grad():
            log_probs = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
        for place, token in enumerate(item.answer_ids):
            row = log_probs[len(item.prompt_ids) - 1 + place]
            assert score.log_probs[place] == pytest.approx(float(row[token]), abs=1e-4)
            assert score.hits[place] == (int(row.argmax()) == token)
        assert score.record_id == item.record_id
        assert score.has_end == item.has_end


def test_scores_come_in_the_order_of_the_items_and_no_item_depends_on_its_neighbours() -> None:
    model = tiny.network("llama")
    chosen = tiny.items(40)

    forward = score_items(model, chosen)
    backward = score_items(model, chosen[::-1])[::-1]
    by_fives = score_items(model, chosen, batch_items=5)

    for one, other, third in zip(forward, backward, by_fives, strict=True):
        assert one.record_id == other.record_id == third.record_id
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
        assert one.log_probs == pytest.approx(third.log_probs, abs=1e-4)


def test_the_same_items_in_the_same_layout_give_the_same_bits() -> None:
    chosen = tiny.items(40)

    first = score_items(tiny.network("llama"), chosen)
    second = score_items(tiny.network("llama"), chosen)

    assert first == second


def test_the_end_mark_is_left_out_of_the_content_and_a_real_last_token_is_not() -> None:
    model = tiny.network("llama")
    with_end = tiny.item((0, 3), (4, 5, 1), has_end=True)
    without_end = tiny.item((0, 3), (4, 5, 1), has_end=False)

    ended, cut = score_items(model, [with_end, without_end])

    assert ended.content_hits == ended.hits[:2]
    assert cut.content_hits == cut.hits
    assert len(cut.hits) == 3


def test_nothing_to_score_is_an_empty_list() -> None:
    assert score_items(tiny.network("llama"), []) == []


def test_progress_counts_items_and_ends_at_their_number() -> None:
    told: list[tuple[str, int, int]] = []

    score_items(
        tiny.network("llama"),
        tiny.items(20),
        progress=lambda step, done, total: told.append((step, done, total)),
        step="scoring x",
    )

    assert told == [("scoring x", 16, 20), ("scoring x", 20, 20)]


def test_tokens_used_are_the_lengths_of_the_items_without_padding() -> None:
    assert tokens_of([tiny.item((0, 1), (2, 3, 4)), tiny.item((0,), (1,))]) == 7
