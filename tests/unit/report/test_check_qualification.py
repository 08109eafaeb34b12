"""What a statement of the fourth version says of a qualification and of each probe's part, held against its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.plan.record import Qualification
from rtbf.report.check.run import check_report
from rtbf.report.statement import build_statement
from rtbf.verify.record import QualificationUse
from rtbf.verify.verdict import judge
from tests import builders
from tests.results import passing_probes, probe_result, sha

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

PLANNED = Qualification(digest=sha(30), ends_on="2026-06-30", covers=True, reason="same method, settings and model family")
USED = QualificationUse(digest=sha(30), is_in_date=True, covers=True)
FEW = tuple(replace(probe, n_records=5) if probe.probe_id == "F1" else probe for probe in passing_probes())


def _statement(planned: Qualification | None, used: QualificationUse | None) -> dict[str, Any]:
    """Return the statement of a ticket with five records, judged with the qualification as it was used."""
    case = builders.case(FEW, plan_changes={"qualification": planned})
    verdict = judge(FEW, class_requested="approximate", artefact_kind="merged", qualification=used)
    return build_statement(replace(case, verification=replace(case.verification, qualification=used, verdict=verdict)))


def _checked(statement: dict[str, Any], trust: bytes) -> CheckOutcome:
    return check_report(builders.signed(statement), trust)


def test_a_verdict_that_leans_on_its_plans_qualification_is_accepted(good_trust: bytes) -> None:
    outcome = _checked(_statement(PLANNED, USED), good_trust)

    assert (outcome.status, outcome.verdict, outcome.award) == ("ok", "PASS", "approximate")
    assert outcome.claim is not None
    assert PLANNED.digest in outcome.claim


def test_a_lapsed_one_helps_nothing_and_is_accepted_as_that(good_trust: bytes) -> None:
    lapsed = replace(PLANNED, ends_on="2026-03-01")

    outcome = _checked(_statement(lapsed, replace(USED, is_in_date=False)), good_trust)

    assert (outcome.status, outcome.verdict) == ("ok", "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("planned", "used"),
    [
        (None, USED),
        (PLANNED, None),
        (PLANNED, replace(USED, digest=sha(31))),
        (replace(PLANNED, covers=False), USED),
        (replace(PLANNED, ends_on="2026-02-28"), USED),
        (PLANNED, replace(USED, is_in_date=False)),
        (replace(PLANNED, ends_on="for ever"), USED),
    ],
    ids=["none planned", "passed over", "another", "does not cover", "lapsed before the start", "called lapsed", "no day"],
)
def test_a_qualification_that_is_not_the_plans_is_refused(
    planned: Qualification | None, used: QualificationUse | None, good_trust: bytes
) -> None:
    outcome = _checked(_statement(planned, used), good_trust)

    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert (outcome.refusal.step, "qualification" in outcome.refusal.found) == ("content", True)


def test_a_verdict_made_with_a_qualification_that_is_then_hidden_is_refused(good_trust: bytes) -> None:
    statement = _statement(PLANNED, USED)
    statement["predicate"]["plan"]["qualification"] = statement["predicate"]["measured"]["qualification"] = None

    outcome = _checked(statement, good_trust)

    assert outcome.refusal is not None
    assert "the numbers give INCONCLUSIVE" in outcome.refusal.found


def test_a_probe_that_was_planned_to_decide_cannot_be_called_reported(good_trust: bytes) -> None:
    """Else what speaks against the artefact could be told and not counted."""
    leak = builders.leaking_probe("F2.em", role="secondary")
    case = builders.case((*passing_probes(), leak))
    told = (*passing_probes(), replace(leak, role="reported"))
    verdict = judge(told, class_requested="approximate", artefact_kind="merged", qualification=None)

    outcome = _checked(build_statement(replace(case, verification=replace(case.verification, probes=told, verdict=verdict))), good_trust)

    assert verdict.status == "PASS"
    assert outcome.refusal is not None
    assert "not the planned ones" in outcome.refusal.found


@pytest.mark.parametrize("changes", [{"power": "high"}, {"witnesses": -1}])
def test_a_number_that_is_none_is_refused_in_what_the_fourth_version_added(changes: dict[str, Any], good_trust: bytes) -> None:
    probes = (*passing_probes(), probe_result("F2.em", role="secondary", **changes))

    outcome = _checked(build_statement(builders.case(probes)), good_trust)

    assert outcome.refusal is not None
    assert outcome.refusal.step == "content"
    assert "F2.em" in outcome.refusal.found
