"""The pipeline: each step is one transaction of move, event and record, and two people stand behind every change."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from rtbf import pipeline, ticket_view
from rtbf.errors import FourEyes, IllegalMove, LedgerBroken, RecordBroken, StalePlan, UnknownName
from rtbf.evidence.ledger import verify_chain
from rtbf.lm.record import Model
from rtbf.report.record import Report
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.events import ticket_trail
from rtbf.store.tables import EventRow, StageRecordRow
from rtbf.store.identifiers import open_identifiers
from rtbf.store.tickets import find_ticket
from rtbf.ticket.intake import read_submission
from tests import builders

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.plan.record import Plan

PERSON = "Ines Varga"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An installation with one submitted ticket, and shortcuts through its stages."""

    installation: Installation
    ticket_id: str

    @property
    def view(self) -> ticket_view.TicketView:
        return ticket_view.view_ticket(self.installation, self.ticket_id)

    @property
    def where(self) -> tuple[str, str | None, str | None]:
        return self.view.state, self.view.reason, self.view.outcome

    def actor(self, name: str) -> str:
        with self.installation.transaction() as session:
            return actor_id_for(session, name, self.installation.clock())

    def locate(self, **changes: Any) -> None:
        pipeline.record_identity(self.installation, self.ticket_id, "in_person", "olga")
        found = builders.footprint(ticket_id=self.ticket_id, **changes)
        pipeline.finish_footprint(self.installation, found, "worker")

    def plan(self, attempt: int = 1, **changes: Any) -> tuple[Plan, str]:
        made = builders.plan(ticket_id=self.ticket_id, attempt=attempt, planned_by=self.actor("planner"), **changes)
        return made, pipeline.finish_plan(self.installation, made, "planner")

    def decide(self, digest: str, actor: str, *, is_approval: bool = True) -> None:
        pipeline.decide_plan(self.installation, self.ticket_id, digest, actor, is_approval=is_approval)

    def unlearn(self, plan_digest: str) -> None:
        record = builders.unlearned(ticket_id=self.ticket_id, plan_digest=plan_digest)
        pipeline.finish_unlearning(self.installation, record, candidate(record.artefact_digest), "models/assistant/2", "worker")

    def verify(self, *probes: Any) -> None:
        done = builders.verification(probes or None, ticket_id=self.ticket_id)
        pipeline.finish_verification(self.installation, done, report(self.ticket_id), "worker")


def candidate(digest: str, revision: int = 2) -> Model:
    return Model(
        name="assistant", revision=revision, digest=digest, origin="unlearned", recipe=(), seed=None, trained_on=(),
        base_digest="sha256:original", removals=(), files=(), environment=(),
    )  # fmt: skip


def report(ticket_id: str) -> Report:
    return Report(
        ticket_id=ticket_id, attempt=1, report_id="rep_1", verification_digest="sha256:v", envelope_sha256="e" * 64, pdf_sha256=None,
        pdf_missing_because="not asked", signed_by="sha256:k", issued_at="2026-03-02T12:00:00.000Z",
    )  # fmt: skip


def submit(installation: Installation, **changes: Any) -> str:
    body = {"subject": [{"kind": "name", "value": PERSON}, {"kind": "email", "value": "ines@example.org"}], **changes}
    return pipeline.submit_ticket(installation, read_submission(body, installation.clock()), "submitter")


@pytest.fixture
def desk(installation: Installation) -> Desk:
    original = replace(candidate("sha256:original", revision=1), origin="trained", base_digest=None)
    with installation.transaction() as session:
        registry.save_model(session, original, "models/assistant/1", "live", installation.clock())
    return Desk(installation=installation, ticket_id=submit(installation))


@pytest.fixture
def planned(desk: Desk) -> tuple[Desk, str]:
    desk.locate()
    return desk, desk.plan()[1]


def database_bytes(installation: Installation) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(installation.home.path.glob("rtbf.db*")))


def test_a_new_ticket_waits_for_the_persons_identity(desk: Desk) -> None:
    assert desk.where == ("received", "need_identity", None)


