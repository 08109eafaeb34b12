"""Submissions at once, on SQLite and on PostgreSQL: one key makes one ticket, and first tickets do not trip over each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.pipeline.intake import submit_once
from rtbf.store.tickets import list_tickets
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.pipeline.intake import Taken

pytestmark = pytest.mark.enable_socket

SENDERS = 8
BODY: dict[str, Any] = {"subject": [{"kind": "email", "value": "jo@example.org"}]}


def send_at_once(installation: Installation, keys: list[str | None], actors: list[str]) -> list[Taken]:
    """Submit the same body from one thread per key, all leaving the start together."""
    start = Barrier(len(keys))

    def send(key: str | None, actor: str) -> Taken:
        submission = read_submission(BODY, installation.clock())
        start.wait(timeout=30)
        return submit_once(installation, submission, actor, key)

    with ThreadPoolExecutor(max_workers=len(keys)) as pool:
        return list(pool.map(send, keys, actors))


def tickets(installation: Installation) -> set[str]:
    with installation.transaction() as session:
        return {row.id for row in list_tickets(session)}


def test_one_key_at_once_makes_one_ticket_for_all(either: Installation) -> None:
    taken = send_at_once(either, ["the-same"] * SENDERS, ["portal"] * SENDERS)

    assert {entry.ticket_id for entry in taken} == tickets(either)
    assert len(tickets(either)) == 1
    assert sorted(entry.is_replay for entry in taken) == [False] + [True] * (SENDERS - 1)


def test_without_keys_each_is_a_ticket_and_later_ones_know_the_earlier(either: Installation) -> None:
    taken = send_at_once(either, [None] * SENDERS, [f"portal-{n}" for n in range(SENDERS)])

    assert {entry.ticket_id for entry in taken} == tickets(either)
    assert len(tickets(either)) == SENDERS
    assert all(len(ticket_events(either, entry.ticket_id)) == 1 for entry in taken)


def test_one_key_of_different_actors_makes_a_ticket_each(either: Installation) -> None:
    taken = send_at_once(either, ["the-same"] * 4, [f"portal-{n}" for n in range(4)])

    assert len({entry.ticket_id for entry in taken}) == 4
    assert not any(entry.is_replay for entry in taken)
