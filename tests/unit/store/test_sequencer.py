"""Pending events get their places: the same bytes as ever, gapless, chained, in one tree, whatever order they are committed in."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rtbf.errors import LedgerBroken, LedgerForked
from rtbf.evidence.ledger import leaf_hash, verify_chain
from rtbf.store.events import append_event, ticket_events_so_far, ticket_leaves
from rtbf.store.sequencer import sequence, sequence_all
from rtbf.store.tables import EventRow, OutboxRow, PendingEventRow, TreeNodeRow
from rtbf.store.tree import leaves, tree_frontier, tree_root, tree_size
from tests.plain_tree import plain_root

if TYPE_CHECKING:
    from rtbf.installation import Installation

LOG = "rtbf/test"
NOW = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)
TICKETS = (None, "tkt_a", "tkt_b", "tkt_c")


def append(session: Session, ticket_id: str | None = "tkt_a", event_type: str = "plan.frozen", **data: Any) -> None:
    append_event(session, ticket_id=ticket_id, event_type=event_type, actor_id="act_1", data=data, now=NOW)


def require_whole_ledger(session: Session) -> list[Any]:
    """No gap, every chain whole, each event in the outbox, the tree's root that of the raw leaves; return the events."""
    rows = session.scalars(select(EventRow).order_by(EventRow.idx)).all()
    told = [json.loads(row.leaf) for row in rows]
    assert [(row.idx, event["idx"]) for row, event in zip(rows, told, strict=True)] == [(place, place) for place in range(len(rows))]
    assert [row.leaf_hash for row in rows] == [hashlib.sha256(b"\x00" + row.leaf).hexdigest() for row in rows]
    outbox = [(row.idx, row.ticket_id, row.event_type) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.idx))]
    assert outbox == [(row.idx, row.ticket_id, event["type"]) for row, event in zip(rows, told, strict=True)]
    for ticket_id in {row.ticket_id for row in rows} - {None}:
        chain = ticket_leaves(session, ticket_id)
        assert verify_chain(chain)[0] == len(chain) == sum(row.ticket_id == ticket_id for row in rows)
    assert tree_root(session, len(rows)) == plain_root([row.leaf for row in rows])
    return told


def test_an_event_is_pending_until_it_is_sequenced(installation: Installation) -> None:
    with installation.transaction() as session:
        append(session, attempt=1)
        before = (tree_size(session), session.scalar(select(func.count()).select_from(PendingEventRow)))

    count = sequence_all(installation.transaction, LOG)

    with installation.transaction() as session:
        after = (tree_size(session), session.scalar(select(func.count()).select_from(PendingEventRow)))
        (event,) = require_whole_ledger(session)
    assert (before, count, after) == ((0, 1), 1, (1, 0))
    assert {key: event[key] for key in event if key != "nonce"} == {
        "actor": {"id": "act_1"}, "data": {"attempt": 1}, "idx": 0, "log": LOG, "ticket": "tkt_a", "time": "2026-03-02T12:00:00.123Z",
        "tseq": 1, "type": "plan.frozen", "v": 1,
    }  # fmt: skip
    assert len(event["nonce"]) == 32


@pytest.mark.parametrize("bad", [{"p": 0.5}, {"deep": [{"p": 0.5}]}, {"n": 2**53}, {"b": b"x"}])
def test_what_has_no_canonical_form_is_refused_where_it_is_written(installation: Installation, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"canonical form|exact JSON form"), installation.transaction() as session:
        append(session, **bad)

    with installation.transaction() as session:
        assert session.scalar(select(func.count()).select_from(PendingEventRow)) == 0


def test_a_transaction_that_fails_leaves_no_event(installation: Installation) -> None:
    def pull_the_plug() -> None:
        with installation.transaction() as session:
            append(session)
            raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError, match="plug"):
        pull_the_plug()

    assert sequence_all(installation.transaction, LOG) == 0


