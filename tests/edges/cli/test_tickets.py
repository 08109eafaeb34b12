"""`rtbf list`: the soonest deadline first, narrowed by what an officer asks, and quick however many tickets there are."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import event

from rtbf.cli.context import CliContext
from rtbf.cli.tickets import docket_table, list_command, show
from rtbf.config import Settings
from rtbf.pipeline.docket import read_docket
from rtbf.pipeline.identity import record_identity
from rtbf.pipeline.intake import submit_ticket
from rtbf.store.tickets import find_ticket
from rtbf.ticket.intake import read_submission

if TYPE_CHECKING:
    from click.testing import Result

    from rtbf.installation import Installation
    from tests.installed import FrozenClock


def run(installation: Installation, *arguments: str, command: Any = list_command, is_json: bool = True) -> Result:
    context = CliContext(home=installation.home.path, actor="olga", is_json=is_json, settings=Settings())
    return CliRunner().invoke(command, arguments, obj=context, catch_exceptions=False)


def listed(installation: Installation, *arguments: str) -> list[str | None]:
    """Return the references of the tickets that `rtbf list` shows, in its order, by the installation's own clock."""
    options: dict[str, Any] = {}
    names = {"--state": "state", "--waiting-for": "reason", "--due-in": "due_in_days"}
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        if word == "--overdue":
            options["only_overdue"] = True
        elif word == "--all":
            options["with_closed"] = True
        else:
            value = queue.pop(0)
            options[names[word]] = int(value) if word == "--due-in" else value
    return [line.external_ref for line in read_docket(installation, **options)]


def submit(installation: Installation, reference: str, received_at: str, **changes: Any) -> str:
    body = {
        "subject": [{"kind": "account", "value": f"account-{reference}"}], "channel": "email", "external_ref": reference,
        "received_at": received_at, **changes,
    }  # fmt: skip
    return submit_ticket(installation, read_submission(body, installation.clock()), "olga")


@pytest.fixture
def desk(installation: Installation) -> Installation:
    """Four tickets as of 2 March 2026: due on 20 March, 20 February (over), 9 March, and a closed one."""
    submit(installation, "later", "2026-02-20T09:00:00Z")
    submit(installation, "over", "2026-01-20T09:00:00Z")
    soon = submit(installation, "soon", "2026-02-09T09:00:00Z")
    record_identity(installation, soon, "in_person", "olga")
    closed = submit(installation, "closed", "2026-01-05T09:00:00Z")
    with installation.transaction() as session:
        row = find_ticket(session, closed)
        row.state, row.reason, row.outcome, row.closed_at = "closed", None, "withdrawn", installation.clock()
    return installation


def test_the_soonest_deadline_comes_first_and_closed_tickets_are_hidden(desk: Installation) -> None:
    assert listed(desk) == ["over", "soon", "later"]
    assert listed(desk, "--all") == ["over", "soon", "later", "closed"]
    assert listed(desk, "--state", "closed") == ["closed"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--due-in", "7"), ["over", "soon"]),  # 9 March is seven days after 2 March; what is over is always due
        (("--due-in", "6"), ["over"]),
        (("--due-in", "18"), ["over", "soon", "later"]),
        (("--overdue",), ["over"]),
        (("--overdue", "--all"), ["over"]),  # nothing is due in a closed ticket
        (("--due-in", "14", "--all"), ["over", "soon"]),
        (("--waiting-for", "need_identity"), ["over", "later"]),
        (("--state", "locating"), ["soon"]),
        (("--state", "locating", "--waiting-for", "need_identity"), []),
    ],
)
def test_the_list_is_narrowed_by_every_condition_at_once(desk: Installation, arguments: tuple[str, ...], found: list[str]) -> None:
    assert listed(desk, *arguments) == found


def test_days_left_count_civil_days_and_go_below_zero(desk: Installation) -> None:
    # 20 February, 9 March and 20 March, seen from 2 March.
    assert [(line.days_left, line.is_overdue) for line in read_docket(desk)] == [(-10, True), (7, False), (18, False)]


def test_a_deadline_is_over_when_its_day_is(installation: Installation, clock: FrozenClock) -> None:
    submit(installation, "today", "2026-02-02T09:00:00Z")  # due 2 March

    before = read_docket(installation)[0]
    clock.move(hours=12)
    after = read_docket(installation)[0]

    assert (before.days_left, before.is_overdue) == (0, False)
    assert (after.days_left, after.is_overdue) == (-1, True)


