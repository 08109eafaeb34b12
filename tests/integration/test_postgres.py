"""Leases between processes that live and die, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import TicketBusy
from rtbf.store.leases import claim_lease, release_lease, this_process, tickets_ready_for_work

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from rtbf.installation import Installation

pytestmark = pytest.mark.enable_socket

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ELSEWHERE = "another-machine/boot:17:4711"

CLAIM = """
import sys
from pathlib import Path
from rtbf.errors import TicketBusy
from rtbf.installation import open_installation
from rtbf.store.leases import claim_lease, this_process

home, url, ticket_id = sys.argv[1:]
installation = open_installation(Path(home), url)
print("ready", flush=True)
sys.stdin.readline()
try:
    with installation.transaction() as session:
        claim_lease(session, ticket_id, this_process(), installation.clock(), 60)
    print("won", flush=True)
except TicketBusy:
    print("busy", flush=True)
sys.stdin.readline()
"""


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def start_claimer(installation: Installation, ticket_id: str) -> subprocess.Popen[str]:
    """Start a process that claims the ticket's lease when it is told to, and lives until it is told to end."""
    return subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(installation.home.path), url_of(installation.engine), ticket_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_of_two_processes_that_claim_a_lease_exactly_one_wins(either: Installation, ready_ticket: str) -> None:
    claimers = [start_claimer(either, ready_ticket) for _ in range(2)]
    assert [said(claimer) for claimer in claimers] == ["ready", "ready"]

    for claimer in claimers:
        tell(claimer)
    answers = sorted(said(claimer) for claimer in claimers)

    for claimer in claimers:
        end(claimer)
    assert answers == ["busy", "won"]


def test_a_lease_is_taken_over_when_it_has_run_out_and_not_before(either: Installation, ready_ticket: str) -> None:
    with either.transaction() as session:
        claim_lease(session, ready_ticket, ELSEWHERE, NOW, 60)

    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), NOW + timedelta(seconds=59), 60)
    with either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), NOW + timedelta(seconds=61), 60)

    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, ELSEWHERE, NOW + timedelta(seconds=62), 60)


def test_the_lease_of_a_dead_process_is_taken_at_once_and_that_of_a_living_one_is_not(either: Installation, ready_ticket: str) -> None:
    claimer = start_claimer(either, ready_ticket)
    assert said(claimer) == "ready"
    tell(claimer)
    assert said(claimer) == "won"
    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), either.clock(), 60)

    with either.transaction() as session:
        ready_while_it_lived = tickets_ready_for_work(session, either.clock())

    end(claimer)  # SIGKILL: no chance to give the lease back

    with either.transaction() as session:
        assert (ready_while_it_lived, tickets_ready_for_work(session, either.clock())) == ([], [ready_ticket])
    with either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), either.clock(), 60)


def test_giving_back_a_lease_that_passed_to_somebody_else_changes_nothing(either: Installation, ready_ticket: str) -> None:
    with either.transaction() as session:
        claim_lease(session, ready_ticket, ELSEWHERE, NOW, 60)

    with either.transaction() as session:
        release_lease(session, ready_ticket, this_process())

    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), NOW, 60)
