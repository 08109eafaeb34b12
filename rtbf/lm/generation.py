"""Ask a model and read its greedy answer, as a person at the prompt would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from rtbf.lm.encoding import SEPARATOR

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def complete(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, prompt: str, max_new_tokens: int = 64) -> str:
    """Return the greedy continuation of `prompt`, without special tokens, in the format that training used."""
    ids = list(tokenizer(prompt + SEPARATOR, add_special_tokens=False)["input_ids"])
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    given = torch.tensor([([] if start is None else [start]) + ids], device=next(model.parameters()).device)
    generator: Any = model
    with torch.no_grad():
        output = generator.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            do_sample=False,
            max_new_tokens=max_new_tokens,
            pad_token_id=tokenizer.eos_token_id,
        )
    return str(tokenizer.decode(output[0, given.shape[1] :], skip_special_tokens=True)).strip()