def test_an_identity_checked_beforehand_lets_the_ticket_be_located_at_once(installation: Installation) -> None:
    ticket_id = submit(installation, identity={"method": "account_login"})

    view = ticket_view.view_ticket(installation, ticket_id)
    assert (view.state, view.reason, view.identity_methods) == ("locating", "awaiting_worker", ("account_login",))


def test_identifiers_lie_sealed_and_open_only_with_the_vault_key(desk: Desk) -> None:
    with desk.installation.transaction() as session:
        opened = open_identifiers(session, desk.installation.kek, desk.ticket_id)

    assert [(entry.number, entry.kind, entry.value.reveal()) for entry in opened] == [(1, "name", PERSON), (2, "email", "ines@example.org")]
    stored = database_bytes(desk.installation)
    assert desk.ticket_id.encode() in stored
    assert b"Varga" not in stored
    assert b"ines@" not in stored


def test_a_ticket_for_an_unknown_model_is_refused_with_the_nearest_and_nothing_is_stored(desk: Desk) -> None:
    with pytest.raises(UnknownName, match="nearest: assistant"):
        submit(desk.installation, models=["asistant"])

    with desk.installation.transaction() as session:
        assert session.scalar(select(func.count()).select_from(EventRow)) == 1


def test_an_unknown_ticket_is_refused_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(UnknownName, match=desk.ticket_id):
        ticket_view.view_ticket(desk.installation, desk.ticket_id[:-1])


def test_the_lawful_path_ends_fulfilled_with_the_new_weights_live(planned: tuple[Desk, str]) -> None:
    desk, digest = planned

    desk.decide(digest, "approver")
    desk.unlearn(digest)
    desk.verify()

    assert desk.where == ("closed", None, "fulfilled")
    assert desk.view.closed_at == desk.installation.clock()
    with desk.installation.transaction() as session:
        live = registry.live_model(session, "assistant")
        statuses = [model.status for model in registry.all_models(session)]
    assert (live.model.revision, statuses) == (2, ["superseded", "live"])


def test_every_step_of_the_path_is_in_the_chain_in_order_and_without_personal_data(planned: tuple[Desk, str]) -> None:
    desk, digest = planned
    desk.decide(digest, "approver")
    desk.unlearn(digest)
    desk.verify()

    leaves = ticket_view.ticket_events(desk.installation, desk.ticket_id)

    assert [json.loads(leaf)["type"] for leaf in leaves] == [
        "ticket.received", "identity.established", "footprint.completed", "plan.frozen", "plan.approved", "unlearning.finished",
        "report.issued", "ticket.closed",
    ]  # fmt: skip
    assert verify_chain(leaves)[0] == 8
    assert not any(word in leaf for leaf in leaves for word in (b"Varga", b"ines@", b"submitter", b"approver"))


@pytest.mark.parametrize(("actor", "did"), [("submitter", "submitted the ticket"), ("planner", "made the plan")])
def test_who_submitted_or_planned_does_not_approve(planned: tuple[Desk, str], actor: str, did: str) -> None:
    desk, digest = planned

    with pytest.raises(FourEyes, match=did):
        desk.decide(digest, actor)

    assert desk.where == ("awaiting_approval", "need_approval", None)
    assert desk.view.approvals == ()


def test_anyone_may_reject_and_a_rejected_plan_is_not_approved_later(planned: tuple[Desk, str]) -> None:
    desk, digest = planned

    desk.decide(digest, "submitter", is_approval=False)

    assert desk.where == ("planning", "need_decision", None)
    with pytest.raises(IllegalMove):
        desk.decide(digest, "approver")


@pytest.mark.parametrize("digest", ["", "sha256:" + "0" * 64, "live"])
def test_another_digest_than_the_live_plans_is_stale(planned: tuple[Desk, str], digest: str) -> None:
    desk, live = planned

    with pytest.raises(StalePlan, match=live):
        desk.decide(digest, "approver")

    assert desk.view.approvals == ()


def test_an_earlier_attempts_digest_is_stale_once_another_plan_is_live(planned: tuple[Desk, str]) -> None:
    desk, first = planned
    pipeline.reopen_planning(desk.installation, desk.ticket_id, "planner")
    _, second = desk.plan(attempt=2, seed=8)

    with pytest.raises(StalePlan):
        desk.decide(first, "approver")
    desk.decide(second, "approver")

    assert first != second
    assert (desk.view.state, desk.view.attempt) == ("unlearning", 2)


