"""A submission becomes one ticket: once per idempotency key, linked by what is equal, counted from the right day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rtbf.errors import BadInput, IdempotencyKeyReused, SubmissionRaced, UnknownName
from rtbf.pipeline import intake
from rtbf.pipeline.intake import submit_once, submit_ticket
from rtbf.pipeline.reveal import reveal_identifiers
from rtbf.pipeline.standing import standing_of
from rtbf.store.law_tables import IdempotencyRow
from rtbf.store.tickets import list_tickets
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events, view_ticket

if TYPE_CHECKING:
    from rtbf.installation import Installation

MAIL = "ines@example.org"


def body(*values: tuple[str, str], **changes: Any) -> dict[str, Any]:
    subject = [{"kind": kind, "value": value} for kind, value in values or (("name", "Ines Varga"), ("email", MAIL))]
    return {"subject": subject, **changes}


def submit(installation: Installation, *values: tuple[str, str], actor: str = "olga", **changes: Any) -> str:
    return submit_ticket(installation, read_submission(body(*values, **changes), installation.clock()), actor)


def once(installation: Installation, key: str | None, *values: tuple[str, str], actor: str = "olga", **changes: Any) -> intake.Taken:
    return submit_once(installation, read_submission(body(*values, **changes), installation.clock()), actor, key)


def count(installation: Installation) -> int:
    with installation.transaction() as session:
        return len(list_tickets(session))


def test_the_same_key_and_body_give_the_same_ticket(installation: Installation) -> None:
    first = once(installation, "k-1")
    before = ticket_events(installation, first.ticket_id)

    again = once(installation, "k-1")

    assert (first.is_replay, again.is_replay, again.ticket_id) == (False, True, first.ticket_id)
    assert count(installation) == 1
    assert ticket_events(installation, first.ticket_id) == before


@pytest.mark.parametrize("changes", [{"regime": "uk-gdpr"}, {"locale": "de"}, {"identity": {"method": "in_person"}}])
def test_a_key_that_came_with_another_body_is_refused(installation: Installation, changes: dict[str, Any]) -> None:
    once(installation, "k-1")

    with pytest.raises(IdempotencyKeyReused):
        once(installation, "k-1", **changes)

    assert count(installation) == 1


def test_a_key_is_forgotten_when_its_time_is_over(installation: Installation, clock: Any) -> None:
    first = once(installation, "k-1")
    clock.move(hours=48)

    later = once(installation, "k-1", locale="de")

    assert not later.is_replay
    assert later.ticket_id != first.ticket_id


def test_a_refused_submission_uses_no_key_up(installation: Installation) -> None:
    with pytest.raises(UnknownName):
        once(installation, "k-1", models=["no-such-model"])

    taken = once(installation, "k-1")

    assert not taken.is_replay
    assert count(installation) == 1


def test_key_and_body_are_stored_as_keyed_hashes_only(installation: Installation) -> None:
    once(installation, "ines@example.org")

    stored = b"".join(path.read_bytes() for path in installation.home.path.rglob("*") if path.is_file())

    assert b"ines@example.org" not in stored
    with installation.transaction() as session:
        row = session.scalars(select(IdempotencyRow)).one()
    assert (len(row.key_hash), len(row.request_digest)) == (64, 64)


def test_equal_submissions_at_once_make_one_ticket(installation: Installation) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        taken = [future.result() for future in [pool.submit(once, installation, "k-1") for _ in range(2)]]

    assert len({entry.ticket_id for entry in taken}) == 1
    assert sorted(entry.is_replay for entry in taken) == [False, True]
    assert count(installation) == 1


def test_a_lost_race_becomes_the_winners_answer(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL two look-ups may both find nothing; the primary key decides, and the loser's ticket is undone."""
    winner = once(installation, "k-1")
    looked = []

    def blind_once(*arguments: Any) -> Any:
        looked.append(1)
        return None if len(looked) == 1 else found(*arguments)

    found = intake.answered_before
    monkeypatch.setattr(intake, "answered_before", blind_once)

    loser = once(installation, "k-1")

    assert (loser.ticket_id, loser.is_replay, len(looked)) == (winner.ticket_id, True, 2)
    assert count(installation) == 1


