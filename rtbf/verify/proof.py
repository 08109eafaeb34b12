"""What the record of an exact method shows, read for the verdict. Standard library only: an auditor recomputes it.

A proof speaks for the records, a measurement for the weights: class `exact` needs the first, and that no measurement speaks
against it. Proves nothing when the operator's own records are false: they are signed, not witnessed.
Source: PROTOCOL §2, class E.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.unlearn.record import TrainingProof

PROOF = "PROOF"
"""What stands before the reason in a code of a proof, where a probe's id stands otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofReading:
    """Codes that make the verdict FAIL, and codes that withhold a PASS."""

    against: tuple[str, ...]
    missing: tuple[str, ...]


def read_proof(proof: TrainingProof | None) -> ProofReading:
    """Return what the proof says; without one everything is missing."""
    if proof is None:
        return ProofReading(against=(), missing=(f"{PROOF}:NO_PROOF",))
    against = {
        "INPUTS": proof.forgotten_inputs != 0,
        "NEAR_DUPLICATE": bool(proof.near_duplicates),
        "RERUN_DIFFERS": proof.rerun is not None and proof.rerun.is_bitwise and proof.rerun.expected != proof.rerun.found,
    }
    missing = {
        "NOT_SCANNED": proof.near_duplicates is None,
        # Where a base is served again nothing was trained, so there is nothing to run a second time.
        "NOT_RERUN": proof.restored is None
        and (proof.rerun is None or (not proof.rerun.is_bitwise and proof.rerun.expected != proof.rerun.found)),
    }
    return ProofReading(
        against=tuple(f"{PROOF}:{reason}" for reason, holds in against.items() if holds),
        missing=tuple(f"{PROOF}:{reason}" for reason, holds in missing.items() if holds),
    )