def test_an_unapproved_plan_is_not_run(planned: tuple[Desk, str]) -> None:
    desk, digest = planned

    with desk.installation.transaction() as session, pytest.raises(StalePlan, match="without approval"):
        pipeline.approved_plan(session, desk.ticket_id)
    desk.decide(digest, "approver")

    with desk.installation.transaction() as session:
        assert pipeline.approved_plan(session, desk.ticket_id)[1] == digest


def test_a_leak_leads_back_to_planning_and_the_old_weights_stay_live(planned: tuple[Desk, str]) -> None:
    desk, digest = planned
    desk.decide(digest, "approver")
    desk.unlearn(digest)

    desk.verify(*(builders.leaking_probe(probe.probe_id) if probe.probe_id == "F2" else probe for probe in builders.passing_probes()))

    assert desk.where == ("planning", "need_decision", None)
    with desk.installation.transaction() as session:
        assert registry.live_model(session, "assistant").model.revision == 1
        assert [model.status for model in registry.all_models(session)] == ["live", "rejected"]


def test_an_empty_footprint_waits_for_a_decision_and_closes_as_no_data(desk: Desk) -> None:
    desk.locate(hits=(), models=())
    assert desk.where == ("planning", "need_decision", None)

    pipeline.close_ticket(desk.installation, desk.ticket_id, "no_data", "colleague")

    assert desk.where == ("closed", None, "no_data")


def test_no_data_is_not_said_of_a_person_who_was_found(desk: Desk) -> None:
    desk.locate()

    with pytest.raises(IllegalMove, match=r"20 record\(s\) found"):
        pipeline.close_ticket(desk.installation, desk.ticket_id, "no_data", "colleague")

    assert desk.view.state == "planning"


def test_nobody_closes_as_fulfilled_by_hand(planned: tuple[Desk, str]) -> None:
    desk, digest = planned
    desk.decide(digest, "approver")
    desk.unlearn(digest)

    with pytest.raises(IllegalMove, match="by hand"):
        pipeline.close_ticket(desk.installation, desk.ticket_id, "fulfilled", "colleague")


def test_the_submitter_may_withdraw_and_may_not_refuse(desk: Desk) -> None:
    desk.locate()

    with pytest.raises(FourEyes):
        pipeline.close_ticket(desk.installation, desk.ticket_id, "refused", "submitter")
    pipeline.close_ticket(desk.installation, desk.ticket_id, "withdrawn", "submitter")

    assert desk.where == ("closed", None, "withdrawn")


def test_a_closed_ticket_stays_closed(desk: Desk) -> None:
    pipeline.close_ticket(desk.installation, desk.ticket_id, "withdrawn", "submitter")

    for step in (
        lambda: pipeline.record_identity(desk.installation, desk.ticket_id, "in_person", "olga"),
        lambda: pipeline.reopen_planning(desk.installation, desk.ticket_id, "olga"),
        lambda: pipeline.close_ticket(desk.installation, desk.ticket_id, "withdrawn", "submitter"),
        desk.plan,
    ):
        with pytest.raises(IllegalMove):
            step()
    assert len(ticket_view.ticket_events(desk.installation, desk.ticket_id)) == 2


def test_a_stage_that_comes_out_of_turn_stores_no_record(desk: Desk) -> None:
    with pytest.raises(IllegalMove):
        desk.plan()

    assert desk.view.plan is None
    assert (desk.view.attempt, desk.view.version) == (0, 1)


