"""The frozen record of one unlearning run. Two runs of one plan on one build give equal bytes; so it holds no times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.lm.digest import ArtefactFile

SCHEMA = "rtbf.unlearned/4"

ArtefactKind = Literal["unchanged", "merged", "adapter", "retrained", "private", "accounted"]
"""unchanged: the original's own files · merged: new full weights · adapter: an adapter over the unchanged original · retrained:
full weights that were made without the records, by the recipe of the original · private: likewise, on a base that was trained with
the records under differential privacy · accounted: the original's own files, themselves trained under differential privacy"""


FULL_WEIGHTS: frozenset[ArtefactKind] = frozenset({"merged", "retrained", "private"})
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
class ShardChange:
    """One shard of a sharded model, before and after.

    change         untouched · retrained, from the slice before the earliest touched one · switched_off: nothing of it is served ·
                   emptied: its last record left
    before, after  digest of the state that its adapter is read from; None where it has none, or none that is served
    first_slice    slice from 1 that the training began again with; None where nothing was run
    steps          that were run again
    """

    shard: int
    change: Literal["untouched", "retrained", "switched_off", "emptied"]
    before: str | None
    after: str | None
    first_slice: int | None
    steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardsProof:
    """What was done to the shards of a sharded model, and what their training logs say of what was kept.

    family                 id of the sharded training and all its later ones
    state_before, _after   digests of the records of what each shard is (`rtbf.lm.recipes.sharded.state`)
    kept_steps             logged steps that what is served still rests on and that were not run again
    differing_steps        of them, those whose log names other participants than the remaining records give: a forgotten record had
                           a part in them, or the log was changed
    together_with          other tickets whose records were taken out in the same run
    slice_steps            steps of one slice; a shard takes `slices` times as many
    rerun_shard            whose steps the proof's `rerun` counts, from 1 at the shard's beginning; None where nothing was run again
    """

    family: str
    shards: int
    slices: int
    slice_steps: int
    state_before: str
    state_after: str
    changes: tuple[ShardChange, ...]
    kept_steps: int
    differing_steps: int
    together_with: int
    rerun_shard: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryFigures:
    """The one-run audit of a private training; decimals as text. See `rtbf.lm.recipes.dp.audit.CanaryAudit`."""

    canaries: int
    guesses: int
    right: int
    level: str
    refuted: str | None
    best_refutable: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStart:
    """What the private base was good for: the same few epochs on the same records, from it and from its own untrained base.

    epochs           that were trained, and `full_epochs` of the recipe that made the original
    *_nll_nats       mean NLL per answer token on the plan's retained records after it
    """

    epochs: int
    full_epochs: int
    private_nll_nats: str
    untrained_nll_nats: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivacyProof:
    """What bounds the influence of a subject whose records a base was trained with (PROTOCOL §2, class D). Decimals as text.

    certificate        digest of the certificate that was written at the training
    epsilon, delta     per subject, by the certificate; `epsilon_recomputed` from its terms, when the ticket was worked on
    subject_records    records of this ticket that name one subject and no other, hence lie under the bound; `outside_records`: the
                       others of the ticket, which the training left out
    k_max              records of one subject that the training used at most
    audit              None where no canaries were planted
    warm_start         None where nothing was trained on top
    """

    certificate: str
    unit: str
    epsilon: str
    epsilon_recomputed: str
    delta: str
    accountant: str
    k_max: int
    subject_records: int
    outside_records: int
    audit: CanaryFigures | None
    warm_start: WarmStart | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProof:
    """How weights came about that were made without the records: what an exact method has to show (PROTOCOL §2, class E).

    inputs             records that the training was given
    inputs_digest      of the list of their ids, in the order of the corpus
    procedure          how the weights were made: the name of a recipe, or of the method where it trains nothing. "dp" stands for a
                       private training with nothing on top (kind `accounted`): there the records are among the inputs and counted,
                       nobody looks for near duplicates, nothing is run again, and for class dp `privacy` alone is read
    forgotten_inputs   how many of them the ticket asked to be forgotten: none, or the method failed; but see "dp" above
    near_duplicates    how many others share a run of `run_words` words with a forgotten record; None where nobody looked
    rerun              None where nothing was run again
    unaudited          digests of the bases that the weights started from and whose own data nobody recorded
    restored           digest of the base whose files are served again as they are, where nothing was trained; None elsewhere
    shards             of a sharded model; None for any other
    privacy            where class dp is aimed at; None elsewhere

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
    restored: str | None
    shards: ShardsProof | None
    privacy: PrivacyProof | None


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
