"""One scoring pass: order and neighbours change no item's score, equal layout gives equal bits, broken models show."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rtbf.errors import BadInput
from rtbf.lm import positions, scoring
from rtbf.lm.scoring import score_items, tokens_of
from tests import tiny

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _log_probs(model: Any, item: Any, temperature: float = 1.0) -> torch.Tensor:
    """Return (T_answer, V) in float64: the whole model on one item alone."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([item.prompt_ids + item.answer_ids])).logits[0].double()
    return torch.log_softmax(logits / temperature, dim=-1)[len(item.prompt_ids) - 1 : item.length - 1]


def test_scores_are_log_probabilities_and_arg_max_hits_of_a_plain_pass() -> None:
    model = tiny.network("llama")
    chosen = tiny.items(20)

    scores = score_items(model, chosen)

    for score, item in zip(scores, chosen, strict=True):
        for place, (token, row) in enumerate(zip(item.answer_ids, _log_probs(model, item), strict=True)):
            assert score.log_probs[place] == pytest.approx(float(row[token]), abs=1e-4)
            assert score.hits[place] == (int(row.argmax()) == token)
        assert score.record_id == item.record_id
        assert score.has_end == item.has_end


@each_family
def test_moments_are_those_of_the_whole_distribution(family: str) -> None:
    """Against float64, token by token: μ = Σ p log p, σ² = Σ p (log p − μ)², and log p at temperature 0.7."""
    model = tiny.network(family)
    chosen = tiny.items(12)

    scores = score_items(model, chosen)

    for score, item in zip(scores, chosen, strict=True):
        cool = _log_probs(model, item, 0.7)
        for place, row in enumerate(_log_probs(model, item)):
            logs = row.tolist()
            mean = math.fsum(math.exp(value) * value for value in logs)
            variance = math.fsum(math.exp(value) * (value - mean) ** 2 for value in logs)
            assert score.means[place] == pytest.approx(mean, abs=2e-5)
            assert score.deviations[place] == pytest.approx(math.sqrt(variance), abs=2e-5)
            assert score.cool_log_probs[place] == pytest.approx(float(cool[place, item.answer_ids[place]]), abs=1e-4)


def _reduced(rows: list[list[float]], labels: list[int]) -> list[list[float]]:
    """Return the moments of logits given as they are: a network whose output layer prints them."""
    hidden = torch.arange(len(rows) + 1, dtype=torch.float32).view(1, -1, 1)

    def head(states: torch.Tensor) -> torch.Tensor:
        return torch.tensor([*rows, rows[0]])[states[..., 0].long()]

    class Printed(torch.nn.Module):
        def forward(self, **_: Any) -> Any:
            return SimpleNamespace(logits=head(hidden))

    model: Any = Printed()
    model.weight = torch.nn.Parameter(torch.zeros(len(rows[0]), 1))
    model.config = SimpleNamespace()
    model.base_model = lambda **_: SimpleNamespace(last_hidden_state=hidden)
    model.get_input_embeddings = lambda: model
    model.get_output_embeddings = lambda: head
    [score] = score_items(model, [tiny.item([0], labels)])
    return [list(column) for column in (score.log_probs, score.means, score.deviations, score.cool_log_probs)]


def test_moments_at_the_extremes_are_exact_and_not_clamped() -> None:
    """Flat: μ = −ln 4, σ = 0. Nearly certain: p = 1 − 3e⁻²⁰ makes μ = −3·20·e⁻²⁰ and σ = √(3·400·e⁻²⁰), far below any 1e-6.."""
    logs, means, deviations, cool = _reduced([[5.0] * 4, [20.0, 0.0, 0.0, 0.0]], [1, 0])

    assert logs == pytest.approx([-math.log(4), 0.0], abs=1e-7)
    assert means[0] == pytest.approx(-math.log(4), abs=1e-6)
    assert deviations[0] == pytest.approx(0.0, abs=1e-6)
    assert means[1] == pytest.approx(-60 * math.exp(-20), rel=1e-2, abs=1e-8)
    assert deviations[1] == pytest.approx(math.sqrt(1200 * math.exp(-20)), rel=1e-4)
    assert cool == pytest.approx([-math.log(4), 0.0], abs=1e-6)


