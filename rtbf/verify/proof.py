"""What the record of an exact or a private method shows, read for the verdict. Standard library only: an auditor recomputes it.

A proof speaks for the records, a measurement for the weights: classes `exact` and `dp` need the first, and that no measurement
speaks against it. Proves nothing when the operator's own records are false: they are signed, not witnessed.
Source: PROTOCOL §2, classes E and D.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.unlearn.record import PrivacyProof, TrainingProof

_UNIT = "data subject"
_ROUNDING = Decimal("0.0001")
"""A certificate rounds its epsilon upwards, to four decimals."""

PROOF = "PROOF"
"""What stands before the reason in a code of a proof, where a probe's id stands otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofReading:
    """Codes that make the verdict FAIL, and codes that withhold a PASS."""

    against: tuple[str, ...]
    missing: tuple[str, ...]


def read_proof(proof: TrainingProof | None, aimed_at: str = "exact") -> ProofReading:
    """Return what the proof says for the class that is aimed at; without one everything is missing.

    For class dp the records may be among the inputs where nothing was trained on top of the private base (procedure "dp"): what is
    bounded is their influence, and the account speaks instead of the lists.
    """
    if proof is None:
        return ProofReading(against=(), missing=(f"{PROOF}:NO_PROOF",))
    is_bound_alone = aimed_at == "dp" and proof.procedure == "dp"
    parts = [] if is_bound_alone else [_training(proof), _shards(proof)]
    parts += [_privacy(proof.privacy)] if aimed_at == "dp" else []
    return ProofReading(
        against=tuple(f"{PROOF}:{reason}" for against, _ in parts for reason, holds in against.items() if holds),
        missing=tuple(f"{PROOF}:{reason}" for _, missing in parts for reason, holds in missing.items() if holds),
    )


def _training(proof: TrainingProof) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return what speaks against lists and second run, and what is missing of them."""
    differs = proof.rerun is not None and proof.rerun.expected != proof.rerun.found
    is_bitwise = proof.rerun is not None and proof.rerun.is_bitwise
    against = {
        "INPUTS": proof.forgotten_inputs != 0,
        "NEAR_DUPLICATE": bool(proof.near_duplicates),
        "RERUN_DIFFERS": differs and is_bitwise,
    }
    missing = {
        "NOT_SCANNED": proof.near_duplicates is None,
        "NOT_RERUN": not _was_nothing_trained(proof) and (proof.rerun is None or (differs and not is_bitwise)),
    }
    return against, missing


def _was_nothing_trained(proof: TrainingProof) -> bool:
    """Return whether there is nothing to run a second time: a base is served again, or shards are only not served any more.

    A shard that an earlier ticket had switched off counts as well: whoever shared it with that ticket finds it off already. Where every
    shard is served as before, a stretch is asked for, or whoever wants to skip it would call each of them untouched.
    """
    if proof.shards is None:
        return proof.restored is not None
    changes = proof.shards.changes
    was_nothing_run = all(change.change != "retrained" and change.steps == 0 for change in changes)
    return was_nothing_run and any(change.after is None for change in changes)


def _shards(proof: TrainingProof) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return what speaks against the shards' own records, and whether a sharded procedure shows none."""
    if proof.shards is None:
        return {}, {"NO_SHARDS": proof.procedure == "sharded"}
    changes = proof.shards.changes
    # What was kept must be as it was; what is not served must have no adapter; what was trained again must have one.
    is_unsound = any(
        (change.change == "untouched" and change.before is not None and change.before != change.after)
        or (change.change in {"switched_off", "emptied"} and change.after is not None)
        or (change.change == "retrained" and (change.after is None or change.first_slice is None))
        for change in changes
    )
    is_whole = [change.shard for change in changes] == list(range(proof.shards.shards))
    return {"SHARD_LOG": proof.shards.differing_steps != 0, "SHARD_CHANGED": is_unsound or not is_whole}, {}


def _privacy(privacy: PrivacyProof | None) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return what speaks against the account of a private training, and what is missing of it (PROTOCOL §2, class D)."""
    if privacy is None:
        return {}, {"NO_ACCOUNT": True}
    epsilon, again = _number(privacy.epsilon), _number(privacy.epsilon_recomputed)
    audit = privacy.audit
    refuted = None if audit is None or audit.refuted is None else _number(audit.refuted)
    power = None if audit is None or audit.best_refutable is None else _number(audit.best_refutable)
    against = {
        "ACCOUNTANT": epsilon is None or again is None or again > epsilon + _ROUNDING,
        "UNIT": privacy.unit != _UNIT,
        "AUDIT_REFUTES": refuted is not None and epsilon is not None and refuted >= epsilon,
    }
    missing = {
        "NO_AUDIT": audit is None,
        "AUDIT_WEAK": audit is not None and (power is None or epsilon is None or power < epsilon),
    }
    return against, missing


def _number(text: str) -> Decimal | None:
    """Return a finite number of at least 0, or None: what cannot be read speaks for nothing."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None