def test_a_race_that_is_lost_twice_is_an_outage(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    once(installation, "k-1")
    monkeypatch.setattr(intake, "answered_before", lambda *_: None)

    with pytest.raises(SubmissionRaced):
        once(installation, "k-1")

    assert count(installation) == 1


def test_without_a_key_an_equal_submission_is_linked_and_not_merged(installation: Installation) -> None:
    first, second = submit(installation), submit(installation)

    views = [view_ticket(installation, ticket_id) for ticket_id in (first, second)]

    assert first != second
    assert [view.linked for view in views] == [(second,), (first,)]
    assert [view.state for view in views] == ["received", "received"]


@pytest.mark.parametrize(
    ("kind", "one", "other", "is_same"),
    [
        ("email", "Jos\u00e9@example.org", "jose\u0301@EXAMPLE.org", True),  # NFC and NFD
        ("email", "jo@example.org", "JO@Example.ORG", True),
        ("email", "paul@example.org", "p\u0430ul@example.org", False),  # a Cyrillic a
        ("email", "jo@example.org", "jo+list@example.org", False),  # a plus-tag may be another mailbox
        ("email", "jo.example@example.org", "joexample@example.org", False),
        ("phone", "+1 202 555 0142", "(202) 555-0142", True),  # the installation's region is US
        ("phone", "+1 202 555 0142", "+44 202 555 0142", False),
        ("account", "@jo", "Jo", True),
        ("name", "In\u00e9s Varga", "Ine\u0301s  VARGA", True),
        ("name", "Pavel", "\u0420avel", False),  # a Cyrillic R that looks like P
    ],
)
def test_links_follow_normal_forms_and_no_likeness(installation: Installation, kind: str, one: str, other: str, *, is_same: bool) -> None:
    first = submit(installation, (kind, one))

    second = submit(installation, (kind, other))

    assert view_ticket(installation, second).linked == ((first,) if is_same else ())


def test_a_look_alike_is_taken_and_marked(installation: Installation) -> None:
    ticket_id = submit(installation, ("email", "p\u0430ul@example.org"), ("email", "paul@example.org"))

    marks = view_ticket(installation, ticket_id).ticket.identifiers

    assert [mark.warnings for mark in marks] == [("mixed_scripts",), ()]


def test_a_shared_name_alone_links_but_a_name_among_others_does_not(installation: Installation) -> None:
    first = submit(installation, ("name", "Jo Example"), ("email", "jo@example.org"))

    only_name = submit(installation, ("name", "Jo Example"))
    other_mail = submit(installation, ("name", "Jo Example"), ("email", "another.jo@example.org"))

    assert view_ticket(installation, only_name).linked == (first,)
    assert view_ticket(installation, other_mail).linked == ()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(categories=("Lu", "Ll", "Lo", "Mn", "Nd"), include_characters=" '-\u200c"), min_size=2, max_size=60).filter(
        lambda text: sum(character.isalnum() for character in text) >= 2
    )
)
def test_what_is_taken_comes_back_as_it_was_composed(installation: Installation, name: str) -> None:
    submission = read_submission(body(("name", name)), installation.clock())
    ticket_id = submit_ticket(installation, submission, "olga")

    (opened,) = reveal_identifiers(installation, ticket_id, "audit", "olga")

    assert opened.value.reveal() == submission.secrets()[0][1].reveal()