def test_a_token_that_the_model_rules_out_adds_nothing_to_the_moments() -> None:
    """Some models mask unused ids with −inf; 0 · −inf would be NaN. Two tokens of even odds remain: μ = −ln 2, σ = 0."""
    logs, means, deviations, cool = _reduced([[1.0, 1.0, -math.inf], [1.0, 1.0, -math.inf]], [0, 2])

    assert logs == pytest.approx([-math.log(2), -math.inf])
    assert means == pytest.approx([-math.log(2)] * 2)
    assert deviations == pytest.approx([0.0, 0.0], abs=1e-6)
    assert cool == pytest.approx([-math.log(2), -math.inf])


def test_a_model_that_gives_nan_gives_nan_numbers_and_no_hit() -> None:
    """The arg-max of NaN is the NaN's own place: with NaN for token 0, every 0 in an answer would count as known."""
    model = tiny.network("llama_untied")
    with torch.no_grad():
        model.get_output_embeddings().weight[0, 0] = math.nan

    [score] = score_items(model, [tiny.item((3, 4), (0, 0, 7), has_end=False)])

    assert all(math.isnan(value) for column in (score.log_probs, score.means, score.deviations, score.cool_log_probs) for value in column)
    assert score.hits == (False, False, False)


def test_a_nan_in_one_row_leaves_the_others_alone() -> None:
    logs, means, _, _ = _reduced([[0.0, math.nan], [0.0, 0.0]], [0, 1])

    assert math.isnan(logs[0])
    assert math.isnan(means[0])
    assert logs[1] == pytest.approx(-math.log(2))
    assert means[1] == pytest.approx(-math.log(2))


def test_plain_columns_are_the_same_bits_and_nothing_more() -> None:
    model = tiny.network("llama")
    chosen = tiny.items(40)

    plain = score_items(model, chosen, columns="plain")
    whole = score_items(model, chosen)

    assert [(score.log_probs, score.hits) for score in plain] == [(score.log_probs, score.hits) for score in whole]
    assert {(score.means, score.deviations, score.cool_log_probs) for score in plain} == {((), (), ())}
    assert all(len(score.means) == len(score.deviations) == len(score.cool_log_probs) == len(score.hits) for score in whole)


def test_label_and_compressed_size_travel_with_the_item() -> None:
    made = tiny.item((0, 3), (4, 5), "r7")
    labelled = type(made)(record_id="r7", prompt_ids=(0, 3), answer_ids=(4, 5), has_end=True, label="cloze", zlib_bytes=17)

    first, second = score_items(tiny.network("llama"), [made, labelled])

    assert (first.label, first.zlib_bytes) == ("", None)
    assert (second.label, second.zlib_bytes) == ("cloze", 17)


def test_log_probs_are_the_bits_of_sorted_padded_batches_of_sixteen() -> None:
    """The layout is a promise: logs of earlier releases were made with it, and a repeat must give their bits back."""
    model = tiny.network("llama")
    chosen = tiny.items(40)

    found = score_items(model, chosen)

    order = sorted(range(40), key=lambda place: (-chosen[place].length, place))
    for start in range(0, 40, 16):
        batch = [chosen[place] for place in order[start : start + 16]]
        ids = torch.zeros((len(batch), max(item.length for item in batch)), dtype=torch.long)
        for row, item in enumerate(batch):
            ids[row, : item.length] = torch.tensor(item.prompt_ids + item.answer_ids)
        where = [(row, at, token) for row, item in enumerate(batch) for at, token in enumerate(item.answer_ids, len(item.prompt_ids) - 1)]
        rows, ats, tokens = (torch.tensor(column) for column in zip(*where, strict=True))
        with torch.no_grad():
            logits = model.lm_head(model.model(input_ids=ids, use_cache=False).last_hidden_state[rows, ats])
            expected = (-torch.nn.functional.cross_entropy(logits, tokens, reduction="none")).tolist()
        assert [value for place in order[start : start + 16] for value in found[place].log_probs] == expected


def test_scores_come_in_the_order_of_the_items_and_no_item_depends_on_its_neighbours() -> None:
    model = tiny.network("llama")
    chosen = tiny.items(40)

    forward = score_items(model, chosen)
    backward = score_items(model, chosen[::-1])[::-1]
    by_fives = score_items(model, chosen, batch_items=5)
    by_tokens = score_items(model, chosen, batch_tokens=30)

    for one, other, third, fourth in zip(forward, backward, by_fives, by_tokens, strict=True):
        assert one.record_id == other.record_id == third.record_id == fourth.record_id
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
        assert one.log_probs == pytest.approx(third.log_probs, abs=1e-4)
        assert one.log_probs == pytest.approx(fourth.log_probs, abs=1e-4)


