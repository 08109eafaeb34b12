"""A report that says a base is served again: the checker believes it by the list of files, and by nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.canonical import digest_of
from rtbf.lm.digest import ArtefactFile, digest_of_files
from rtbf.lm.restored import note_bytes, note_name
from rtbf.report.check.run import check_report
from rtbf.verify.verdict import judge
from tests import builders
from tests.results import passing_probes, training_proof

if TYPE_CHECKING:
    from rtbf.report.statement import Case
    from rtbf.unlearn.record import TrainingProof, Unlearned


def _listed(contents: dict[str, bytes]) -> tuple[ArtefactFile, ...]:
    return tuple(
        ArtefactFile(name=name, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        for name, content in sorted(contents.items())
    )


ORIGINAL = builders.plan().model_digest
BASE_FILES = builders.artefact_files()
BASE = digest_of_files(_listed(BASE_FILES))
NOTE = {note_name(ORIGINAL): note_bytes(ORIGINAL, BASE)}
PROOF = training_proof(procedure="adapter_drop", inputs=0, inputs_digest=digest_of([]), rerun=None, restored=BASE)


def _case(contents: dict[str, bytes], proof: TrainingProof = PROOF, **changes: Any) -> Case:
    """Return the case of a dropped adapter that passed, with these files."""
    plan_changes = {"method": "adapter_drop", "adapter": None, "guarantee_requested": "exact", "class_cap": "exact"}
    made = builders.case(plan_changes=plan_changes)
    files = _listed(contents)
    fields: dict[str, Any] = {"steps": 0, "stop_reason": "recipe_ended", "curve": (), **changes}
    unlearned: Unlearned = replace(
        made.unlearned, method="adapter_drop", kind="retrained", files=files, artefact_digest=digest_of_files(files), proof=proof, **fields
    )
    arms = tuple(
        replace(arm, digest=unlearned.artefact_digest, adapter_state="none") if arm.role == "unlearned" else arm
        for arm in made.verification.arms
    )
    verdict = judge(passing_probes(), class_requested="exact", artefact_kind="retrained", qualification=None, proof=proof)
    verification = replace(made.verification, artefact_kind="retrained", arms=arms, unlearned_digest=digest_of(unlearned), verdict=verdict)
    return replace(made, unlearned=unlearned, verification=verification)


def test_the_files_of_the_base_and_the_note_are_believed(good_trust: bytes) -> None:
    outcome = check_report(builders.envelope(_case({**BASE_FILES, **NOTE})), good_trust)

    assert (outcome.status, outcome.verdict) == ("ok", "PASS"), outcome


@pytest.mark.parametrize(
    "contents",
    [
        BASE_FILES,
        {**BASE_FILES, **NOTE, "model.safetensors": b"other weights"},
        {**BASE_FILES, **NOTE, "adapter_config.json": b"{}"},
        {**BASE_FILES, note_name(ORIGINAL): note_bytes(ORIGINAL, builders.sha(77))},
    ],
    ids=["no note", "other weights", "an adapter beside them", "the note of another base"],
)
def test_any_other_files_are_refused(good_trust: bytes, contents: dict[str, bytes]) -> None:
    outcome = check_report(builders.envelope(_case(contents)), good_trust)

    assert outcome.status == "bad"
    assert "not those of the base that is said to be served again" in str(outcome)


@pytest.mark.parametrize(
    ("proof", "changes"),
    [(replace(PROOF, inputs=3), {}), (replace(PROOF, rerun=training_proof().rerun), {"steps": 20}), (PROOF, {"steps": 1})],
    ids=["inputs", "a second run", "steps"],
)
def test_a_base_that_is_served_as_it_was_was_not_trained(good_trust: bytes, proof: TrainingProof, changes: dict[str, Any]) -> None:
    outcome = check_report(builders.envelope(_case({**BASE_FILES, **NOTE}, proof, **changes)), good_trust)

    assert outcome.status == "bad"
    assert "and a training besides" in str(outcome)
