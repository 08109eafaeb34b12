"""The items a model is asked about, as text, before any tokenizer. Standard library only.

Sets are made when the plan is made, sealed with the ticket's key, and named in the plan by digest: what is measured was
fixed before anything was unlearned. They hold the person's words, so they never travel in a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reads = Literal["score", "choice", "reply"]
"""score: the answer is scored token by token · choice: it is compared with others · reply: the model is let speak."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetItem:
    """One question to a model.

    record_id   the record it was made from
    label       the form, template or kind of field it stands for; never personal data
    answer      score: what is scored · choice: the true one · reply: the gold answer, "" when there is none
    others      choice: the answers in the true one's place
    keys        reply: a reply that holds any of them gives the record away; the prompt holds none
    """

    record_id: str
    label: str
    prompt: str
    answer: str
    others: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemSet:
    """A named set of items that every arm is asked in the same way.

    about         whose records they are made from: of the person, so that withheld records drop out, or of others
    samples       reply: generations per item
    temperature   reply: decimal text; "0" is greedy decoding
    blind_auc     siblings: how well a classifier that never saw the model tells records from siblings, decimal text, with
                  its 90 % interval; None where it was not or could not be measured
    left_out      (reason, how many items) of what could not be asked
    """

    name: str
    reads: Reads
    about: Literal["subject", "others"]
    items: tuple[SetItem, ...]
    samples: int = 1
    temperature: str = "0"
    blind_auc: tuple[str, str, str] | None = None
    left_out: tuple[tuple[str, int], ...] = ()
