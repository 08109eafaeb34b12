"""Eight writers at once on PostgreSQL, 800 moves in all: no event is lost or doubled, and nobody waits for a claim."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from rtbf.errors import IllegalMove, RecordBroken, TicketBusy, TicketChanged
from rtbf.evidence.ledger import verify_chain
from rtbf.installation import Installation, create_installation
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.footprints import finish_footprint, footprint_revision, reopen_locating
from rtbf.pipeline.holds import lift_hold, place_hold
from rtbf.pipeline.identity import record_identity
from rtbf.pipeline.ledger import sequence_events
from rtbf.plan.rulings import read_ruling
from rtbf.store.leases import claim_lease, renew_lease
from rtbf.store.tables import ActorRow, EventRow, OutboxRow, TicketRow
from rtbf.store.tickets import find_ticket
from tests import builders
from tests.desk import open_desk
from tests.installed import POLICY, QUICK_VAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rtbf.footprint.record import Footprint

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

WRITERS, MOVES_EACH, OTHERS_EVERY = 8, 100, 10
TICKETS = 10
ERASE = {"item": "1", "verdict": "erase", "code": "NonNecessity"}


def small_footprint(ticket_id: str, revision: int) -> Footprint:
    whole = builders.footprint(ticket_id=ticket_id, revision=revision)
    return replace(whole, hits=whole.hits[:1])


@dataclass
class Writer:
    """One writer's diary: what it did, by the name it did it under, and what was refused."""

    installation: Installation
    number: int
    tickets: list[str]
    strangers: list[str]
    luck: random.Random
    done: list[str] = field(default_factory=list)
    moves: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def write(self) -> Writer:
        while self.moves < MOVES_EACH:
            self.moves += self._try(self._move)
            if self.luck.randrange(OTHERS_EVERY) == 0:
                self._try(self.luck.choice([self._hold, self._decide, self._identify]))
        return self

    def _try(self, act: Callable[[str], None]) -> bool:
        """Act under a name of its own, which no other call has: the mark by which its event is found again."""
        name = f"writer {self.number}, call {len(self.done)}-{sum(self.refused.values())}"
        try:
            act(name)
        except (IllegalMove, RecordBroken, TicketChanged) as refused:
            self.refused[type(refused).__name__] += 1
            return False
        self.done.append(name)
        return True

    def _move(self, name: str) -> None:
        ticket_id = self.luck.choice(self.tickets)
        with self.installation.transaction() as session:
            state, revision = session.get_one(TicketRow, ticket_id).state, footprint_revision(session, ticket_id)
        if state == "planning":
            reopen_locating(self.installation, ticket_id, name)
        else:
            finish_footprint(self.installation, small_footprint(ticket_id, revision + 1), name)

    def _hold(self, name: str) -> None:
        placed = place_hold(
            self.installation, scope_kind="corpus", scope="community", regime="eu-gdpr", ground="LegalClaims", authority_ref="court/1",
            until=None, actor=name,
        )  # fmt: skip
        self.done.append(f"{name}, lifting")
        lift_hold(self.installation, placed.hold_id, f"{name}, lifting")

    def _decide(self, name: str) -> None:
        decide(self.installation, self.luck.choice(self.tickets), (read_ruling(ERASE),), name)

    def _identify(self, name: str) -> None:
        """Too low a level in California: noted, and the ticket goes on waiting."""
        record_identity(self.installation, self.luck.choice(self.strangers), "controller_assertion", name)