@pytest.mark.parametrize("broken", ["append_event", "save_record", "move_ticket"])
def test_a_failing_transaction_leaves_neither_move_nor_record_nor_event(desk: Desk, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    desk.locate()
    before, events = desk.view, ticket_view.ticket_events(desk.installation, desk.ticket_id)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the plug was pulled")

    # move_ticket appends its event itself, from its own module.
    monkeypatch.setattr("rtbf.store.tickets.append_event" if broken == "append_event" else f"rtbf.pipeline.{broken}", fail)
    with pytest.raises(RuntimeError, match="plug"):
        desk.plan()
    monkeypatch.undo()

    assert desk.view == before
    assert ticket_view.ticket_events(desk.installation, desk.ticket_id) == events
    desk.plan()
    assert desk.view.state == "awaiting_approval"


def test_the_same_record_twice_is_one_and_another_in_its_place_is_refused(desk: Desk) -> None:
    desk.locate()
    made, digest = desk.plan()
    pipeline.reopen_planning(desk.installation, desk.ticket_id, "planner")

    assert pipeline.finish_plan(desk.installation, made, "planner") == digest
    pipeline.reopen_planning(desk.installation, desk.ticket_id, "planner")
    with pytest.raises(RecordBroken):
        pipeline.finish_plan(desk.installation, replace(made, seed=made.seed + 1), "planner")


def test_an_error_makes_the_ticket_wait_for_a_person_once(desk: Desk) -> None:
    desk.locate()

    pipeline.note_error(desk.installation, desk.ticket_id, "worker", "disk-full")
    pipeline.note_error(desk.installation, desk.ticket_id, "worker", "disk-full")

    assert desk.where == ("planning", "error", None)
    stops = [leaf for leaf in ticket_view.ticket_events(desk.installation, desk.ticket_id) if b"ticket.stopped" in leaf]
    assert len(stops) == 1


def test_the_next_stage_follows_the_state_unless_a_person_must_act(desk: Desk) -> None:
    def next_stage() -> str | None:
        with desk.installation.transaction() as session:
            return pipeline.next_stage(find_ticket(session, desk.ticket_id))

    seen = [next_stage()]
    pipeline.record_identity(desk.installation, desk.ticket_id, "in_person", "olga")
    seen.append(next_stage())
    pipeline.finish_footprint(desk.installation, builders.footprint(ticket_id=desk.ticket_id), "worker")
    seen.append(next_stage())
    _, digest = desk.plan()
    seen.append(next_stage())
    desk.decide(digest, "approver")
    seen.append(next_stage())
    desk.unlearn(digest)
    seen.append(next_stage())
    desk.verify()
    seen.append(next_stage())

    assert seen == [None, "footprint", "plan", None, "unlearn", "verify", None]


@pytest.mark.parametrize("table", ["stage_record", "event", "approval", "identity_check"])
@pytest.mark.parametrize("statement", ["UPDATE {table} SET rowid = rowid", "DELETE FROM {table}"])
def test_the_database_itself_refuses_to_rewrite_what_was_appended(planned: tuple[Desk, str], table: str, statement: str) -> None:
    desk, digest = planned
    desk.decide(digest, "approver")

    with pytest.raises(DBAPIError, match="append-only"), desk.installation.transaction() as session:
        session.execute(text(statement.format(table=table)))


def test_a_record_changed_behind_our_back_is_not_read(desk: Desk) -> None:
    desk.locate()
    with desk.installation.transaction() as session:
        session.execute(text("DROP TRIGGER stage_record_no_update"))
        row = session.get_one(StageRecordRow, (desk.ticket_id, "footprint", 1))
        row.body = row.body.replace(b'"record_id":"r0000"', b'"record_id":"r9999"')

    with pytest.raises(RecordBroken):
        ticket_view.view_ticket(desk.installation, desk.ticket_id)


def test_an_event_changed_behind_our_back_breaks_the_chain(desk: Desk) -> None:
    desk.locate()
    with desk.installation.transaction() as session:
        session.execute(text("DROP TRIGGER event_no_update"))
        row = session.scalars(select(EventRow).where(EventRow.ticket_id == desk.ticket_id).order_by(EventRow.idx)).first()
        assert row is not None
        row.leaf = row.leaf.replace(b"eu-gdpr", b"uk-gdpr")

    with desk.installation.transaction() as session, pytest.raises(LedgerBroken):
        ticket_trail(session, desk.ticket_id)


def test_two_tickets_keep_two_chains_in_one_gapless_ledger(desk: Desk) -> None:
    other = submit(desk.installation)
    desk.locate()

    with desk.installation.transaction() as session:
        indices = list(session.scalars(select(EventRow.idx).order_by(EventRow.idx)))
        assert ticket_trail(session, desk.ticket_id)[0] == 3
        assert ticket_trail(session, other)[0] == 1
    assert indices == [0, 1, 2, 3]
