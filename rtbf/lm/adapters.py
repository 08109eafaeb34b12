"""LoRA adapters through peft: attach, save, load, switch off, merge.

The reference of an unlearning loss is the same model with the adapter switched off, never a second copy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers.pytorch_utils import Conv1D

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

_CONFIG = "adapter_config.json"


def attach_lora(model: PreTrainedModel, *, rank: int, alpha: int, seed: int) -> PeftModel:
    """Return `model` with a fresh LoRA adapter on every linear layer; only the adapter is trainable.

    Dropout is 0: it would make the policy/reference ratio noisy at step 0 (methods/00-COMMON.md).
    """
    torch.manual_seed(seed)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
        # GPT-2 keeps its linear weights transposed.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    wrapped: Any = get_peft_model(model, config)
    return wrapped  # type: ignore[no-any-return]


def trainable(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """Return the (name, parameter) pairs that take gradients, by name."""
    return sorted(((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad), key=lambda pair: pair[0])


def save_adapter(model: PeftModel, folder: Path, base_digest: str) -> None:
    """Write adapter weights and configuration; the base is named by its digest, not by a path of this machine."""
    model.save_pretrained(str(folder), safe_serialization=True)
    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_digest
    # peft writes a set in hash order; sorted, equal adapters have equal bytes.
    config["target_modules"] = sorted(config["target_modules"])
    (folder / _CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    readme = folder / "README.md"
    readme.unlink(missing_ok=True)


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Return `model` wearing the adapter in `folder`, frozen, in eval mode."""
    wrapped: Any = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    wrapped.eval()
    return wrapped  # type: ignore[no-any-return]


def merge(model: PeftModel) -> PreTrainedModel:
    """Return the base with the adapter's change added into its weights, and no adapter left."""
    merged: Any = model.merge_and_unload()
    merged.eval()
    return merged  # type: ignore[no-any-return]
