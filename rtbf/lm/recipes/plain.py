"""Recipe `plain`: train a small Llama from scratch, or fine-tune a given base whole or by LoRA.

Seeded; on CPU with one build and thread count the same records give the same bytes. The same function trains the
never-shown control models: same recipe and seed rule, the forget records left out, and the original's tokenizer kept
(otherwise the token-wise comparison would have no common tokens; the report states this).
Measured defaults: specs/facts.md ("A tiny LM that really memorises").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rtbf.errors import BadInput
from rtbf.evidence.canonical import digest_of
from rtbf.files import folder_in_one_piece
from rtbf.lm.adapters import attach_lora, merge, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.encoding import Item, training_items
from rtbf.lm.load import context_tokens, device_of_choice, load_model, load_tokenizer
from rtbf.lm.training import LoopSpec, by_loss, run_loop
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record
    from rtbf.lm.stretch import RunStates

_VOCABULARY = 2048
_START, _END = "<s>", "</s>"
_SORT_WINDOW_BATCHES = 8
SAVED_EVERY_EPOCHS = 5
"""How many epochs lie between two states that are kept; fewer where the run ends before."""
_HEADS = 4
_HIDDEN_STEP = 2 * _HEADS
"""Each head needs an even width for its rotary position encoding."""

PRESETS: dict[str, dict[str, str]] = {
    "tiny": {"tune": "scratch", "hidden": "128", "layers": "2", "epochs": "25", "batch": "16", "learning_rate": "0.003"},
    "full": {"tune": "full", "epochs": "3", "batch": "8", "learning_rate": "0.00002"},
    "lora": {"tune": "lora", "rank": "16", "alpha": "32", "epochs": "3", "batch": "8", "learning_rate": "0.0002"},
}
"""tiny trains from scratch; full and lora fine-tune `--base`."""

_FIXED = {"warmup_steps": "20", "final_rate_fraction": "0.05", "beta1": "0.9", "beta2": "0.98", "clip_norm": "1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The model that is fine-tuned: its folder and the digest its files must have."""

    folder: Path
    digest: str


