"""A report that time has overtaken is issued anew: the new one names the old one, and says what came since."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import IllegalMove
from rtbf.issuing import keep_up, reissue_report, renew_reports
from rtbf.pipeline.bundling import bundle_of
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.reports import drop_unrecorded_reports, outdated_reports
from rtbf.report.check.run import check_bundle
from rtbf.store.leases import claim_lease
from rtbf.ticket_view import report_folder
from rtbf.work_lease import WorkSettings
from tests.desk import Desk, open_desk
from tests.issued import issue

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.installed import FrozenClock

WORK = WorkSettings(lease_s=60, torch_threads=1, phone_region="US", owner="this process")


@pytest.fixture
def desk(installation: Installation, clock: FrozenClock) -> Desk:
    """A ticket whose report passed; its person is told, and it closes, two hours later."""
    made = open_desk(installation).locate().erase().plan().approve().unlearn()
    clock.move(hours=1)
    issue(made)
    clock.move(hours=2)
    send_notice(installation, made.ticket_id, "fulfilment", "olga")
    return made


def said(desk: Desk) -> dict[str, Any]:
    """Return the predicate of the ticket's newest report."""
    envelope = json.loads(bundle_of(desk.installation, desk.ticket_id)["report.dsse.json"])
    predicate: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    return predicate


def test_the_report_of_a_closed_ticket_is_issued_anew_once(desk: Desk) -> None:
    first = desk.view.report
    assert first is not None
    before = said(desk)

    renewed = [renew_reports(desk.installation, "sweep", work=WORK) for _ in range(2)]

    after = said(desk)
    assert desk.where[0] == "closed"
    assert renewed == [1, 0]
    assert outdated_reports(desk.installation) == ()
    assert after["supersedes"] == {"report_id": first.report_id, "envelope_sha256": first.envelope_sha256}
    assert (before["clock"]["answered_on"], before["notices"]) == (None, [])
    assert after["clock"]["answered_on"] is not None
    assert [notice["kind"] for notice in after["notices"]] == ["fulfilment"]
    assert check_bundle(bundle_of(desk.installation, desk.ticket_id), desk.installation.trust_bytes).status == "ok"
    assert desk.installation.home.report_of(desk.ticket_id, first.report_id).is_dir()


def test_upkeep_issues_it_too_and_says_so(desk: Desk) -> None:
    done = keep_up(desk.installation, "sweep", work=WORK)

    assert done.counts["reports"] == 1
    assert done.failed == {}


def test_a_ticket_that_another_process_works_on_has_its_turn_next_time(desk: Desk) -> None:
    with desk.installation.transaction() as session:
        claim_lease(session, desk.ticket_id, "another process", desk.installation.clock(), 60)

    renewed = renew_reports(desk.installation, "sweep", work=WORK)

    assert renewed == 0
    assert outdated_reports(desk.installation) == (desk.ticket_id,)


def test_an_attempt_without_a_report_has_nothing_to_issue_anew(installation: Installation) -> None:
    desk = open_desk(installation).locate()

    with pytest.raises(IllegalMove, match="no report on attempt"):
        reissue_report(installation, desk.ticket_id, "olga", work=WORK)


def test_what_a_crash_left_between_folder_and_record_goes_with_the_next_issue(desk: Desk) -> None:
    reports = desk.installation.home.reports_of(desk.ticket_id)
    (reports / "rep_never_recorded").mkdir()
    (reports / "rep_never_recorded" / "report.dsse.json").write_bytes(b"{}")

    (reports / "1").mkdir()

    drop_unrecorded_reports(desk.installation, desk.ticket_id)

    report = desk.view.report
    assert report is not None
    # "1" is how an earlier release named a folder, by the attempt.
    assert {path.name for path in reports.iterdir()} == {"1", report.report_id}


def test_the_folder_of_an_earlier_release_is_found(desk: Desk) -> None:
    report = desk.view.report
    assert report is not None
    reports = desk.installation.home.reports_of(desk.ticket_id)
    (reports / report.report_id).rename(reports / "1")

    assert report_folder(desk.installation, desk.ticket_id) == reports / "1"
