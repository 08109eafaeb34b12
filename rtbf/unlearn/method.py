"""What a method is: a card and one loss over a pair of batches. Which batches, when to stop and what to keep is the loop's.

A method file is named after the method in its paper, starts with a literal CARD, and defines `loss(pair) -> scalar`.
A method whose card says artefact "weights" defines `rebuild(work) -> Rebuilt` in its stead: it makes the weights anew.
A method whose card says artefact "none" changes nothing and defines neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.dp.certificate import DpCertificate
    from rtbf.lm.recipes.plain import Base
    from rtbf.lm.recipes.sharded.family import Family
    from rtbf.lm.recipes.sharded.state import ShardState
    from rtbf.progress import Progress
    from rtbf.unlearn.record import PrivacyProof, Rerun, ShardsProof


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One batch of forget items and one of retain items, scored by the model that is being changed.

    forget_nll            (B_f,) NLL_sum in nats of each forget item under θ, float32, with gradient
    forget_tokens         (B_f,) scored tokens of each
    forget_nll_reference  (B_f,) NLL_sum under θ0, the model before unlearning (adapter off), a constant
    forget_weight         (B_f,) 1 for an item that takes part, 0 for one the plan's brake holds; multiplies its forget term
    retain_nll            (B_r,) NLL_sum of each retain item under θ, with gradient
    retain_tokens         (B_r,) scored tokens of each
    parameters            the plan's parameters of this method as numbers, by the names of its card
    """

    forget_nll: torch.Tensor
    forget_tokens: torch.Tensor
    forget_nll_reference: torch.Tensor
    forget_weight: torch.Tensor
    retain_nll: torch.Tensor
    retain_tokens: torch.Tensor
    parameters: Mapping[str, float]


Loss = Callable[[Pair], "torch.Tensor"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """The shards of a sharded model: its family with the keys, what they are, the plan's seed, and how many other tickets go along."""

    family: Family
    state: ShardState
    seed: int
    together_with: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateBase:
    """A private training that the ticket's records may have had a part in: its certificate, and what of them it bounds.

    untrained         what that training started from
    subject_records   of the ticket's records in its corpus those that name one subject and no other: all of them the same, or nothing
                      may be said of the person; `outside_records`: those that name several, which the training left out
    """

    certificate: DpCertificate
    certificate_digest: str
    untrained: Base
    subject_records: int
    outside_records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuild:
    """What a method works on that makes the weights anew.

    records      everything the training may be given, in the corpus's order: nothing of what is to be forgotten; empty for a
                 method that trains on nothing
    parameters   the recipe that the original was made by, and its seed
    base         what the original was fine-tuned from; None when it was trained from scratch
    original     its folder: the tokenizer is kept; `original_digest` of its files, as registered
    target       the folder the new weights will lie in, written whole or not at all
    states       a folder for the states of a run that is killed; the caller deletes it
    shards       of a model that was trained in shards
    settings     what the plan says of this method's own parameters
    watched      those of `records` that the plan retains and measures on
    private      the private training that the base is, for a method of class dp
    """

    records: Sequence[Record]
    parameters: tuple[tuple[str, str], ...]
    seed: int
    base: Base | None
    original: Path
    original_digest: str
    target: Path
    states: Path
    progress: Progress
    shards: ShardWork | None = None
    settings: tuple[tuple[str, str], ...] = ()
    watched: Sequence[Record] = ()
    private: PrivateBase | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """How many steps the recipe took, and the stretch of it that was run a second time, if any was.

    recipe            that was run, where it is not the original's own
    restored          digest of the base whose files are served again, of a method that trains nothing
    shards, privacy   the parts of the proof that this method has to show, if any (`rtbf.unlearn.record.TrainingProof`)
    """

    steps: int
    rerun: Rerun | None
    restored: str | None = None
    shards: ShardsProof | None = None
    privacy: PrivacyProof | None = None
    recipe: tuple[tuple[str, str], ...] | None = None


def retain_nll_mean(pair: Pair) -> torch.Tensor:
    """Return NLL_mean over the retain batch: the mean over its answer tokens, in nats (methods/00-COMMON.md)."""
    return pair.retain_nll.sum() / pair.retain_tokens.sum()
