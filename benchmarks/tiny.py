"""The tiny random model and items that the model benchmarks share. Nothing is trained: speed does not depend on what is known."""

from __future__ import annotations

import random
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rtbf.lm.encoding import Item

VOCABULARY = 4096
PAD_ID = 0


def tiny_llama(*, hidden: int = 128, layers: int = 2) -> LlamaForCausalLM:
    """Return a seeded Llama with random weights, float32, on the CPU."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=hidden * 3, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=256, tie_word_embeddings=True, pad_token_id=None,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    return model.eval()  # type: ignore[no-any-return]


def random_items(count: int, seed: int) -> list[Item]:
    """Return items with prompts of 8-24 and answers of 8-64 tokens, drawn uniformly."""
    draw = random.Random(seed)

    def ids(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw.randrange(1, VOCABULARY) for _ in range(draw.randint(low, high)))

    return [Item(record_id=f"r{place}", prompt_ids=ids(8, 24), answer_ids=ids(8, 64), has_end=False) for place in range(count)]


def padded(items: list[Item]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (input_ids, attention mask, labels), each (B, T); labels are -100 outside the answers, as the textbook has it."""
    width = max(item.length for item in items)
    input_ids = torch.full((len(items), width), PAD_ID)
    labels = torch.full((len(items), width), -100)
    mask = torch.zeros((len(items), width), dtype=torch.long)
    for place, item in enumerate(items):
        input_ids[place, : item.length] = torch.tensor(item.prompt_ids + item.answer_ids)
        labels[place, len(item.prompt_ids) : item.length] = torch.tensor(item.answer_ids)
        mask[place, : item.length] = 1
    return input_ids, mask, labels
