"""Reports of the first version stay checkable for good. The golden one was signed by the code at commit f0e5a35."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.report.check.run import check_report
from tests import builders

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

GOLDEN = Path(__file__).parents[2] / "golden" / "report-v1"
ENVELOPE, TRUST = (GOLDEN / "report.dsse.json").read_bytes(), (GOLDEN / "trust.json").read_bytes()


def _changed(change: Any) -> CheckOutcome:
    """Return the outcome for the golden statement, altered and signed again with its own key."""
    statement = json.loads(base64.b64decode(json.loads(ENVELOPE)["payload"]))
    change(statement["predicate"])
    return check_report(builders.signed(statement), TRUST)


def test_a_report_of_the_first_version_is_accepted() -> None:
    outcome = check_report(ENVELOPE, TRUST)

    assert outcome.status == "ok"
    assert (outcome.verdict, outcome.award, outcome.ticket_id) == ("PASS", "approximate", "tkt_01test")
    statuses = {step.name: step.status for step in outcome.steps}
    assert statuses == {
        **dict.fromkeys(("form", "trust", "signature", "time", "content"), "ok"),
        **dict.fromkeys(("approvals", "files", "heads", "events", "sealing", "pdf", "items"), "not decided"),
    }


def test_it_is_said_that_its_approvals_are_self_declared() -> None:
    outcome = check_report(ENVELOPE, TRUST)

    assert outcome.steps[5].detail == "1 approval(s), self-declared: this version of reports carries no signatures"


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda predicate: predicate["verdict"].update(status="FAIL"), "content"),
        (lambda predicate: predicate["probes"][1].update(margin="0.900000"), "content"),
        (lambda predicate: predicate.update(clock={}), "content"),
        (lambda predicate: predicate["ticket"].update(identity=[]), "content"),
        (lambda predicate: predicate["approvals"][0].update(actor_id=builders.PLANNER), "approvals"),
        (lambda predicate: predicate["approvals"][0].update(decision="rejected"), "approvals"),
    ],
)
def test_a_lie_in_a_report_of_the_first_version_is_still_refused(change: Any, step: str) -> None:
    outcome = _changed(change)

    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert outcome.refusal.step == step


def test_a_statement_of_today_does_not_pass_as_one_of_the_first_version(good_trust: bytes) -> None:
    """Else a signer could drop the lawful parts by naming the older version."""
    statement = builders.build_statement(builders.case())
    statement["predicateType"] = statement["predicateType"].replace("/v6", "/v1")

    outcome = check_report(builders.signed(statement), good_trust)

    assert outcome.status == "bad"