@pytest.fixture
def house(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    made = create_installation(tmp_path / "home", migrated_url, policy=POLICY, vault_cost=QUICK_VAULT)
    yield made
    made.engine.dispose()


def test_eight_writers_lose_and_double_nothing_in_eight_hundred_moves(house: Installation) -> None:
    tickets = [open_desk(house).locate().ticket_id for _ in range(TICKETS)]
    strangers = [open_desk(house, regime="us-ca-ccpa").ticket_id for _ in range(2)]
    sequence_events(house)
    with house.transaction() as session:
        before = len(session.scalars(select(EventRow.idx)).all())
        versions = {ticket_id: session.get_one(TicketRow, ticket_id).version for ticket_id in tickets}

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = list(pool.map(lambda number: Writer(house, number, tickets, strangers, random.Random(number)).write(), range(WRITERS)))

    done = [name for writer in writers for name in writer.done]
    refused = sum((writer.refused for writer in writers), Counter[str]())
    sequence_events(house)
    with house.transaction() as session:
        events = session.scalars(select(EventRow).order_by(EventRow.idx)).all()
        outbox = session.scalars(select(OutboxRow).order_by(OutboxRow.idx)).all()
        names = {row.id: row.name for row in session.scalars(select(ActorRow))}
        rows = {row.id: row for row in session.scalars(select(TicketRow))}
    leaves: dict[str | None, list[Any]] = {}
    for event in events:
        leaves.setdefault(event.ticket_id, []).append(event.leaf)
    told = [json.loads(event.leaf) for event in events]
    moved = Counter(event["ticket"] for event in told[before:] if "from" in event["data"])
    print(f"{sum(writer.moves for writer in writers)} moves, {len(done)} calls in all; refused: {dict(refused)}")  # noqa: T201 - see with -s
    # No gap, no fork, and every event leaves by the outbox.
    assert [event.idx for event in events] == list(range(len(events)))
    assert [(row.idx, row.ticket_id) for row in outbox] == [(event.idx, event.ticket_id) for event in events]
    assert [verify_chain(leaves[ticket_id])[0] for ticket_id in tickets] == [len(leaves[ticket_id]) for ticket_id in tickets]
    # Each call that was not refused has exactly one event, and nothing else has one.
    assert sum(writer.moves for writer in writers) == WRITERS * MOVES_EACH
    assert Counter(names[event["actor"]["id"]] for event in told[before:]) == Counter(done)
    assert len(set(done)) == len(done)
    # Each move changed the state, and then what the ticket waits for: two changes of its row, and nobody else's.
    assert sum(moved.values()) == WRITERS * MOVES_EACH
    assert {ticket_id: rows[ticket_id].version - versions[ticket_id] for ticket_id in tickets} == {
        ticket_id: 2 * moved[ticket_id] for ticket_id in tickets
    }
    for ticket_id in tickets:
        last = [event["data"]["to"] for event in map(json.loads, leaves[ticket_id]) if "from" in event["data"]][-1]
        assert rows[ticket_id].state == last


def test_a_claim_of_a_row_that_somebody_has_locked_is_refused_at_once(house: Installation) -> None:
    ticket_id = open_desk(house).locate().ticket_id

    with house.transaction() as session:
        find_ticket(session, ticket_id)
        began = time.monotonic()
        with pytest.raises(TicketBusy), house.transaction() as other:
            claim_lease(other, ticket_id, "worker-2", house.clock(), 60)
        took_s = time.monotonic() - began

    # A waiting claim would have waited for the end of the block around it, that is for ever.
    assert took_s < 5
    with house.transaction() as session:
        claim_lease(session, ticket_id, "worker-2", house.clock(), 60)


def test_a_heartbeat_waits_for_a_row_that_somebody_only_looks_at(house: Installation) -> None:
    """A worker must not give up an hour's work because a person looked at the ticket in the moment of its heartbeat."""
    ticket_id = open_desk(house).locate().ticket_id
    with house.transaction() as session:
        claim_lease(session, ticket_id, "worker-1", house.clock(), 60)
    later = house.clock() + timedelta(seconds=30)
    is_locked, outcome = threading.Event(), []

    def beat() -> None:
        is_locked.wait(30)
        with house.transaction() as session:
            renew_lease(session, ticket_id, "worker-1", later, 60)
        outcome.append("renewed")

    heart = threading.Thread(target=beat)
    heart.start()
    with house.transaction() as session:
        find_ticket(session, ticket_id)
        is_locked.set()
        heart.join(0.3)
        waited = heart.is_alive()
    heart.join(30)

    assert (waited, outcome) == (True, ["renewed"])
    with house.transaction() as session:
        assert session.get_one(TicketRow, ticket_id).lease_until == later + timedelta(seconds=60)


def test_of_eight_that_claim_at_once_exactly_one_wins(either: Installation) -> None:
    ticket_id = open_desk(either).locate().ticket_id
    ready = threading.Barrier(WRITERS)

    def claim(number: int) -> str:
        ready.wait(30)
        try:
            with either.transaction() as session:
                claim_lease(session, ticket_id, f"worker-{number}", either.clock(), 60)
        except TicketBusy:
            return "busy"
        return "won"

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = Counter(pool.map(claim, range(WRITERS)))

    assert answers == {"won": 1, "busy": 7}


def test_a_hold_and_moves_at_once_never_wait_for_each_other(house: Installation) -> None:
    """Holds lock the tickets before the ledger, as moves do: in another order the two would wait for each other for ever."""
    tickets = [open_desk(house).locate().erase().ticket_id for _ in range(4)]
    luck = [random.Random(number) for number in range(4)]

    def hold(number: int) -> int:
        for count in range(10):
            placed = place_hold(
                house, scope_kind="corpus", scope="community", regime="eu-gdpr", ground="LegalClaims", authority_ref="court/1", until=None,
                actor=f"legal {number}-{count}",
            )  # fmt: skip
            lift_hold(house, placed.hold_id, f"legal {number}")
        return 20

    def rule_on(number: int) -> int:
        for count in range(20):
            decide(house, luck[number].choice(tickets), (read_ruling(ERASE),), f"decider {number}-{count}")
        return 20

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(task, number) for number in range(4) for task in (hold, rule_on)]
        counts = [task.result() for task in done]

    assert counts == [20] * 8