def test_only_phases_and_codes_are_told_outside(installation: Installation) -> None:
    with installation.transaction() as session:
        append(
            session,
            **{"from": "planning", "to": "closed", "outcome": "refused", "kind": "k", "code": None, "reason": ["é", 1], "plan": "p"},
        )

    sequence_all(installation.transaction, LOG)

    with installation.transaction() as session:
        body = session.scalars(select(OutboxRow.body)).one()
    assert json.loads(body) == {
        "idx": 0, "ticket": "tkt_a", "type": "plan.frozen", "time": "2026-03-02T12:00:00.123Z",
        "data": {"from": "planning", "to": "closed", "outcome": "refused", "kind": "k", "code": None, "reason": ["é", 1]},
    }  # fmt: skip


def test_a_late_commit_with_a_lower_id_is_not_lost(installation: Installation) -> None:
    """A writer's number is drawn when it writes, and not when it commits; here the row appears below one that was taken."""
    with installation.transaction() as session:
        session.execute(PendingEventRow.__table__.insert().values(**pending(5)))
    sequence_all(installation.transaction, LOG)
    with installation.transaction() as session:
        session.execute(PendingEventRow.__table__.insert().values(**pending(2)))

    late = sequence_all(installation.transaction, LOG)

    with installation.transaction() as session:
        told = require_whole_ledger(session)
    assert late == 1
    assert [event["data"]["id"] for event in told] == [5, 2]


def pending(number: int) -> dict[str, Any]:
    return {
        "id": number, "ticket_id": "tkt_a", "event_type": "t", "actor_id": "act_1", "data": b'{"id":%d}' % number, "at": NOW,
        "nonce": "0" * 32,
    }  # fmt: skip


def test_a_limit_takes_the_lowest_ids_first(installation: Installation) -> None:
    with installation.transaction() as session:
        for number in (3, 1, 2):
            session.execute(PendingEventRow.__table__.insert().values(**pending(number)))

    counts = []
    while not counts or counts[-1]:
        with installation.transaction() as session:
            counts.append(sequence(session, LOG, 2))

    with installation.transaction() as session:
        told = require_whole_ledger(session)
    assert counts == [2, 1, 0]
    assert [event["data"]["id"] for event in told] == [1, 2, 3]


def test_the_tickets_events_so_far_are_the_sequenced_and_then_the_pending_ones(installation: Installation) -> None:
    with installation.transaction() as session:
        append(session, number=1)
        append(session, "tkt_b", number=2)
    sequence_all(installation.transaction, LOG)

    with installation.transaction() as session:
        append(session, event_type="plan.rejected", number=3)
        so_far = ticket_events_so_far(session, "tkt_a")

    told = [(event.type, event.actor_id, event.data, event.is_sequenced) for event in so_far]
    assert told == [("plan.frozen", "act_1", {"number": 1}, True), ("plan.rejected", "act_1", {"number": 3}, False)]
    # In milliseconds, as the ledger tells it, whether or not it has its place there.
    assert {event.at for event in so_far} == {datetime(2026, 3, 2, 12, 0, 0, 123_000, tzinfo=UTC)}


def test_a_ledger_that_has_another_name_by_now_is_not_written_under_the_old_one(installation: Installation) -> None:
    with installation.transaction() as session:
        append(session, number=1)
    sequence_all(installation.transaction, "rtbf/test/2")
    with installation.transaction() as session:
        append(session, number=2)

    with pytest.raises(LedgerForked, match="goes on as 'rtbf/test/2'"):
        sequence_all(installation.transaction, "rtbf/test")

    assert sequence_all(installation.transaction, "rtbf/test/3") == 1


def test_a_chain_goes_on_from_the_stored_hash_so_that_an_edit_shows(installation: Installation) -> None:
    with installation.transaction() as session:
        append(session, attempt=1)
    sequence_all(installation.transaction, LOG)
    with installation.transaction() as session:
        session.execute(text("DROP TRIGGER event_no_update"))
        row = session.scalars(select(EventRow)).one()
        row.leaf = row.leaf.replace(b'"attempt":1', b'"attempt":9')
    with installation.transaction() as session:
        append(session, attempt=2)

    sequence_all(installation.transaction, LOG)

    with installation.transaction() as session, pytest.raises(LedgerBroken):
        verify_chain(ticket_leaves(session, "tkt_a"))


