"""Each step is one transaction of move, record and event; a refused or failed one leaves nothing behind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from rtbf.errors import IllegalMove, LedgerBroken, RecordBroken, TicketChanged, UnknownName
from rtbf.evidence.ledger import verify_chain
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.moves import next_stage, wake_tickets
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.plans import finish_plan, reopen_planning, start_unlearning
from rtbf.pipeline.work import clear_error, note_error
from rtbf.store.events import ticket_trail
from rtbf.store.tables import EventRow, OutboxRow, StageRecordRow
from rtbf.store.tickets import find_ticket
from rtbf.ticket_view import ticket_events, view_ticket
from tests.desk import CANARIES, open_desk

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from tests.desk import Desk

APPENDING = ("rtbf.store.tickets.append_event", "rtbf.pipeline.plans.save_record", "rtbf.pipeline.plans.move", "rtbf.pipeline.moves.settle")


def lift_guard(session: Session, table: str) -> None:
    """Take the database's own guard away, as somebody would who wants to rewrite history."""
    names = ("append_only",) if session.get_bind().dialect.name == "postgresql" else ("no_update", "no_delete")
    for name in names:
        session.execute(text(f"DROP TRIGGER {table}_{name}" + (f" ON {table}" if name == "append_only" else "")))


def stage(desk: Desk) -> str | None:
    with desk.installation.transaction() as session:
        return next_stage(find_ticket(session, desk.ticket_id))


def test_a_new_ticket_waits_for_the_persons_identity(installation: Installation) -> None:
    assert open_desk(installation).where == ("received", "need_identity", None)


def test_an_identity_checked_beforehand_lets_the_ticket_be_located_at_once(installation: Installation) -> None:
    desk = open_desk(installation, identity={"method": "account_login"})

    assert desk.where == ("locating", "awaiting_worker", None)
    assert desk.view.identity_methods == ("account_login",)


def test_a_ticket_for_an_unknown_model_is_refused_with_the_nearest_and_nothing_is_stored(installation: Installation) -> None:
    open_desk(installation)

    with pytest.raises(UnknownName, match="nearest: assistant"):
        open_desk(installation, models=["asistant"])

    sequence_events(installation)
    with installation.transaction() as session:
        assert session.scalar(select(func.count()).select_from(EventRow)) == 1


def test_an_unknown_ticket_is_refused_with_the_nearest(installation: Installation) -> None:
    desk = open_desk(installation)

    with pytest.raises(UnknownName, match=desk.ticket_id):
        view_ticket(installation, desk.ticket_id[:-1])


def test_every_step_of_the_path_is_in_the_chain_in_order_and_without_personal_data(installation: Installation) -> None:
    desk = open_desk(installation).judged()
    send_notice(installation, desk.ticket_id, "fulfilment", "olga")

    leaves = ticket_events(installation, desk.ticket_id)

    types = [json.loads(leaf)["type"] for leaf in leaves]
    assert [name for name in types if not name.startswith(("suppression.", "purge.", "copies."))] == [
        "ticket.received", "identity.established", "footprint.completed", "decisions.taken", "plan.frozen", "approval.given",
        "unlearning.started", "unlearning.finished", "report.issued", "report.sealed", "notice.sent", "clock.changed", "ticket.closed",
    ]  # fmt: skip
    assert verify_chain(leaves)[0] == len(types)
    names = (*CANARIES, "submitter", "decider", "planner", "approver", "olga")
    assert not any(word.encode() in leaf for leaf in leaves for word in names)


def test_two_tickets_keep_two_chains_in_one_gapless_ledger_and_each_event_leaves_by_the_outbox(installation: Installation) -> None:
    desk, other = open_desk(installation), open_desk(installation)
    desk.locate()

    sequence_events(installation)
    with installation.transaction() as session:
        indices = list(session.scalars(select(EventRow.idx).order_by(EventRow.idx)))
        outbox = {(row.idx, row.ticket_id, row.event_type) for row in session.scalars(select(OutboxRow))}
        events = {(row.idx, row.ticket_id, json.loads(row.leaf)["type"]) for row in session.scalars(select(EventRow))}
        assert ticket_trail(session, other.ticket_id)[0] == 1
    assert indices == list(range(len(indices)))
    assert outbox == events


def test_what_leaves_by_the_outbox_is_ids_phases_and_codes(installation: Installation) -> None:
    open_desk(installation).judged()

    sequence_events(installation)
    with installation.transaction() as session:
        bodies = [json.loads(body) for body in session.scalars(select(OutboxRow.body))]

    assert {key for body in bodies for key in body} == {"idx", "ticket", "type", "time", "data"}
    assert {key for body in bodies for key in body["data"]} <= {"from", "to", "outcome", "reason", "kind", "code"}


