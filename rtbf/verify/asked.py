"""Item sets as token sequences, ready to be asked of a model, and what one asking costs. Wakes torch.

Sets are encoded once, with the original's tokenizer, for all arms: arms with another tokenizer are refused before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.corpora.corpus import Record
from rtbf.errors import BadInput
from rtbf.evidence.canonical import digest_of
from rtbf.lm.choices import choice_tokens, score_choices
from rtbf.lm.encoding import choice_ids, prompt_ids, scoring_items
from rtbf.lm.scoring import BATCH_ITEMS, score_items, tokens_of
from rtbf.verify.items.sealing import set_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch
    from transformers import PreTrainedTokenizerBase

    from rtbf.progress import Progress
    from rtbf.verify.item_set import ItemSet, Reads, SetItem
    from rtbf.verify.observed import Observation

OTHER_LAYOUT_ITEMS = 5
"""Batch size of the repeat measurement; the ordinary one is 16."""

LAYOUT = (BATCH_ITEMS, OTHER_LAYOUT_ITEMS)
"""What the bits of a score depend on besides weights and items."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One set as every arm is asked it.

    items           encoded, as `lm.scoring`, `lm.choices` or `lm.asking` takes them
    source_digest   of the items' words (`set_digest`), or, for records of the corpus, of the list of their ids
    tokens          forward tokens of one pass over the set
    """

    name: str
    reads: Reads
    items: tuple[Any, ...]
    source_digest: str
    samples: int
    temperature: str
    tokens: int
    left_out: tuple[tuple[str, int], ...]
    blind_auc: tuple[str, str, str] | None


    @property
    def digest(self) -> str:
        """Return a digest of everything about the asking that a score follows from: token ids and how they are asked."""
        return digest_of([self.reads, self.samples, self.temperature, [_plain(item) for item in self.items]])
