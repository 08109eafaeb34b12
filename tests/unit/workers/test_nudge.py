"""A worker's answer to one nudge: which errors wait, which stop the ticket, and what is said of them."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from rtbf.errors import DiskFull, IllegalMove, LedgerBroken, RTBFError, TicketBusy
from rtbf.logs import configure_logs
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.work import note_error
from rtbf.store.leases import tickets_ready_for_work
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events, view_ticket
from workers.backoff import BackOff
from workers.nudge import Bench, answer_nudge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.ticket_view import TicketView

CANARY = "Canary Quillfeather"


class Stopwatch:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def ticket_id(installation: Installation) -> str:
    body = {"subject": [{"kind": "name", "value": "Jo Example"}], "identity": {"method": "in_person"}}
    return submit_ticket(installation, read_submission(body, installation.clock()), "olga")


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    output = io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    configure_logs(is_json=True, level=logging.DEBUG)
    yield output
    structlog.reset_defaults()


def bench(installation: Installation, stopwatch: Stopwatch, work: Callable[[], None]) -> Bench:
    """Return a bench whose `advance` does `work` and then looks where the ticket stands."""

    def advance(here: Installation, ticket_id: str, actor: str, progress: Progress) -> TicketView:
        work()
        return view_ticket(here, ticket_id)

    return Bench(installation=installation, advance=advance, backoff=BackOff(stopwatch), actor="rtbf-worker")


def failing_with(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def trouble(kind: type[RTBFError]) -> RTBFError:
    return kind(found="something", expected="something else", remedy="mend it")


def test_a_busy_ticket_is_let_go_without_a_trace(
    installation: Installation, ticket_id: str, stopwatch: Stopwatch, logged: io.StringIO
) -> None:
    before = ticket_events(installation, ticket_id)

    answer_nudge(bench(installation, stopwatch, failing_with(trouble(TicketBusy))), ticket_id)

    assert ticket_events(installation, ticket_id) == before
    assert logged.getvalue() == ""


@pytest.mark.parametrize("kind", [IllegalMove, LedgerBroken])
def test_a_refusal_or_fault_makes_the_ticket_wait_for_a_person(
    installation: Installation, ticket_id: str, stopwatch: Stopwatch, kind: type[RTBFError]
) -> None:
    failing = bench(installation, stopwatch, failing_with(trouble(kind)))

    answer_nudge(failing, ticket_id)

    view = view_ticket(installation, ticket_id)
    assert (view.state, view.reason) == ("locating", "error")
    with installation.transaction() as session:
        assert tickets_ready_for_work(session, installation.clock()) == []
    assert b'"type":"ticket.stopped"' in ticket_events(installation, ticket_id)[-1]


def test_an_unforeseen_exception_stops_the_ticket_and_only_its_type_is_told(
    installation: Installation, ticket_id: str, stopwatch: Stopwatch, logged: io.StringIO
) -> None:
    failing = bench(installation, stopwatch, failing_with(ZeroDivisionError(CANARY)))

    answer_nudge(failing, ticket_id)

    assert view_ticket(installation, ticket_id).reason == "error"
    assert "ZeroDivisionError" in logged.getvalue()
    assert ticket_id in logged.getvalue()
    assert "Quillfeather" not in logged.getvalue() + str(ticket_events(installation, ticket_id))


def test_an_outage_leaves_the_ticket_ready_and_pauses_longer_each_time(
    installation: Installation, ticket_id: str, stopwatch: Stopwatch
) -> None:
    attempts_at: list[float] = []

    def fail() -> None:
        attempts_at.append(stopwatch.now_s)
        raise trouble(DiskFull)

    failing = bench(installation, stopwatch, fail)

    for _ in range(30):
        answer_nudge(failing, ticket_id)
        stopwatch.now_s += 1

    assert attempts_at == [1000.0, 1005.0, 1015.0]  # pauses of 5 and 10 s; the next one, of 20 s, ends at 1035
    assert view_ticket(installation, ticket_id).reason == "awaiting_worker"


def test_the_pause_is_never_longer_than_five_minutes_and_ends_with_a_success(
    installation: Installation, ticket_id: str, stopwatch: Stopwatch
) -> None:
    backoff = BackOff(stopwatch)

    delays = [backoff.note_failure(ticket_id) for _ in range(20)]
    backoff.forget(ticket_id)

    assert delays[:8] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert delays[-1] == 300
    assert not backoff.is_waiting(ticket_id)
    assert backoff.note_failure(ticket_id) == 5


def test_an_error_never_reopens_a_closed_ticket_nor_hides_what_a_waiting_one_waits_for(installation: Installation, ticket_id: str) -> None:
    waiting = submit_ticket(
        installation, read_submission({"subject": [{"kind": "name", "value": "Al Example"}]}, installation.clock()), "olga"
    )
    send_notice(installation, ticket_id, "withdrawal_confirmed", "olga")

    for each in (ticket_id, waiting):
        note_error(installation, each, "rtbf-worker", "disk-on-fire")

    views = [view_ticket(installation, each) for each in (ticket_id, waiting)]
    assert [(view.state, view.reason) for view in views] == [("closed", None), ("received", "need_identity")]


def test_a_nudge_for_a_ticket_that_does_not_exist_ends_quietly(
    installation: Installation, stopwatch: Stopwatch, logged: io.StringIO
) -> None:
    missing = bench(installation, stopwatch, lambda: None)

    answer_nudge(missing, "tkt_0123456789abcdef")

    assert '"event": "ticket.missing"' in logged.getvalue()
