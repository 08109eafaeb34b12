"""What a statement says of ledger, time-stamp and the report before it is well-formed and fits together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rtbf.report.check.run import check_report
from rtbf.report.predicate import SupersededPart
from rtbf.report.statement import build_statement
from tests import builders

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
HEX = "ab" * 32


@pytest.mark.parametrize(
    "changes",
    [
        {"events": 0},
        {"events": 13},  # of a tree of 12
        {"tree_size": 0, "events": 0},
        {"last_hash": "cd" * 31},
        {"last_hash": "CD" * 32},
        {"root": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"},  # unpadded
        {"root": builders.base64_text(b"\xab" * 31)},
        {"root": "not base64!"},
    ],
    ids=str,
)
def test_a_malformed_trail_is_refused(changes: dict[str, Any]) -> None:
    statement = builders.envelope(builders.case(trail=builders.trail(**changes)))

    outcome = check_report(statement, builders.trust(NEW_YEAR))

    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert outcome.refusal.step == "content"


@pytest.mark.parametrize(
    "earlier",
    [
        SupersededPart(report_id="rep_01test", envelope_sha256=HEX),  # itself
        SupersededPart(report_id="rep_01earlier", envelope_sha256="ab"),
        SupersededPart(report_id="another thing", envelope_sha256=HEX),
    ],
    ids=lambda earlier: earlier.report_id,
)
def test_a_report_that_names_no_earlier_one_or_itself_is_refused(earlier: SupersededPart) -> None:
    outcome = check_report(builders.envelope(builders.case(supersedes=earlier)), builders.trust(NEW_YEAR))

    assert outcome.status == "bad"


def test_a_superseding_report_is_good() -> None:
    earlier = SupersededPart(report_id="rep_01earlier", envelope_sha256=HEX)

    outcome = check_report(builders.envelope(builders.case(supersedes=earlier)), builders.trust(NEW_YEAR))

    assert outcome.status == "ok"


def test_a_statement_that_claims_more_attestation_than_it_has_is_refused() -> None:
    statement = build_statement(builders.case(time_stamp="none"))
    statement["predicate"]["time_stamp"] = "asked"

    outcome = check_report(builders.signed(statement), builders.trust(NEW_YEAR))

    assert outcome.status == "bad"
    assert outcome.refusal is not None
    assert "vouches" in outcome.refusal.found
