"""Is a statement's proof of how its weights came about well-formed, and does it fit what else is said of them? Standard library only.

What the proof shows is the verdict's matter (`verify.proof`); here it is asked whether its parts can be true together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtbf.lm.restored import is_restored

if TYPE_CHECKING:
    from rtbf.report.predicate import Subject, UnlearnedPart
    from rtbf.report.predicate_v5 import UnlearnedPartV5
    from rtbf.unlearn.record import CanaryFigures, PrivacyProof, ShardChange, ShardsProof, TrainingProof

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30}")
_MEAN = re.compile(rf"{_AMOUNT.pattern}|not finite")
"""A training may end in no number at all, and the record says so."""
_PROVEN_KINDS = frozenset({"retrained", "private", "accounted"})
_PRIVATE_KINDS = frozenset({"private", "accounted"})


def require_proof(unlearned: UnlearnedPart | UnlearnedPartV5, proof: TrainingProof | None) -> None:
    """Return when a proof belongs to weights that were made anew or are bounded, and is well-formed; raises ValueError otherwise."""
    if (unlearned.kind in _PROVEN_KINDS) != (proof is not None):
        raise ValueError("weights made anew without saying how, or a proof of weights that were not")
    if proof is None:
        return
    ends = () if proof.rerun is None else (proof.rerun.expected, proof.rerun.found)
    if not all(_DIGEST.fullmatch(text) for text in (proof.recipe_digest, proof.inputs_digest, *ends, *proof.unaudited)):
        raise ValueError("a proof that names something by what is no digest")
    if min(proof.inputs, proof.forgotten_inputs, proof.near_duplicates or 0, proof.run_words) < 0:
        raise ValueError("a proof that counts less than nothing")
    # Of a shard it is counted in the shard's own steps: the one that was drawn need not be one that was trained.
    last = unlearned.steps if proof.shards is None else proof.shards.slices * proof.shards.slice_steps
    if proof.rerun is not None and not 0 <= proof.rerun.from_step < proof.rerun.to_step <= last:
        raise ValueError("a second run of steps that the method did not take")
    if (unlearned.kind in _PRIVATE_KINDS) != (proof.privacy is not None):
        raise ValueError("weights that are said to be bounded, without an account, or an account of others")
    if proof.shards is not None:
        _require_shards(proof.shards, proof, unlearned.steps)
    if proof.privacy is not None:
        _require_account(proof.privacy)


def require_restored(subjects: tuple[Subject, ...], unlearned: UnlearnedPart) -> None:
    """Return where no base is served again, or the listed files are that base's and the note beside them and nothing was trained."""
    proof = unlearned.proof
    if proof is None or proof.restored is None:
        return
    files = [(subject.name, subject.digest.sha256) for subject in subjects]
    if not is_restored(files, unlearned.base_digest, proof.restored):
        raise ValueError("the listed files are not those of the base that is said to be served again")
    if proof.inputs or proof.rerun is not None or unlearned.steps:
        raise ValueError("a base that is served as it was, and a training besides")


def _require_shards(shards: ShardsProof, proof: TrainingProof, steps: int) -> None:
    if (
        min(shards.shards, shards.slices, shards.slice_steps) < 1
        or min(shards.kept_steps, shards.differing_steps, shards.together_with) < 0
    ):
        raise ValueError("shards, slices or steps of which there are none, or fewer")
    if not all(map(_DIGEST.fullmatch, (shards.state_before, shards.state_after))):
        raise ValueError("a state of the shards that is named by what is no digest")
    # Not as a list of all numbers up to what is claimed: a liar may claim any.
    told = [change.shard for change in shards.changes]
    if len(told) != shards.shards or told != list(range(len(told))):
        raise ValueError("shards that are not told of, or are told of twice")
    for change in shards.changes:
        _require_change(change, shards)
    if sum(change.steps for change in shards.changes) != steps:
        raise ValueError("other steps than those of the shards that were trained again")
    if (shards.rerun_shard is None) != (proof.rerun is None):
        raise ValueError("a second run of no shard, or a shard of no second run")
    if shards.differing_steps > shards.kept_steps or shards.kept_steps > _most_kept(shards):
        raise ValueError("more steps that were kept than what is served was trained for, or more that differ than were kept")
    if shards.rerun_shard is not None and not (
        0 <= shards.rerun_shard < shards.shards and shards.changes[shards.rerun_shard].after is not None
    ):
        raise ValueError("a second run of a shard that is not served")
    if proof.rerun is not None and proof.rerun.from_step // shards.slice_steps != (proof.rerun.to_step - 1) // shards.slice_steps:
        raise ValueError("a second run that does not lie within one slice")


def _most_kept(shards: ShardsProof) -> int:
    """Return how many steps of what is served were not run again, if every one of them is logged."""
    kept = (change.first_slice - 1 if change.first_slice else shards.slices for change in shards.changes if change.after is not None)
    return shards.slice_steps * sum(kept)


def _require_change(change: ShardChange, shards: ShardsProof) -> None:
    if not all(_DIGEST.fullmatch(text) for text in (change.before, change.after) if text is not None):
        raise ValueError("an adapter that is named by what is no digest")
    if change.change != "retrained" and (change.first_slice is not None or change.steps):
        raise ValueError("steps of a shard that was not trained again")
    if change.change == "retrained":
        first = change.first_slice or 0
        if not 1 <= first <= shards.slices or change.steps != (shards.slices - first + 1) * shards.slice_steps:
            raise ValueError("other steps than from the named slice to the last")


def _require_account(privacy: PrivacyProof) -> None:
    if not _DIGEST.fullmatch(privacy.certificate):
        raise ValueError("a certificate that is named by what is no digest")
    if not all(map(_AMOUNT.fullmatch, (privacy.epsilon, privacy.epsilon_recomputed, privacy.delta))):
        raise ValueError("an epsilon or delta that is no decimal of at least 0")
    if privacy.k_max < 1 or min(privacy.subject_records, privacy.outside_records) < 0:
        raise ValueError("an account that counts less than nothing")
    if privacy.audit is not None:
        _require_audit(privacy.audit)
    start = privacy.warm_start
    if start is not None and not 1 <= start.epochs <= start.full_epochs:
        raise ValueError("a training of more epochs than the whole one has, or of none")
    if start is not None and not all(map(_MEAN.fullmatch, (start.private_nll_nats, start.untrained_nll_nats))):
        raise ValueError("a mean of a training that is no decimal of at least 0")


def _require_audit(audit: CanaryFigures) -> None:
    bounds = [text for text in (audit.refuted, audit.best_refutable) if text is not None]
    if not all(map(_AMOUNT.fullmatch, (*bounds, audit.level))):
        raise ValueError("an audit whose bound is no decimal of at least 0")
    if not 0 <= audit.right <= audit.guesses <= audit.canaries:
        raise ValueError("an audit with more right guesses than guesses, or more guesses than canaries")
