"""Where a model came from: recipe, data, seed, digests. What is not recorded is said to be unknown, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.lm.digest import ArtefactFile

SCHEMA = "rtbf.model/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedOn:
    """A corpus version whose records entered the weights, except the ones named.

    records      how many entered the weights, the excluded ones not counted
    confidence   recorded: trained here, so we saw it · declared: the owner said so
    """

    corpus: str
    version: str
    records: int
    excluded: tuple[str, ...]
    confidence: Literal["recorded", "declared"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """Records that a ticket asked to remove from these weights, and what the verdict on it was."""

    ticket_id: str
    attempt: int
    plan_digest: str
    corpus: str
    version: str
    record_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One set of weights and its lineage. `digest` is over the folder's files.

    origin       trained: by `rtbf model train` · added: by `rtbf model add` · unlearned: by a ticket
    recipe       how it was trained, with every parameter as text; empty for added models
    trained_on   empty for an added model without declaration: then nothing is known of its data
    base_digest  the model it was fine-tuned from or unlearned from; None when trained from scratch or unknown
    """

    name: str
    revision: int
    digest: str
    origin: Literal["trained", "added", "unlearned"]
    recipe: tuple[tuple[str, str], ...]
    seed: int | None
    trained_on: tuple[TrainedOn, ...]
    base_digest: str | None
    removals: tuple[Removal, ...]
    files: tuple[ArtefactFile, ...]
    environment: tuple[tuple[str, str], ...]
    schema: str = SCHEMA
