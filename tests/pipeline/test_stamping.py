"""Reports that went out without a time-stamp get one later, once, named by the ledger; an authority that fails stops nothing."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, TimeStampUnavailable
from rtbf.evidence.timestamp import read_time_stamp
from rtbf.files import create_secret_file, make_private_folder, place_file_once
from rtbf.pipeline.stamping import ask_time_stamp, stamp_reports
from rtbf.report.bundle import TOKEN_NAME
from rtbf.store.records import save_record
from rtbf.ticket_view import ticket_events
from tests import builders
from tests.authority import URL, make_authority
from tests.desk import open_desk, report

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from tests.authority import Authority

ASKED = builders.envelope(builders.case(time_stamp="asked"))
NOT_ASKED = builders.envelope(builders.case())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def stamped(installation: Installation, authority: Authority) -> Installation:
    """The installation with a configured authority."""
    return replace(installation, tsa_url=URL, tsa_timeout_s=5, tsa_roots=authority.roots)


def _issued(installation: Installation, number: int = 1, envelope: bytes = ASKED) -> tuple[str, Path]:
    """Return a new ticket with an issued report, and the report's folder."""
    ticket_id = open_desk(installation).ticket_id
    issued = replace(report(ticket_id, 1), report_id=f"rep_{number:02}", envelope_sha256=hashlib.sha256(envelope).hexdigest())
    folder = installation.home.report_of(ticket_id, issued.report_id)
    make_private_folder(folder)
    create_secret_file(folder / "report.dsse.json", envelope)
    with installation.transaction() as session:
        save_record(session, issued, 1, installation.clock())
    return ticket_id, folder


def _noted(installation: Installation, ticket_id: str) -> list[Any]:
    events = [json.loads(leaf) for leaf in ticket_events(installation, ticket_id)]
    return [event["data"] for event in events if event["type"] == "report.stamped"]


def _away(_url: str, _body: bytes, _timeout_s: int) -> bytes:
    raise TimeStampUnavailable(found="nobody", expected="somebody", remedy="wait")


def test_a_report_without_a_token_gets_one_that_the_ledger_names(stamped: Installation, authority: Authority) -> None:
    ticket_id, folder = _issued(stamped)

    count = stamp_reports(stamped, "upkeep", authority.post)

    token = (folder / TOKEN_NAME).read_bytes()
    assert count == 1
    assert read_time_stamp(token, ASKED, authority.roots) is not None
    assert _noted(stamped, ticket_id) == [{"report": "rep_01", "token": hashlib.sha256(token).hexdigest()}]
    assert sorted(path.name for path in folder.iterdir()) == ["report.dsse.json", TOKEN_NAME]


def test_it_is_asked_for_once(stamped: Installation, authority: Authority) -> None:
    ticket_id, folder = _issued(stamped)
    stamp_reports(stamped, "upkeep", authority.post)
    first = (folder / TOKEN_NAME).read_bytes()

    count = stamp_reports(stamped, "upkeep", authority.post)

    assert count == 0
    assert (folder / TOKEN_NAME).read_bytes() == first
    assert len(_noted(stamped, ticket_id)) == 1


def test_a_report_that_promised_no_token_is_left_alone(stamped: Installation) -> None:
    ticket_id, folder = _issued(stamped, envelope=NOT_ASKED)

    count = stamp_reports(stamped, "upkeep", _away)

    assert (count, _noted(stamped, ticket_id), (folder / TOKEN_NAME).exists()) == (0, [], False)


def test_without_a_configured_authority_nothing_is_asked(installation: Installation) -> None:
    _issued(installation)

    assert stamp_reports(installation, "upkeep", _away) == 0
    with pytest.raises(TimeStampUnavailable, match="RTBF_TSA_URL"):
        ask_time_stamp(installation, ASKED, _away)


def test_one_failure_stops_no_other_report_and_is_told(stamped: Installation, authority: Authority) -> None:
    folders = [_issued(stamped, number)[1] for number in (1, 2, 3)]
    turns = iter([_away, authority.post, authority.post])

    def in_turn(*asked: Any) -> bytes:
        return next(turns)(*asked)

    with pytest.raises(TimeStampUnavailable, match="nobody"):
        stamp_reports(stamped, "upkeep", in_turn)

    assert sum((folder / TOKEN_NAME).exists() for folder in folders) == 2
    assert stamp_reports(stamped, "upkeep", authority.post) == 1


def test_an_authority_that_is_away_is_not_waited_for_by_every_report(stamped: Installation) -> None:
    for number in range(6):
        _issued(stamped, number)
    asked = []

    def counted(*query: Any) -> bytes:
        asked.append(query)
        return _away(*query)

    with pytest.raises(TimeStampUnavailable):
        stamp_reports(stamped, "upkeep", counted)

    assert len(asked) == 3


def test_a_token_of_another_authority_is_not_kept(stamped: Installation, tmp_path: Path) -> None:
    ticket_id, folder = _issued(stamped)
    another = make_authority(tmp_path / "another")

    with pytest.raises(TimeStampUnavailable, match="RTBF_TSA_ROOTS_FILE"):
        stamp_reports(stamped, "upkeep", another.post)

    assert (_noted(stamped, ticket_id), (folder / TOKEN_NAME).exists()) == ([], False)


def test_an_envelope_that_was_exchanged_is_not_stamped(stamped: Installation, authority: Authority) -> None:
    _, folder = _issued(stamped)
    (folder / "report.dsse.json").write_bytes(NOT_ASKED)
    fresh = replace(authority, asked=[])

    with pytest.raises(ArtefactMismatch, match="not the one issued"):
        stamp_reports(stamped, "upkeep", fresh.post)

    assert fresh.asked == []


def test_a_crash_before_the_file_leaves_an_event_and_the_next_time_a_token(
    stamped: Installation, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token at hand is always named by an event; an event may name a token that is gone."""
    ticket_id, folder = _issued(stamped)

    def killed(_path: Path, _content: bytes) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("rtbf.pipeline.stamping.place_file_once", killed)
    with pytest.raises(KeyboardInterrupt):
        stamp_reports(stamped, "upkeep", authority.post)
    monkeypatch.undo()

    assert stamp_reports(stamped, "upkeep", authority.post) == 1
    tokens = [data["token"] for data in _noted(stamped, ticket_id)]
    assert len(tokens) == 2
    assert tokens[1] == hashlib.sha256((folder / TOKEN_NAME).read_bytes()).hexdigest()


def test_of_many_writers_one_places_the_file_whole(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    placed: list[bytes] = []
    start = threading.Barrier(len(contents))

    def write(content: bytes) -> None:
        start.wait()
        if place_file_once(tmp_path / "token", content):
            placed.append(content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(placed) == 1
    assert (tmp_path / "token").read_bytes() == placed[0]
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
