"""The steering attack: states are means by hand, the push is added where it should be, and nothing stays behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from rtbf.lm.states.direction import direction_between, direction_restore, mean_state, middle_layers
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint, furthest, log_probs

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


class _InTuple(torch.nn.Module):
    """A decoder layer that returns its state in a tuple, as several architectures do."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *given: Any, **named: Any) -> Any:
        return (self.layer(*given, **named), "attention weights")


class _OutOfTuple(torch.nn.Module):
    """The layer above, which takes the state out again."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, given: Any, *more: Any, **named: Any) -> Any:
        assert given[1:] == ("attention weights",)
        return self.layer(given[0], *more, **named)


def _mean_by_hand(model: Any, layer: int) -> np.ndarray[Any, Any]:
    """Return the mean over items of each item's mean state where its answer is predicted, each item run alone."""
    of_items = []
    for item in tiny.items():
        with torch.no_grad():
            states = model(input_ids=torch.tensor([item.prompt_ids + item.answer_ids]), output_hidden_states=True).hidden_states
        of_items.append(states[layer + 1][0].double().numpy()[len(item.prompt_ids) - 1 : -1].mean(axis=0))
    mean: np.ndarray[Any, Any] = np.mean(of_items, axis=0)
    return mean


@each_family
def test_a_mean_state_is_the_mean_over_items_whatever_the_batches(family: str) -> None:
    model = tiny.network(family)
    before = fingerprint(model)

    found = mean_state(model, tiny.items(), [0])
    by_fours = mean_state(model, tiny.items(), [1, 0, 0], batch_items=4)

    # Another object: asking transformers for its hidden states leaves its own hooks in a model.
    np.testing.assert_allclose(found[0].numpy(), _mean_by_hand(tiny.network(family), 0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(by_fours[0], found[0], rtol=1e-3, atol=1e-4)
    assert sorted(by_fours) == [0, 1]
    assert fingerprint(model) == before


@each_family
def test_a_push_at_a_layer_moves_its_state_by_just_that_and_the_answers_with_it(family: str) -> None:
    model = tiny.network(family)
    push = torch.linspace(-1, 1, 16)
    before, plain, own = fingerprint(model), log_probs(model), mean_state(model, tiny.items(), [0, 1])

    with direction_restore(model, [1], {1: push}, alpha=2.0):
        inside = log_probs(model)
        moved = mean_state(model, tiny.items(), [0, 1])

    torch.testing.assert_close(moved[1], own[1] + 2 * push, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moved[0], own[0], rtol=0, atol=0)
    assert furthest(inside, plain) > 1e-3
    assert fingerprint(model) == before
    assert log_probs(model) == plain


@each_family
def test_an_alpha_of_nought_is_as_served(family: str) -> None:
    model = adapted(family)
    plain = log_probs(model)

    with direction_restore(model, [0, 1], {0: torch.ones(16), 1: torch.ones(16)}, alpha=0.0):
        inside = log_probs(model)

    assert inside == plain


@each_family
def test_a_constant_taken_out_of_a_layer_is_found_and_put_back_by_the_attack(family: str) -> None:
    """A model that lost one vector at its last layer: the difference of means is that vector, and alpha 1 restores the answers."""
    original, unlearned = tiny.network(family), tiny.network(family)
    taken = torch.linspace(-2, 2, 16)
    plain = log_probs(original)
    with direction_restore(unlearned, [1], {1: taken}, alpha=-1.0):
        suppressed = log_probs(unlearned)
        direction = direction_between(mean_state(original, tiny.items(), [1]), mean_state(unlearned, tiny.items(), [1]))

        with direction_restore(unlearned, [1], direction, alpha=1.0):
            restored = log_probs(unlearned)

    torch.testing.assert_close(direction[1], taken, rtol=1e-3, atol=1e-3)
    assert furthest(suppressed, plain) > 1e-2
    assert furthest(restored, plain) < 1e-2


def test_a_layer_that_returns_a_tuple_is_pushed_alike_and_keeps_the_rest_of_it() -> None:
    plain, wrapped = tiny.network("llama"), tiny.network("llama")
    layers = wrapped.model.layers
    layers[0], layers[1] = _InTuple(layers[0]), _OutOfTuple(layers[1])
    push = {0: torch.linspace(-1, 1, 16)}
    with direction_restore(plain, [0], push, alpha=1.0):
        expected = log_probs(plain)

    with direction_restore(wrapped, [0], push, alpha=1.0):
        found = log_probs(wrapped)

    assert found == expected
    assert torch.equal(mean_state(wrapped, tiny.items(), [0])[0], mean_state(plain, tiny.items(), [0])[0])


def test_an_error_inside_leaves_no_hook() -> None:
    model = adapted()
    before = fingerprint(model)

    with pytest.raises(KeyError), direction_restore(model, [0, 1], {0: torch.ones(16), 1: torch.ones(16)}, alpha=1.0):
        raise KeyError

    assert fingerprint(model) == before


@pytest.mark.parametrize(("n_layers", "expected"), [(1, [0]), (2, [1]), (4, [2]), (8, [4, 5]), (16, [8, 9, 10, 11])])
def test_the_middle_layers_run_from_a_half_to_three_quarters(n_layers: int, expected: list[int]) -> None:
    shape: dict[str, Any] = {"vocab_size": 61, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 8}

    found = middle_layers(transformers.LlamaForCausalLM(transformers.LlamaConfig(num_hidden_layers=n_layers, **shape)))

    assert list(found) == expected


def test_what_cannot_be_a_push_is_refused() -> None:
    model = tiny.network()
    ones = {0: torch.ones(16)}
    before = fingerprint(model)

    for layers, direction, alpha in (
        ([0], {0: torch.full((16,), float("nan"))}, 1.0),
        ([0, 1], ones, 1.0),
        ([0], ones, float("inf")),
        ([2], {2: torch.ones(16)}, 1.0),
        ([-1], {-1: torch.ones(16)}, 1.0),
        ([], ones, 1.0),
    ):
        with pytest.raises(ValueError, match=r"layers|alpha"), direction_restore(model, layers, direction, alpha):
            pass
    with pytest.raises(ValueError, match=r"layers \[0\] and \[1\]"):
        direction_between(ones, {1: torch.ones(16)})
    with pytest.raises(ValueError, match="no items"):
        mean_state(model, [], [0])
    assert fingerprint(model) == before
