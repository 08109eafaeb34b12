"""The lease: one worker at a time, and the death of one never blocks the next for longer than it must."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import TicketBusy, UnknownName
from rtbf.pipeline.identity import record_identity
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.notices import send_notice
from rtbf.store.leases import claim_lease, release_lease, renew_lease, this_process, tickets_ready_for_work
from rtbf.ticket.intake import read_submission

if TYPE_CHECKING:
    from rtbf.installation import Installation

LEASE_S = 60


@pytest.fixture
def ticket_id(installation: Installation) -> str:
    body = {"subject": [{"kind": "name", "value": "Ines Varga"}], "identity": {"method": "in_person"}}
    return submit_ticket(installation, read_submission(body, installation.clock()), "olga")


def claim(installation: Installation, ticket_id: str, owner: str) -> None:
    with installation.transaction() as session:
        claim_lease(session, ticket_id, owner, installation.clock(), LEASE_S)


def ready(installation: Installation) -> list[str]:
    with installation.transaction() as session:
        return list(tickets_ready_for_work(session, installation.clock()))


def test_a_held_ticket_is_busy_for_everybody_else(installation: Installation, ticket_id: str) -> None:
    claim(installation, ticket_id, "worker-1")

    with pytest.raises(TicketBusy, match="60 s"):
        claim(installation, ticket_id, "worker-2")
    claim(installation, ticket_id, "worker-1")

    assert ready(installation) == []


@pytest.mark.parametrize(("seconds", "is_free"), [(59, False), (60, False), (61, True)])
def test_a_silent_holder_loses_the_lease_when_it_runs_out(
    installation: Installation, ticket_id: str, clock: Any, seconds: int, *, is_free: bool
) -> None:
    claim(installation, ticket_id, "worker-1")
    clock.move(seconds=seconds)

    if is_free:
        claim(installation, ticket_id, "worker-2")
    else:
        with pytest.raises(TicketBusy):
            claim(installation, ticket_id, "worker-2")


def renew(installation: Installation, ticket_id: str, owner: str) -> None:
    with installation.transaction() as session:
        renew_lease(session, ticket_id, owner, installation.clock(), LEASE_S)


def test_a_heartbeat_keeps_the_lease(installation: Installation, ticket_id: str, clock: Any) -> None:
    claim(installation, ticket_id, "worker-1")
    clock.move(seconds=50)
    renew(installation, ticket_id, "worker-1")
    clock.move(seconds=50)

    with pytest.raises(TicketBusy):
        claim(installation, ticket_id, "worker-2")


def test_a_heartbeat_notices_that_the_lease_passed_to_somebody_else(installation: Installation, ticket_id: str, clock: Any) -> None:
    claim(installation, ticket_id, "worker-1")
    clock.move(seconds=61)
    claim(installation, ticket_id, "worker-2")

    with pytest.raises(TicketBusy, match="passed to another process"):
        renew(installation, ticket_id, "worker-1")

    renew(installation, ticket_id, "worker-2")


def test_a_lease_that_was_given_back_is_not_renewed(installation: Installation, ticket_id: str) -> None:
    claim(installation, ticket_id, "worker-1")
    with installation.transaction() as session:
        release_lease(session, ticket_id, "worker-1")

    with pytest.raises(TicketBusy):
        renew(installation, ticket_id, "worker-1")


def test_a_released_ticket_is_free_and_only_its_holder_releases_it(installation: Installation, ticket_id: str) -> None:
    claim(installation, ticket_id, "worker-1")

    with installation.transaction() as session:
        release_lease(session, ticket_id, "worker-2")
    with pytest.raises(TicketBusy):
        claim(installation, ticket_id, "worker-2")
    with installation.transaction() as session:
        release_lease(session, ticket_id, "worker-1")

    claim(installation, ticket_id, "worker-2")


def test_a_dead_process_of_this_machine_gives_way_at_once(installation: Installation, ticket_id: str) -> None:
    boot, _, _ = this_process().partition(":")
    # Process ids are at most 2^22 on Linux, so this one never lives.
    claim(installation, ticket_id, f"{boot}:4194305:1")

    claim(installation, ticket_id, "worker-2")


def test_a_process_id_used_again_is_not_mistaken_for_the_dead_holder(installation: Installation, ticket_id: str) -> None:
    boot, _, _ = this_process().partition(":")
    claim(installation, ticket_id, f"{boot}:{os.getpid()}:1")

    claim(installation, ticket_id, "worker-2")


@pytest.mark.parametrize("holder", ["this process", "othermachine/boot:4194305:1", "no such form"])
def test_a_holder_that_lives_or_cannot_be_known_keeps_its_lease(installation: Installation, ticket_id: str, holder: str) -> None:
    claim(installation, ticket_id, this_process() if holder == "this process" else holder)

    with pytest.raises(TicketBusy):
        claim(installation, ticket_id, "worker-2")


def test_only_open_tickets_that_wait_for_nobody_are_ready(installation: Installation, ticket_id: str) -> None:
    waiting = submit_ticket(
        installation, read_submission({"subject": [{"kind": "name", "value": "Otto Lind"}]}, installation.clock()), "olga"
    )
    assert ready(installation) == [ticket_id]

    record_identity(installation, waiting, "in_person", "olga")
    assert set(ready(installation)) == {ticket_id, waiting}

    send_notice(installation, ticket_id, "withdrawal_confirmed", "olga")
    assert ready(installation) == [waiting]


def test_an_unknown_ticket_has_no_lease(installation: Installation) -> None:
    with pytest.raises(UnknownName):
        claim(installation, "tkt_none", "worker-1")
