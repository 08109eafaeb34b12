"""Reports of the third version stay checkable for good, by the rule of their day. The golden one was issued by `rtbf demo`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.strict_base64 import read_base64
from rtbf.report.check.run import check_archive, check_report
from tests import builders

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

GOLDEN = Path(__file__).parents[2] / "golden"
WHOLE = GOLDEN / "bundle-v3"
TRUST = (WHOLE / "trust.json").read_bytes()


def _statement() -> Any:
    with zipfile.ZipFile(WHOLE / "bundle.zip") as archive:
        return json.loads(read_base64(json.loads(archive.read("report.dsse.json"))["payload"]))


def _signed_anew(change: Any) -> CheckOutcome:
    """Return the outcome for the golden statement, altered and signed again with its own key."""
    statement = _statement()
    change(statement)
    return check_report(builders.signed(statement), TRUST)


def test_a_bundle_of_the_third_version_is_accepted_with_the_claim_of_its_day() -> None:
    outcome = check_archive((WHOLE / "bundle.zip").read_bytes(), TRUST)

    assert (outcome.status, outcome.verdict, outcome.award) == ("ok", "PASS", "approximate")
    assert outcome.claim is not None
    assert outcome.claim.startswith("On the probes F1, F2, F3, F4, F6, R1")


def test_a_verdict_is_held_to_the_first_rule_and_to_no_other() -> None:
    """By the second rule these results would lack a gate and a membership test; it is not asked."""
    statement = _statement()

    outcome = _signed_anew(lambda body: body["predicate"]["verdict"].update(rule="rtbf.verdict/2"))

    assert statement["predicate"]["verdict"]["rule"] == "rtbf.verdict/1"
    assert (outcome.status, outcome.steps[4].status) == ("cannot decide", "not decided")


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["predicate"]["verdict"].update(status="FAIL"),
        lambda body: body["predicate"]["probes"][1].update(margin="0.900000"),
        lambda body: body["predicate"]["probes"][1].update(role="primary"),
        lambda body: body["predicate"]["measured"].update(qualification=None),
        lambda body: body["predicate"]["probes"].pop(),
    ],
    ids=["verdict", "margin", "a field of the fourth", "another one", "a probe less"],
)
def test_a_lie_in_a_report_of_the_third_version_is_still_refused(change: Any) -> None:
    outcome = _signed_anew(change)

    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert outcome.refusal.step == "content"


def test_neither_version_passes_as_the_other(good_trust: bytes) -> None:
    """Else a signer could choose the rule that suits."""
    older = builders.build_statement(builders.case())
    older["predicateType"] = older["predicateType"].replace("/v6", "/v3")

    as_third = check_report(builders.signed(older), good_trust)
    as_todays = _signed_anew(lambda body: body.update(predicateType=body["predicateType"].replace("/v3", "/v6")))

    assert (as_third.status, as_todays.status) == ("bad", "bad")