def test_a_tree_without_one_of_its_nodes_is_named_and_nothing_is_sequenced(installation: Installation) -> None:
    with installation.transaction() as session:
        for number in range(4):
            append(session, number=number)
    sequence_all(installation.transaction, LOG)
    with installation.transaction() as session:
        session.execute(text("DROP TRIGGER tree_node_no_delete"))
        session.execute(text("DELETE FROM tree_node WHERE level = 2"))
    with installation.transaction() as session:
        append(session, number=4)

    with pytest.raises(LedgerBroken, match="1 of the 1 nodes"):
        sequence_all(installation.transaction, LOG)

    with installation.transaction() as session:
        assert tree_size(session) == 4
        assert session.scalar(select(func.count()).select_from(PendingEventRow)) == 1


def test_a_missing_event_is_named_when_leaves_are_read(installation: Installation) -> None:
    with installation.transaction() as session:
        for number in range(3):
            append(session, number=number)
    sequence_all(installation.transaction, LOG)
    with installation.transaction() as session:
        session.execute(text("DROP TRIGGER event_no_delete"))
        session.execute(text("DELETE FROM event WHERE idx = 1"))

    with installation.transaction() as session, pytest.raises(LedgerBroken, match="no event 1"):
        list(leaves(session, 0, 3))


def test_what_waits_cannot_be_changed(installation: Installation) -> None:
    with installation.transaction() as session:
        append(session)

    with pytest.raises(DBAPIError, match="pending_event is append-only"), installation.transaction() as session:
        session.execute(text("UPDATE pending_event SET actor_id = 'act_2'"))


@pytest.mark.parametrize("step", ["rtbf.store.sequencer.extend", "rtbf.store.sequencer.splice_told", "rtbf.store.sequencer.tree_frontier"])
def test_a_sequencer_that_dies_in_the_middle_leaves_everything_as_it_was(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with installation.transaction() as session:
        append(session, number=1)
        append(session, "tkt_b", number=2)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(step, die)
    with pytest.raises(KeyboardInterrupt):
        sequence_all(installation.transaction, LOG)
    monkeypatch.undo()

    with installation.transaction() as session:
        assert (tree_size(session), session.scalar(select(func.count()).select_from(PendingEventRow))) == (0, 2)
    assert sequence_all(installation.transaction, LOG) == 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.lists(st.sampled_from(TICKETS), min_size=1, max_size=6),
            st.sampled_from(["fail"]),
            st.integers(1, 5),
        ),
        max_size=15,
    )
)
def test_in_whatever_turns_writers_and_sequencer_come_nothing_is_lost_doubled_or_out_of_place(
    empty_engine: Engine, steps: list[Any]
) -> None:
    """A list is a committed transaction of events, "fail" one that is rolled back, a number one batch of the sequencer."""
    written: list[tuple[str | None, int]] = []
    with empty_engine.begin() as connection:
        for name in ("event", "tree_node", "outbox", "pending_event"):
            connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - constants

    for step in steps:
        with Session(empty_engine) as session:
            if isinstance(step, int):
                sequence(session, LOG, step)
            elif step == "fail":
                append(session, "tkt_a", number=-1)
                continue
            else:
                for ticket_id in step:
                    append(session, ticket_id, number=len(written))
                    written.append((ticket_id, len(written)))
            session.commit()
    with Session(empty_engine) as session:
        sequence(session, LOG)
        session.commit()
        told = require_whole_ledger(session)
        nodes = {(row.level, row.pos) for row in session.scalars(select(TreeNodeRow))}

    assert [(event.get("ticket"), event["data"]["number"]) for event in told] == written
    # Every complete subtree and no other: of 2^level leaves from pos × 2^level on.
    size = len(written)
    assert nodes == {(level, pos) for level in range(1, 9) for pos in range(size >> level)}
    with Session(empty_engine) as session:
        assert [tree_root(session, count) for count in range(size + 1)] == [
            plain_root(list(leaves(session, 0, count))) for count in range(size + 1)
        ]
        assert tree_frontier(session, size).size == size
        assert all(leaf_hash(leaf) for leaf in leaves(session, 0, size))


@pytest.fixture
def empty_engine(installation: Installation) -> Engine:
    """The installation's engine without the guards, so that each example begins with an empty ledger."""
    with installation.engine.begin() as connection:
        for name in ("event_no_delete", "tree_node_no_delete"):
            connection.execute(text(f"DROP TRIGGER {name}"))
    return installation.engine
