"""The words of rule rtbf.verdict/1: each kind of claim says what it must, and none says what it must not."""

from __future__ import annotations

import itertools

import pytest

from rtbf.verify.frozen.claim_v1 import CODE_MEANINGS, CODE_REMEDIES, FORBIDDEN, claim_text
from rtbf.verify.frozen.record_v1 import Interval
from rtbf.verify.frozen.verdict_v1 import judge
from tests import frozen_results as builders


def _claims() -> list[str]:
    """Return the claims of every verdict over a grid of results, kinds and classes."""
    few = tuple(builders.probe_result(probe_id, n_records=3) for probe_id in ("F1", "F2", "U1"))
    lowered = tuple(
        builders.leaking_probe("R3", estimate="0.2", interval=Interval(low="0.1", high="0.3", level="0.90")) if p.probe_id == "R3" else p
        for p in builders.passing_probes()
    )
    leaking = (builders.leaking_probe("F1"), builders.leaking_probe("R4"), builders.probe_result("U1"))
    sets = ((), builders.passing_probes(), few, lowered, leaking)
    grid = itertools.product(sets, ("merged", "adapter", "unchanged"), ("exact", "dp", "approximate", "suppression", "none"))
    return [judge(probes, class_requested=asked, artefact_kind=kind).claim for probes, kind, asked in grid]


@pytest.mark.parametrize("phrase", FORBIDDEN)
def test_no_generated_claim_holds_a_forbidden_phrase(phrase: str) -> None:
    every_code = [f"F1:{code}" for code in CODE_MEANINGS]
    explained = [claim_text(status, "none", every_code, (), ()) for status in ("FAIL", "INCONCLUSIVE")]

    claims = [*_claims(), *explained]

    assert [claim for claim in claims if phrase in claim.lower()] == []


def test_an_approximate_pass_says_evidence_and_not_proof() -> None:
    claim = judge(builders.passing_probes(), class_requested="approximate", artefact_kind="merged").claim

    assert "statistically equivalent" in claim
    assert "not proof that no information remains in the weights" in claim


def test_a_suppression_pass_says_that_the_data_may_remain() -> None:
    claim = judge(builders.passing_probes(), class_requested="approximate", artefact_kind="adapter").claim

    assert "could not be elicited" in claim
    assert "may remain in the weights" in claim


def test_a_claim_names_only_probes_decided_in_favour() -> None:
    """A probe that does not apply shows nothing, so nothing may lean on it."""
    probes = tuple(
        builders.probe_result("R2", not_applicable="MERGED") if probe.probe_id == "R2" else probe for probe in builders.passing_probes()
    )

    verdict = judge(probes, class_requested="approximate", artefact_kind="merged")

    assert verdict.status == "PASS"
    assert "R1, R3, R4" in verdict.claim
    assert "R2" not in verdict.claim


def test_utility_probes_are_not_called_equivalent_to_other_models() -> None:
    claim = judge(builders.passing_probes(), class_requested="approximate", artefact_kind="merged").claim

    before, after = claim.split("it lost less than")

    assert before.rstrip().endswith("on U1, U2, U4, U6")
    assert "U1" not in before.split("the model is statistically")[0]
    assert "not proof" in after


def test_an_inconclusive_claim_explains_each_code_and_what_would_decide() -> None:
    claim = claim_text("INCONCLUSIVE", "none", ("F4:NOT_RUN", "FEW_RECORDS", "R1:NOT_RUN"), (), ())

    assert "NOT_RUN (F4, R1): the class needs this probe and it was not run" in claim
    assert "FEW_RECORDS: fewer records" in claim
    assert "To decide would need at least 18 records" in claim
    assert claim.endswith("No conclusion about compliance may be drawn from this report.")


def test_no_signal_promises_no_remedy() -> None:
    claim = claim_text("INCONCLUSIVE", "none", ("F1:NO_SIGNAL",), (), ())

    assert "nothing this probe could see go" in claim
    assert "To decide" not in claim


def test_every_remedy_belongs_to_a_known_code() -> None:
    unknown = set(CODE_REMEDIES) - set(CODE_MEANINGS)

    assert unknown == set()
