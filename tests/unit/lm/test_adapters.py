"""LoRA adapters: off is the base bit for bit, merged is the same function, the files tell nothing of this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.lm.adapters import attach_lora, load_adapter, merge, save_adapter, trainable
from rtbf.lm.digest import list_files
from rtbf.lm.scoring import score_items
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "5e" * 32
each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _trained(family: str = "llama", seed: int = 2) -> Any:
    """Return a tiny model wearing an adapter that changes its outputs."""
    model: Any = attach_lora(tiny.network(family), rank=4, alpha=8, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in trainable(model):
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


def test_a_fresh_adapter_changes_nothing_and_only_it_is_trainable() -> None:
    plain = score_items(tiny.network(), tiny.items())

    model = attach_lora(tiny.network(), rank=4, alpha=8, seed=2)

    assert score_items(model, tiny.items()) == plain
    assert all("lora_" in name for name, _ in trainable(model))
    assert trainable(model) == sorted(trainable(model), key=lambda pair: pair[0])


@each_family
def test_every_layer_of_a_family_gets_an_adapter_with_gradients(family: str) -> None:
    model: Any = _trained(family)

    (-sum(model(input_ids=torch.tensor([[0, 5, 6, 7]])).logits.log_softmax(-1)[0, :, 3])).backward()

    pairs = trainable(model)
    assert len(pairs) >= 4
    assert [name for name, parameter in pairs if parameter.grad is None] == []
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    assert all(parameter.grad is None for parameter in frozen)


@each_family
def test_with_the_adapter_off_the_base_answers_bit_for_bit(family: str) -> None:
    plain = score_items(tiny.network(family), tiny.items())
    model = _trained(family)

    with model.disable_adapter():
        off = score_items(model, tiny.items())
    on = score_items(model, tiny.items())

    assert off == plain
    assert max(abs(a - b) for one, other in zip(on, plain, strict=True) for a, b in zip(one.log_probs, other.log_probs, strict=True)) > 0.1


@each_family
def test_merged_weights_are_the_same_function_as_the_active_adapter(family: str) -> None:
    model = _trained(family)
    ids = torch.tensor([[0, 5, 6, 7, 8, 9]])
    with torch.no_grad():
        active = model(input_ids=ids).logits

        merged = merge(model)

    with torch.no_grad():
        found: Any = merged(input_ids=ids).logits
    torch.testing.assert_close(found, active, rtol=1e-5, atol=1e-5)
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert not merged.training


def test_a_saved_adapter_is_the_same_bytes_every_time_and_names_its_base_by_digest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_adapter(_trained(), tmp_path / name, DIGEST)

    first, second = list_files(tmp_path / "a"), list_files(tmp_path / "b")

    assert first == second
    assert {file.name for file in first} == {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == DIGEST
    assert config["lora_dropout"] == 0.0
    assert config["target_modules"] == sorted(config["target_modules"])  # a set's order differs from process to process
    assert len(config["target_modules"]) > 3
    assert [word for word in json.dumps(config).split('"') if word.startswith(("/", "~"))] == []


def test_another_seed_gives_another_fresh_adapter(tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        save_adapter(attach_lora(tiny.network(), rank=4, alpha=8, seed=seed), tmp_path / str(seed), DIGEST)

    assert list_files(tmp_path / "1") != list_files(tmp_path / "2")


def test_a_loaded_adapter_answers_as_the_one_that_was_saved(tmp_path: Path) -> None:
    model = _trained()
    expected = score_items(model, tiny.items())
    save_adapter(model, tmp_path, DIGEST)

    loaded = load_adapter(tiny.network(), tmp_path)

    assert score_items(loaded, tiny.items()) == expected
    assert trainable(loaded) == []
