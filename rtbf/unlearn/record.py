"""The frozen record of one unlearning run. Two runs of one plan on one build give equal bytes; so it holds no times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.lm.digest import ArtefactFile

SCHEMA = "rtbf.unlearned/3"

ArtefactKind = Literal["unchanged", "merged", "adapter", "retrained"]
"""unchanged: the original's own files · merged: new full weights · adapter: an adapter over the unchanged original · retrained:
full weights that were made without the records, by the recipe of the original"""


FULL_WEIGHTS: frozenset[ArtefactKind] = frozenset({"merged", "retrained"})
"""Kinds that are a model of their own, in the folder of the attempt that is called like them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """One check of the stop rule, in nats per answer token, as decimal text."""

    step: int
    forget_nll_nats: str
    retain_nll_nats: str
    loss: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rerun:
    """A stretch of the training that was run a second time from a kept state, and the digests of the state it ended in.

    is_bitwise   whether equal bits are promised on this device; where they are not, unequal digests prove nothing
    """

    from_step: int
    to_step: int
    expected: str
    found: str
    is_bitwise: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProof:
    """How weights came about that were made without the records: what an exact method has to show (PROTOCOL §2, class E).

    inputs             records that the training was given
    inputs_digest      of the list of their ids, in the order of the corpus
    forgotten_inputs   how many of them the ticket asked to be forgotten: none, or the method failed
    near_duplicates    how many others share a run of `run_words` words with a forgotten record; None where nobody looked
    rerun              None where nothing was run again
    unaudited          digests of the bases that the weights started from and whose own data nobody recorded

    Proves what the operator's own machine was given, by its own word; it does not prove that another corpus or an earlier
    stage, as a tokenizer or a base, is free of the records.
    """

    procedure: str
    recipe_digest: str
    inputs: int
    inputs_digest: str
    forgotten_inputs: int
    near_duplicates: int | None
    run_words: int
    rerun: Rerun | None
    unaudited: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlearned:
    """The artefact that came out, how long it took in steps, and why it stopped.

    withheld   record ids of the approved plan's forget set, in its order, that were not unlearned: a hold was placed or
               a decision changed after the approval
    proof      of a method that makes the weights anew; None for every other
    """

    ticket_id: str
    attempt: int
    plan_digest: str
    method: str
    kind: ArtefactKind
    artefact_digest: str
    files: tuple[ArtefactFile, ...]
    base_digest: str
    withheld: tuple[str, ...]
    steps: int
    stop_reason: Literal["both_sides_held", "max_steps", "nothing_to_train", "recipe_ended"]
    curve: tuple[CurvePoint, ...]
    environment: tuple[tuple[str, str], ...]
    proof: TrainingProof | None
    schema: str = SCHEMA