def test_a_stage_that_comes_out_of_turn_stores_no_record(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan()
    early = open_desk(installation)
    plan = desk.view.plan

    assert plan is not None
    with pytest.raises(IllegalMove):
        finish_plan(installation, replace(plan, ticket_id=early.ticket_id), "planner")

    assert early.view.plan is None
    assert (early.view.attempt, early.where) == (0, ("received", "need_identity", None))


@pytest.mark.parametrize("broken", APPENDING)
def test_a_failing_transaction_leaves_neither_move_nor_record_nor_event(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    desk = open_desk(installation).locate().erase()
    before, events = desk.view, ticket_events(installation, desk.ticket_id)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the plug was pulled")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(RuntimeError, match="plug"):
        desk.plan()
    monkeypatch.undo()

    assert desk.view == before
    assert ticket_events(installation, desk.ticket_id) == events
    assert desk.plan().view.state == "awaiting_approval"


def test_the_same_record_twice_is_one_and_another_in_its_place_is_refused(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan()
    made, digest = desk.view.plan, desk.view.plan_digest
    reopen_planning(installation, desk.ticket_id, "planner")

    assert made is not None
    assert finish_plan(installation, made, "planner") == digest
    reopen_planning(installation, desk.ticket_id, "planner")
    with pytest.raises(RecordBroken):
        desk.plan(seed=made.seed + 1)


def test_a_version_that_was_read_before_somebody_else_acted_is_refused(installation: Installation) -> None:
    desk = open_desk(installation)
    read = desk.view.version
    desk.locate()

    with pytest.raises(TicketChanged, match=f"version {read} of"):
        close_ticket(installation, desk.ticket_id, "refused", "colleague", version=read)

    assert desk.view.version > read
    assert desk.view.state == "planning"


def test_the_next_stage_follows_the_state_unless_a_person_must_act(installation: Installation) -> None:
    desk = open_desk(installation)

    seen = [stage(desk)]
    seen.append(stage(desk.identify()))
    seen.append(stage(open_desk(installation).locate()))
    desk = open_desk(installation).locate().erase()
    seen.append(stage(desk))
    seen.append(stage(desk.plan()))
    seen.append(stage(desk.approve()))
    start_unlearning(installation, desk.ticket_id, "worker")
    seen.append(stage(desk))
    desk = open_desk(installation).locate().erase().plan().approve().unlearn()
    seen.append(stage(desk))
    seen.append(stage(desk.verify()))

    assert seen == [None, "footprint", None, "plan", None, "start", "unlearn", "settle", None]


def test_an_error_makes_the_ticket_wait_for_a_person_once(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()

    note_error(installation, desk.ticket_id, "worker", "disk-full")
    note_error(installation, desk.ticket_id, "worker", "disk-full")

    assert desk.where == ("planning", "error", None)
    assert desk.events.count(b'"ticket.stopped"') == 1
    assert stage(desk) is None
    clear_error(installation, desk.ticket_id)
    assert desk.where == ("planning", "awaiting_worker", None)


def test_what_happens_around_a_stopped_ticket_does_not_start_it_and_a_move_of_its_own_does(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve()
    start_unlearning(installation, desk.ticket_id, "worker")
    note_error(installation, desk.ticket_id, "worker", "disk-full")

    desk.keep("1")
    stopped = desk.where
    reopen_planning(installation, desk.ticket_id, "planner")

    assert stopped == ("unlearning", "error", None)
    assert desk.where == ("planning", "need_plan", None)


def test_time_alone_wakes_a_ticket_when_its_grace_period_ends(installation: Installation, clock: Any) -> None:
    desk = open_desk(installation).locate().erase().plan(grace_s=3600).approve()
    assert desk.where == ("awaiting_approval", "grace_period", None)
    assert (desk.view.wake_at - clock()).total_seconds() == 3600

    clock.move(seconds=3599)
    early = wake_tickets(installation)
    clock.move(seconds=1)
    late = wake_tickets(installation)

    assert (early, late) == (0, 1)
    assert desk.where == ("awaiting_approval", "awaiting_worker", None)


def test_a_record_changed_behind_our_back_is_not_read(installation: Installation) -> None:
    desk = open_desk(installation).locate()
    with installation.transaction() as session:
        lift_guard(session, "stage_record")
        row = session.get_one(StageRecordRow, (desk.ticket_id, "footprint", 1))
        row.body = row.body.replace(b'"record_id":"r0000"', b'"record_id":"r9999"')

    with pytest.raises(RecordBroken):
        view_ticket(installation, desk.ticket_id)


def test_an_event_changed_behind_our_back_breaks_the_chain(installation: Installation) -> None:
    desk = open_desk(installation).locate()
    sequence_events(installation)
    with installation.transaction() as session:
        lift_guard(session, "event")
        row = session.scalars(select(EventRow).where(EventRow.ticket_id == desk.ticket_id).order_by(EventRow.idx)).first()
        assert row is not None
        row.leaf = row.leaf.replace(b"eu-gdpr", b"uk-gdpr")

    with installation.transaction() as session, pytest.raises(LedgerBroken):
        ticket_trail(session, desk.ticket_id)