@pytest.mark.parametrize(
    ("zone", "received_at", "received_on", "deadline"),
    [
        # A leap day: 29 March 2024 is a Friday (worked: no holidays are set).
        ("UTC", "2024-02-29T12:00:00Z", date(2024, 2, 29), date(2024, 3, 29)),
        # 31 January of a leap year: the month ends on 29 February 2024, a Thursday.
        ("UTC", "2024-01-31T12:00:00Z", date(2024, 1, 31), date(2024, 2, 29)),
        # 30 January 2026: 28 February is a Saturday, so Monday 2 March.
        ("UTC", "2026-01-30T12:00:00Z", date(2026, 1, 30), date(2026, 3, 2)),
        # Berlin springs forward on Sun 30 March 2025 at 01:00 UTC: 22:30 UTC of 29 March is 23:30, of 30 March 00:30 next day.
        ("Europe/Berlin", "2025-03-29T22:30:00Z", date(2025, 3, 29), date(2025, 4, 29)),
        ("Europe/Berlin", "2025-03-30T22:30:00Z", date(2025, 3, 31), date(2025, 4, 30)),
        # The hour that Berlin has twice on 26 October 2025; its month ends on Wed 26 November.
        ("Europe/Berlin", "2025-10-26T02:30:00+02:00", date(2025, 10, 26), date(2025, 11, 26)),
        ("Europe/Berlin", "2025-10-26T02:30:00+01:00", date(2025, 10, 26), date(2025, 11, 26)),
        # The offset names the instant, the installation's zone the day: 20:00 in Los Angeles is 05:00 next day in Berlin.
        ("Europe/Berlin", "2026-01-14T20:00:00-08:00", date(2026, 1, 15), date(2026, 2, 16)),  # 15 February is a Sunday
        ("America/Los_Angeles", "2026-01-15T04:00:00Z", date(2026, 1, 14), date(2026, 2, 16)),  # 14 February is a Saturday
    ],
)
def test_the_day_of_receipt_and_the_deadline_are_right(
    installation: Installation, zone: str, received_at: str, received_on: date, deadline: date
) -> None:
    placed = replace(installation, policy=replace(installation.policy, time_zone=zone))

    ticket_id = submit(placed, received_at=received_at)

    clock = standing_of(placed, ticket_id).clock
    assert (clock.received_on, clock.deadline, clock.strict_deadline) == (received_on, deadline, deadline)


def test_a_senders_clock_that_runs_ahead_gives_no_receipt_in_the_future(installation: Installation) -> None:
    ticket_id = submit(installation, received_at="2026-03-02T12:04:59Z")  # the frozen clock shows noon

    assert view_ticket(installation, ticket_id).ticket.received_at == "2026-03-02T12:00:00.000Z"


def test_a_receipt_from_before_the_years_of_the_holidays_is_refused_whole(installation: Installation) -> None:
    placed = replace(installation, policy=replace(installation.policy, time_zone="Europe/Berlin", holidays="DE"))

    with pytest.raises(BadInput, match="1975"):
        submit(placed, received_at="1975-06-02T12:00:00Z")

    assert count(placed) == 0


@pytest.mark.parametrize("code", ["NonNecessity", "eu-gdpr:JustificationA17NonNecessity"])
def test_a_ground_is_kept_by_its_full_name_once(installation: Installation, code: str) -> None:
    ticket_id = submit(installation, grounds=[code, "NonNecessity"])

    assert view_ticket(installation, ticket_id).ticket.grounds == ("eu-gdpr:JustificationA17NonNecessity",)


@pytest.mark.parametrize("code", ["NoSuchGround", "LegalClaims"])
def test_a_code_that_is_no_ground_of_the_regime_is_refused_and_nothing_stored(installation: Installation, code: str) -> None:
    with pytest.raises(BadInput):
        submit(installation, grounds=[code])

    assert count(installation) == 0


def test_role_grounds_and_locale_stand_in_the_record(installation: Installation) -> None:
    ticket_id = submit(installation, requester={"role": "guardian"}, grounds=["ChildData"], locale="de-AT")
    plain = submit(installation)

    ticket, other = (view_ticket(installation, one).ticket for one in (ticket_id, plain))
    assert (ticket.requester_role, ticket.grounds, ticket.locale) == ("guardian", ("eu-gdpr:JustificationA17ChildData",), "de-AT")
    assert (other.requester_role, other.grounds, other.locale) == ("data_subject", (), "en")


def test_the_record_pins_the_law_and_the_calendar_of_its_day(installation: Installation) -> None:
    ticket_id = submit(installation)
    moved = replace(installation, policy=replace(installation.policy, time_zone="Asia/Tokyo"))

    assert view_ticket(moved, ticket_id).ticket.time_zone == "UTC"
    assert standing_of(moved, ticket_id).clock.time_zone == "UTC"
    assert installation.clock() == datetime(2026, 3, 2, 12, tzinfo=UTC)