def recipe_parameters(preset: str, overrides: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return every parameter of a run as sorted (name, text); raises BadInput for unknown presets, names or bad numbers."""
    if preset not in PRESETS:
        raise BadInput(found=f"preset '{preset}'", expected=f"one of {', '.join(PRESETS)}", remedy="choose one with --preset")
    values = {"recipe": "plain", "preset": preset, **_FIXED, **PRESETS[preset]}
    for name, text in overrides.items():
        if name not in PRESETS[preset] or name == "tune":
            changeable = ", ".join(sorted(set(PRESETS[preset]) - {"tune"}))
            raise BadInput(found=f"recipe parameter '{name}'", expected=f"one of {changeable}", remedy="correct --set NAME=VALUE")
        if not _is_usable(name, text):
            raise BadInput(
                found=f"{name}={text}",
                expected=f"a positive number, whole except learning_rate; hidden a multiple of {_HIDDEN_STEP}",
                remedy="correct --set NAME=VALUE",
            )
        values[name] = text
    return tuple(sorted(values.items()))


def _is_usable(name: str, text: str) -> bool:
    """Return whether a run can use `text` as this parameter. Only plain digits: equal numbers have equal texts, hence digests."""
    if name != "learning_rate":
        is_whole = text.isascii() and text.isdigit() and not text.startswith("0")
        return is_whole and (name != "hidden" or int(text) % _HIDDEN_STEP == 0)
    try:
        rate = float(text)
    except ValueError:
        return False
    return math.isfinite(rate) and rate > 0 and not set(text) & set("_ ")


def train(
    *,
    records: Sequence[Record],
    parameters: tuple[tuple[str, str], ...],
    seed: int,
    base: Base | None,
    tokenizer_from: Path | None,
    target: Path,
    checkpoint: RunStates | None,
    progress: Progress = silent,
) -> None:
    """Train on `records` and write a complete model folder at `target`, all or nothing.

    A run killed midway continues from `checkpoint`, and ends in the same bytes on the same CPU build; one that ended drops it.
    """
    values = dict(parameters)
    if values["tune"] == "scratch":
        tokenizer = load_tokenizer(tokenizer_from) if tokenizer_from is not None else _new_tokenizer(records)
        model: Any = _new_llama(values, tokenizer, seed)
    else:
        if base is None:
            raise BadInput(
                found=f"preset '{values['preset']}' without a base", expected="a model to fine-tune", remedy="name it with --base"
            )
        tokenizer = load_tokenizer(base.folder)
        model = load_model(base.folder, base.digest, "the base model")
        if values["tune"] == "lora":
            model = attach_lora(model, rank=int(values["rank"]), alpha=int(values["alpha"]), seed=seed)
        else:
            model.requires_grad_(requires_grad=True)
    model.train()
    items = training_items(records, tokenizer, context_tokens(model))
    _learn(model, items, values, seed, base, checkpoint, progress)
    model.eval()
    served: Any = merge(model) if values["tune"] == "lora" else model
    save_model(served, tokenizer, target)
    if checkpoint is not None:
        checkpoint.drop()


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, target: Path) -> None:
    """Write a complete model folder (safetensors, config, tokenizer), all or nothing."""
    with folder_in_one_piece(target) as part:
        model.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)


def epoch_batches(items: Sequence[Item], batch: int, seed: int, epoch: int) -> list[list[int]]:
    """Return one epoch's batches as places in `items`: every item once, neighbours of like length together, order shuffled."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(len(items), generator=generator).tolist()
    window = batch * _SORT_WINDOW_BATCHES
    batches = []
    for start in range(0, len(order), window):
        near = sorted(order[start : start + window], key=lambda place: (items[place].length, place))
        batches += [near[at : at + batch] for at in range(0, len(near), batch)]
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


def _learn(
    model: torch.nn.Module,
    items: Sequence[Item],
    values: dict[str, str],
    seed: int,
    base: Base | None,
    checkpoint: RunStates | None,
    progress: Progress,
) -> None:
    batch, epochs = int(values["batch"]), int(values["epochs"])
    steps_per_epoch = math.ceil(len(items) / batch)
    spec = LoopSpec(
        run_digest=digest_of(
            [
                sorted(values.items()),
                seed,
                base.digest if base else None,
                [[item.record_id, list(item.prompt_ids), list(item.answer_ids)] for item in items],
            ]
        ),
        seed=seed,
        max_steps=epochs * steps_per_epoch,
        learning_rate=values["learning_rate"],
        warmup_steps=int(values["warmup_steps"]),
        final_rate_fraction=values["final_rate_fraction"],
        beta1=values["beta1"],
        beta2=values["beta2"],
        clip_norm=values["clip_norm"],
        checkpoint_every=max(1, SAVED_EVERY_EPOCHS * steps_per_epoch),
    )
    batches: dict[int, list[list[int]]] = {}

    def loss_at(step: int) -> torch.Tensor:
        epoch, place = divmod(step - 1, steps_per_epoch)
        if epoch not in batches:
            batches.clear()
            batches[epoch] = epoch_batches(items, batch, seed, epoch)
        sums, counts = nll_sums(answer_logits(model, [items[at] for at in batches[epoch][place]]))
        return sums.sum() / counts.sum()

    run_loop(spec, trainable(model), by_loss(loss_at), after_step=lambda _step, _loss: False, checkpoint=checkpoint, progress=progress)


def _new_tokenizer(records: Sequence[Record]) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer learned from the records: it can write any text, so nothing becomes unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY, special_tokens=[_START, _END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator((text for record in records for text in (record.prompt, record.completion) if text), trainer=trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=_START, eos_token=_END)


def _new_llama(values: dict[str, str], tokenizer: PreTrainedTokenizerBase, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    hidden = int(values["hidden"])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 3,
        num_hidden_layers=int(values["layers"]),
        num_attention_heads=_HEADS,
        num_key_value_heads=_HEADS,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    network: Any = LlamaForCausalLM(config)
    return network.to(device_of_choice())  # type: ignore[no-any-return]
