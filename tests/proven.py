"""Cases of weights that were made anew, or that are bounded: a passing report with a proof of how they came about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import digest_of
from rtbf.verify.verdict import judge
from tests import builders, results

if TYPE_CHECKING:
    from rtbf.report.statement import Case
    from rtbf.unlearn.record import ArtefactKind, TrainingProof


def proven_case(proof: TrainingProof, *, kind: ArtefactKind, method: str, asked: str = "exact", steps: int = 20, **changes: Any) -> Case:
    """Return the case of such weights, with the files of every test; all probes pass, and the verdict follows from the proof."""
    probes = results.passing_probes()
    cap = "exact" if kind == "retrained" else "dp"
    plan_changes = {"method": method, "adapter": None, "guarantee_requested": asked, "class_cap": cap}
    made = builders.case(probes, plan_changes=plan_changes)
    unlearned = replace(made.unlearned, method=method, kind=kind, proof=proof, steps=steps, stop_reason="recipe_ended", curve=(), **changes)
    arms = tuple(replace(arm, adapter_state="none") if arm.role == "unlearned" else arm for arm in made.verification.arms)
    verdict = judge(probes, class_requested=asked, artefact_kind=kind, qualification=None, proof=proof)
    verification = replace(made.verification, artefact_kind=kind, arms=arms, unlearned_digest=digest_of(unlearned), verdict=verdict)
    return replace(made, unlearned=unlearned, verification=verification)


def sharded_case(**changes: Any) -> Case:
    """Return the case of a retraining in shards; `changes` are those of what became of the shards."""
    return proven_case(results.sharded_proof(**changes), kind="retrained", method="shard_retrain", steps=10)


def private_case(**changes: Any) -> Case:
    """Return the case of a training on a private base; `changes` are those of its account."""
    return proven_case(results.private_proof(**changes), kind="private", method="dp2unlearning", asked="dp")
