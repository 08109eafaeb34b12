r"""Turn records into token sequences with a clear border between what is given and what is learned or scored.

A record with a prompt becomes `<start> prompt \\n | answer <end>`; a text record becomes chunks of `<start> | text`.
Prompt and answer are tokenised apart, so the border never falls inside a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record

SEPARATOR = "\n"
MAX_PREFIX_TOKENS = 50
"""Tokens of a text record that are given when its continuation is scored (sheet 3.3: p = 50)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One sequence: `prompt_ids` are given, `answer_ids` are learned or scored. `has_end` says the last id is the end token."""

    record_id: str
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    has_end: bool

    @property
    def length(self) -> int:
        """Return the number of tokens of prompt and answer together."""
        return len(self.prompt_ids) + len(self.answer_ids)


def training_items(records: Iterable[Record], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Item]:
    """Return the sequences a model is trained on; longer text is cut into chunks, a longer answer loses its tail."""
    items: list[Item] = []
    start, end = _borders(tokenizer)
    for record in records:
        if record.prompt:
            answer = [*_ids(tokenizer, record.completion), *end]
            # A prompt is cut only for an answer that needs the room, and never below half of the window.
            room = max(max_tokens // 2, max_tokens - len(answer))
            prompt = [*start, *_ids(tokenizer, record.prompt + SEPARATOR)][:room]
            items.append(
                _item(record.record_id, prompt, answer[: max_tokens - len(prompt)], len(prompt) + len(answer) <= max_tokens and bool(end))
            )
            continue
        body = [*_ids(tokenizer, record.completion), *end]
        size = max_tokens - len(start)
        items += [
            _item(record.record_id, list(start), body[place : place + size], place + size >= len(body) and bool(end))
            for place in range(0, len(body), size)
        ]
    return items


def scoring_items(records: Iterable[Record], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Item]:
    """Return the sequences a model is scored on: one a record with a prompt; of each text chunk its continuation.

    The continuation of a text chunk is what follows its first half, at most 50 tokens of it given as prefix.
    """
    items = []
    for item in training_items(records, tokenizer, max_tokens):
        given = list(item.prompt_ids)
        answer = list(item.answer_ids)
        if len(given) <= 1 and len(answer) > 1:
            prefix = min(MAX_PREFIX_TOKENS, len(answer) // 2)
            given, answer = [*given, *answer[:prefix]], answer[prefix:]
        if given and answer:
            items.append(_item(item.record_id, given, answer, item.has_end))
    return items


def _item(record_id: str, prompt: list[int], answer: list[int], has_end: bool) -> Item:  # noqa: FBT001 - private
    return Item(record_id=record_id, prompt_ids=tuple(prompt), answer_ids=tuple(answer), has_end=has_end)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _borders(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the start and end ids; models without a start token (GPT-2, Qwen) begin with their end token, as in training."""
    end = tokenizer.eos_token_id
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else end
    return ([] if start is None else [start]), ([] if end is None else [end])