def test_an_answered_ticket_comes_after_those_that_are_due_and_has_no_days_left(desk: Installation) -> None:
    from rtbf.pipeline.clock import stop_clock  # noqa: PLC0415 - arranges one fact only
    from rtbf.store.actors import actor_id_for  # noqa: PLC0415
    from rtbf.store.law_tables import NoticeRow  # noqa: PLC0415
    from rtbf.store.notices import add_notice  # noqa: PLC0415

    over = read_docket(desk)[0]
    now = desk.clock()
    with desk.transaction() as session:
        actor_id = actor_id_for(session, "olga", now)
        letter = NoticeRow(
            id="ntc_1", ticket_id=over.ticket_id, kind="partial", locale="en", template_digest="sha256:t", channel="file", to="requester",
            code=None, body=None, state="written", actor_id=actor_id, created_at=now, sent_at=now,
        )  # fmt: skip
        add_notice(session, letter)
        stop_clock(session, over.ticket_id, "ntc_1", actor_id, now)

    lines = read_docket(desk)

    assert [line.external_ref for line in lines] == ["soon", "later", "over"]
    assert (lines[-1].days_left, lines[-1].is_overdue) == (None, False)


def test_the_machines_form_has_stable_keys(desk: Installation) -> None:
    rows = json.loads(run(desk, "--all").stdout)

    assert {row["external_ref"] for row in rows} == {"over", "soon", "later", "closed"}
    assert rows[0].keys() == {
        "ticket_id", "state", "reason", "outcome", "attempt", "created_at", "deadline", "strict_deadline", "days_left", "is_overdue",
        "is_suspended", "is_extended", "regime", "external_ref",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [("--due-in", "soon"), ("--due-in", "7"), ("--due-in", "-1d"), ("--state", "done"), ("--waiting-for", "rain")]
)
def test_what_cannot_be_asked_for_is_a_usage_error(desk: Installation, arguments: tuple[str, ...]) -> None:
    assert run(desk, *arguments).exit_code == 2


@pytest.mark.parametrize("span", ["7d", "2w", "0d"])
def test_a_span_of_days_or_weeks_is_taken(desk: Installation, span: str) -> None:
    assert run(desk, "--due-in", span).exit_code == 0


def test_two_weeks_are_fourteen_days() -> None:
    span = next(parameter for parameter in list_command.params if parameter.name == "due_in_days").type

    assert (span.convert("2w", None, None), span.convert("7d", None, None)) == (14, 7)


def test_the_table_fits_eighty_columns_and_keeps_ids_whole(desk: Installation) -> None:
    long = submit(desk, "servicenow:RITM0012345-and-more", "2026-02-22T09:00:00Z", regime="us-ca-ccpa")
    file = io.StringIO()

    Console(file=file, width=80, highlight=False, markup=False).print(docket_table(read_docket(desk)))

    assert max(map(len, file.getvalue().splitlines())) <= 80
    assert all(line.ticket_id in file.getvalue() for line in read_docket(desk))
    assert long in file.getvalue()
    assert "us-ca-ccpa" in file.getvalue()


def test_an_empty_list_says_what_to_do(installation: Installation) -> None:
    assert "rtbf submit" in run(installation, is_json=False).stdout
    assert "No ticket fits" in run(installation, "--overdue", is_json=False).stdout


def test_the_list_asks_the_database_as_often_for_many_tickets_as_for_few(desk: Installation) -> None:
    """One query for each ticket makes a list of two thousand take half a minute."""
    asked: list[str] = []
    event.listen(desk.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    read_docket(desk)
    few = len(asked)
    for number in range(20):
        submit(desk, f"more-{number}", "2026-02-20T09:00:00Z")
    asked.clear()

    assert len(read_docket(desk)) == 23

    assert len(asked) == few


def test_showing_takes_every_part_in_full_by_its_own_option(desk: Installation) -> None:
    ticket_id = read_docket(desk)[0].ticket_id

    text = run(desk, ticket_id, "--clock", "--events", command=show, is_json=False).stdout
    told = json.loads(run(desk, ticket_id, "--items", "--events", command=show).stdout)

    assert "strict deadline: 1 month from receipt" in text
    assert "ticket.received" in text
    assert told["items"] == []
    assert [entry["type"] for entry in told["events"]] == ["ticket.received"]