def test_the_same_items_in_the_same_layout_give_the_same_bits() -> None:
    chosen = tiny.items(40)

    first = score_items(tiny.network("llama"), chosen)
    second = score_items(tiny.network("llama"), chosen)

    assert first == second


def _shapes_of_forwards(model: torch.nn.Module) -> list[tuple[int, ...]]:
    """Return a list that fills with the shape (B, T) of every forward from here on; the self-test of the fast path is over."""
    score_items(model, [tiny.item((0,), (1,))])
    seen: list[tuple[int, ...]] = []
    model.get_input_embeddings().register_forward_hook(lambda _layer, given, _out: seen.append(tuple(given[0].shape)))
    return seen


def test_batches_hold_items_of_about_one_length_and_no_more_tokens_than_asked() -> None:
    model = tiny.network("llama")
    seen = _shapes_of_forwards(model)
    chosen = [tiny.item((0,), [2] * size) for size in (1, 9, 2, 30, 9, 1)]

    score_items(model, chosen, batch_tokens=25)

    assert seen == [(1, 31), (2, 10), (3, 3)]  # 31 alone though longer than 25; 10 + 10; 3, 2, 2


@each_family
def test_a_small_bound_on_logits_changes_blocks_and_no_number(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.network(family)
    chosen = tiny.items(20)
    whole = score_items(model, chosen)

    monkeypatch.setattr(positions, "MAX_LOGITS", tiny.VOCABULARY * 7)
    monkeypatch.setattr(scoring, "PIECE_LOGITS", tiny.VOCABULARY * 3)
    blocks = score_items(model, chosen)
    again = score_items(model, chosen)

    assert blocks == again
    for one, other in zip(whole, blocks, strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
        assert one.means == pytest.approx(other.means, abs=1e-4)
        assert one.deviations == pytest.approx(other.deviations, abs=1e-4)


class _Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation returned."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.numel = max(self.numel, out.numel() if isinstance(out, torch.Tensor) else 0)
        return out


@pytest.mark.parametrize("columns", ["all", "plain"])
def test_no_tensor_is_larger_than_one_block_of_logits(columns: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of 16 the whole logits would be 16 · 31 · 61 = 30 256 numbers; the model's own tensors are smaller than the bound."""
    model = tiny.network("llama")
    chosen = [tiny.item((0,), [2] * 31, f"r{place}") for place in range(16)]
    score_items(model, chosen)
    monkeypatch.setattr(positions, "MAX_LOGITS", 16 * 33 * 24)
    monkeypatch.setattr(scoring, "MAX_LOGITS", 16 * 33 * 24)

    with _Largest() as largest:
        score_items(model, chosen, columns=columns)

    assert 10_000 < largest.numel <= 16 * 33 * 24


def test_a_model_that_is_run_whole_gets_fewer_items_a_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.network("gemma2")
    seen = _shapes_of_forwards(model)
    monkeypatch.setattr(positions, "MAX_LOGITS", tiny.VOCABULARY * 20)

    score_items(model, [tiny.item((0,), [2] * size) for size in (30, 9, 9, 4)])

    assert seen == [(1, 31), (2, 10), (1, 5)]


def test_ids_of_another_tokenizer_are_refused() -> None:
    with pytest.raises(BadInput, match=r"token ids from 0 to 61; expected ids below 61"):
        score_items(tiny.network("llama"), [tiny.item((0, 3), (61, 5))])


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


def test_the_tokens_of_a_pass_are_those_that_went_through_the_model() -> None:
    """Padding is token 0, which no item here holds."""
    model = tiny.network("llama")
    _shapes_of_forwards(model)
    counted: list[int] = []
    model.get_input_embeddings().register_forward_hook(lambda _layer, given, _out: counted.append(int((given[0] != 0).sum())))
    chosen = [tiny.item(range(1, 1 + size), range(2, 2 + 2 * size)) for size in (1, 5, 9, 2, 14)]

    score_items(model, chosen, batch_items=2)

    assert sum(counted) == tokens_of(chosen)
