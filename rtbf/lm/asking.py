"""Ask a model and judge what it says. Texts of replies never leave this module: what comes back are counts and shares.

What could not be asked, or came out of logits that are no numbers, is no sample: such an item has fewer samples than
were asked for, down to none with NaN shares. It must not read as a model that kept silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rtbf.lm.encoding import prompt_ids
from rtbf.lm.generation import BATCH_ROWS, cut_at_end, generate, reply_tokens, window_of
from rtbf.lm.replies import judge
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedTokenizerBase

    from rtbf.lm.reply_scores import ReplyScores


class Asked(Protocol):
    """One question to a model, as `verify.item_set.SetItem` has it."""

    @property
    def record_id(self) -> str:
        """Return the record it was made from."""

    @property
    def label(self) -> str:
        """Return the form it stands for."""

    @property
    def prompt(self) -> str:
        """Return what is asked, as a person types it."""

    @property
    def answer(self) -> str:
        """Return the gold answer, "" where there is none."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return what gives the record away."""


def ask(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    items: Sequence[Asked],
    *,
    max_new_tokens: int,
    samples: int = 1,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch_rows: int = BATCH_ROWS,
    progress: Progress = silent,
    step: str = "asking",
) -> list[ReplyScores]:
    """Return the judged replies to `items` in their given order. Tokens used: `asking_tokens`, always all of them.

    An item whose prompt and reply do not fit into the model's window is not asked and has no sample.
    raises   BadInput as `generation.generate` does
    """
    places, prompts = _askable(model, tokenizer, items, max_new_tokens)
    made = generate(
        model, tokenizer, prompts, max_new_tokens=max_new_tokens, samples=samples, temperature=temperature, top_p=top_p, seed=seed,
        batch_rows=batch_rows, progress=progress, step=step,
    )  # fmt: skip
    texts: list[list[str | None]] = [[] for _ in items]
    for place, replies in zip(places, made, strict=True):
        texts[place] = [None if reply is None else _text(reply, tokenizer) for reply in replies]
    return [
        judge(replies, record_id=item.record_id, label=item.label, gold=item.answer, keys=item.keys, prompt=item.prompt)
        for item, replies in zip(items, texts, strict=True)
    ]


def asking_tokens(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, items: Sequence[Asked], *, max_new_tokens: int, samples: int = 1
) -> int:
    """Return how many tokens `ask` runs forward, exactly."""
    return reply_tokens(_askable(model, tokenizer, items, max_new_tokens)[1], max_new_tokens=max_new_tokens, samples=samples)


def _text(reply: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> str:
    return str(tokenizer.decode(list(cut_at_end(reply, tokenizer)), skip_special_tokens=True)).strip()


def _askable(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, items: Sequence[Asked], max_new_tokens: int
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return the places of items that fit into the model's window, and their prompts."""
    window = window_of(model)
    prompts = [prompt_ids(item.prompt, tokenizer) for item in items]
    places = [place for place, prompt in enumerate(prompts) if window is None or len(prompt) + max_new_tokens - 1 <= window]
    return places, [prompts[place] for place in places]
