"""The bundle of an issued report, gathered from a living installation, passes the checker that auditors use."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import ArtefactMismatch, IllegalMove
from rtbf.evidence.receipt import receipt_bytes
from rtbf.pipeline.bundling import bundle_of
from rtbf.pipeline.ledger import intake_receipt, seal_ledger
from rtbf.pipeline.moves import note
from rtbf.report.bundle import read_bundle, write_bundle
from rtbf.report.check.run import check_archive, check_bundle
from rtbf.store.actors import actor_id_for
from tests.desk import Desk, open_desk
from tests.issued import issue, issue_anew

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.installed import FrozenClock


@pytest.fixture
def desk(installation: Installation, clock: FrozenClock) -> Desk:
    """A ticket with its report issued, others' events around it."""
    made = open_desk(installation)
    open_desk(installation)
    seal_ledger(installation)
    made.locate().erase().plan().approve().unlearn()
    clock.move(hours=1)
    issue(made)
    return made


def test_a_bundle_from_a_living_installation_passes_every_step_that_can_be_taken(desk: Desk) -> None:
    files = bundle_of(desk.installation, desk.ticket_id)

    outcome = check_archive(write_bundle(files), desk.installation.trust_bytes, root=desk.installation.trust.root)

    assert outcome.refusal is None, outcome.refusal
    # The approver of the desk has no key, and nobody handed over the model or the item log.
    assert [step.name for step in outcome.steps if step.status != "ok"] == ["approvals", "files", "items"]
    assert (outcome.ticket_id, outcome.remarks) == (desk.ticket_id, ())


def test_a_bundle_made_again_after_more_events_passes_too(desk: Desk) -> None:
    first = bundle_of(desk.installation, desk.ticket_id)
    open_desk(desk.installation)

    second = bundle_of(desk.installation, desk.ticket_id)

    assert first["report.dsse.json"] == second["report.dsse.json"]
    assert first["checkpoint"] != second["checkpoint"]
    assert [check_bundle(files, desk.installation.trust_bytes).status for files in (first, second)] == ["ok", "ok"]


def test_the_requesters_receipt_fits_the_bundle(desk: Desk) -> None:
    receipt = intake_receipt(desk.installation, desk.ticket_id)
    assert receipt is not None

    outcome = check_bundle(bundle_of(desk.installation, desk.ticket_id), desk.installation.trust_bytes, receipt=receipt_bytes(receipt))

    assert outcome.status == "ok"


def test_a_superseding_report_is_the_one_that_is_bundled(desk: Desk, clock: FrozenClock) -> None:
    before = bundle_of(desk.installation, desk.ticket_id)
    clock.move(hours=1)
    earlier = desk.view.report
    assert earlier is not None
    later = issue_anew(desk)

    files = bundle_of(desk.installation, desk.ticket_id)

    assert json.loads(files["events.jsonl"].splitlines()[-1])["data"]["supersedes"] == earlier.report_id
    assert check_bundle(files, desk.installation.trust_bytes).report_id == later.report_id
    # The earlier bundle, with the newer events, says what stands in its place.
    mixed = {**files, "report.dsse.json": before["report.dsse.json"], "report.pdf": before["report.pdf"]}
    assert check_bundle(mixed, desk.installation.trust_bytes).status == "bad"


def test_a_token_that_came_later_goes_into_the_bundle(desk: Desk) -> None:
    report = desk.view.report
    assert report is not None
    token = b"a token that nobody judges: the trust file names no authority"
    with desk.installation.transaction() as session:
        now = desk.installation.clock()
        data = {"report": report.report_id, "token": hashlib.sha256(token).hexdigest()}
        note(session, desk.ticket_id, "report.stamped", actor_id_for(session, "worker", now), now, data)
    (desk.installation.home.report_of(desk.ticket_id, report.report_id) / "report.dsse.json.tsr").write_bytes(token)

    files = bundle_of(desk.installation, desk.ticket_id)

    assert files["report.dsse.json.tsr"] == token
    assert check_bundle(files, desk.installation.trust_bytes).refusal is None


@pytest.mark.parametrize("name", ["report.dsse.json", "report.pdf"])
@pytest.mark.parametrize("trouble", ["missing", "changed"])
def test_a_file_that_is_not_the_issued_one_is_not_handed_out(name: str, trouble: str, desk: Desk) -> None:
    report = desk.view.report
    assert report is not None
    path = desk.installation.home.report_of(desk.ticket_id, report.report_id) / name
    content = path.read_bytes()
    path.unlink()
    if trouble == "changed":
        path.write_bytes(content + b" ")

    with pytest.raises(ArtefactMismatch, match=name):
        bundle_of(desk.installation, desk.ticket_id)


def test_a_ticket_without_a_report_has_no_bundle(installation: Installation) -> None:
    made = open_desk(installation)

    with pytest.raises(IllegalMove, match="no report"):
        bundle_of(installation, made.ticket_id)


def test_a_bundle_holds_no_personal_data(desk: Desk) -> None:
    files = read_bundle(write_bundle(bundle_of(desk.installation, desk.ticket_id)))

    told = b"".join(content for name, content in files.items() if name != "report.pdf")
    assert [word for word in (b"Canary", b"ines.canary", b"olga", b"marek") if word in told] == []
