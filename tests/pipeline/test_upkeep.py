"""Upkeep: what time alone asks for happens, once, with an event; and one trouble stops nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from rtbf.errors import MailUnreachable, VaultBroken
from rtbf.pipeline import upkeep
from rtbf.pipeline.identity import ask_identity
from rtbf.pipeline.intake import submit_once
from rtbf.pipeline.ledger import newest_note, opened_head, seal_ledger, sequence_events
from rtbf.pipeline.upkeep import STEPS, UpkeepDone, run_upkeep
from rtbf.store.leases import claim_lease
from rtbf.store.tables import EventRow, IdentityCheckRow, OutboxRow
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import view_ticket
from tests import closing

if TYPE_CHECKING:
    from rtbf.installation import Installation


def events(installation: Installation) -> list[str]:
    sequence_events(installation)
    with installation.transaction() as session:
        return [json.loads(leaf)["type"] for leaf in session.scalars(select(EventRow.leaf).order_by(EventRow.idx))]


def besides_the_head(done: UpkeepDone) -> dict[str, int]:
    """Return what was done; each deletion is an event, which the next round's head covers."""
    assert done.failed == {}
    return {step: count for step, count in done.counts.items() if step != "ledger"}


def shredded(installation: Installation, ticket_id: str) -> bool:
    return view_ticket(installation, ticket_id).shredded_at is not None


def test_on_a_quiet_day_there_is_nothing_to_do_and_nothing_is_noted(installation: Installation) -> None:
    closing.submitted(installation)
    seal_ledger(installation)
    before = events(installation)

    done = run_upkeep(installation)

    assert (dict(done.counts), dict(done.failed)) == ({}, {})
    assert events(installation) == before


def test_upkeep_signs_a_head_over_what_is_new_and_none_over_nothing(installation: Installation) -> None:
    closing.submitted(installation)
    size = len(events(installation))

    first, second = run_upkeep(installation), run_upkeep(installation)

    assert dict(first.counts) == {"ledger": size}
    assert dict(second.counts) == {}
    note = newest_note(installation)
    assert note is not None
    assert opened_head(installation, note)[0].size == size


def test_a_closed_ticket_is_purged_now_and_shredded_on_its_day(installation: Installation, clock: Any) -> None:
    ticket_id = closing.submitted(installation)
    control = installation.home.ticket_artefacts(ticket_id) / "controls" / "0a1b"
    control.mkdir(parents=True)
    closing.withdrawn(installation, ticket_id)

    first = run_upkeep(installation)
    clock.move(days=90)
    second = run_upkeep(installation)
    third = run_upkeep(installation)

    assert besides_the_head(first) == {"copies": 1}
    assert not control.exists()
    # The key's epoch is 90 days old by then.
    assert besides_the_head(second) == {"keys": 1, "epochs": 1}
    assert besides_the_head(third) == {}
    assert shredded(installation, ticket_id)


def test_a_code_that_nobody_can_answer_any_more_is_forgotten(installation: Installation, clock: Any) -> None:
    asked, open_one = (closing.submitted(installation, identity=None) for _ in range(2))
    ask_identity(installation, asked, "email_code", "unknown_sender", "olga")
    clock.move(hours=1)
    ask_identity(installation, open_one, "email_code", "unknown_sender", "olga")
    clock.move(hours=71)

    done = run_upkeep(installation)

    with installation.transaction() as session:
        checks = {row.ticket_id: (row.result, row.code_seal is None) for row in session.scalars(select(IdentityCheckRow))}
    assert done.counts["codes"] == 1
    assert checks == {asked: ("expired", True), open_one: ("open", False)}
    assert "identity.code_forgotten" in events(installation)


def test_answers_and_delivered_events_are_forgotten_when_their_time_is_over(installation: Installation, clock: Any) -> None:
    submission = read_submission({"subject": closing.SUBJECT}, clock())
    submit_once(installation, submission, "jira", "key-1")
    sequence_events(installation)
    with installation.transaction() as session:
        for row in session.scalars(select(OutboxRow)):
            row.delivered_at = clock()
    submit_once(installation, submission, "jira", "key-2")
    clock.move(days=90)
    on_the_day = run_upkeep(installation)
    clock.move(seconds=1)

    after = run_upkeep(installation)

    assert on_the_day.counts["answers"] == 2
    assert "outbox" not in on_the_day.counts
    assert after.counts["outbox"] == 1
    sequence_events(installation)
    with installation.transaction() as session:
        # What was never delivered stays, however old.
        assert {row.event_type for row in session.scalars(select(OutboxRow))} >= {"ticket.received"}
    assert {"answers.forgotten", "outbox.forgotten"} <= set(events(installation))


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    ("trouble", "code"),
    [(VaultBroken(found="f", expected="e", remedy="r"), "vault-broken"), (RuntimeError("Ines Varga"), "unforeseen")],
    ids=["named", "unforeseen"],
)
def test_a_step_that_fails_is_named_by_its_code_and_stops_no_other(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, clock: Any, name: str, trouble: Exception, code: str
) -> None:
    def fail(*_: object) -> int:
        raise trouble

    taken: list[str] = []
    for other in STEPS:
        monkeypatch.setitem(STEPS, other, lambda *_, other=other: taken.append(other) or 1)
    monkeypatch.setitem(STEPS, name, fail)

    done = run_upkeep(installation)

    assert dict(done.failed) == {name: code}
    assert taken == [step for step in STEPS if step != name]


def test_one_ticket_in_trouble_does_not_keep_the_keys_of_others_alive(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    tickets = [closing.submitted(installation) for _ in range(3)]
    for ticket_id in tickets:
        closing.withdrawn(installation, ticket_id)
    with installation.transaction() as session:
        claim_lease(session, tickets[0], "another-machine/boot:1:2", clock() + timedelta(days=90), 60)
    clock.move(days=90)
    whole = upkeep.shred_ticket

    def failing(here: Installation, ticket_id: str, actor: str, *, early: bool) -> Any:
        if ticket_id == tickets[1]:
            raise MailUnreachable(found="f", expected="e", remedy="r")
        return whole(here, ticket_id, actor, early=early)

    monkeypatch.setattr(upkeep, "shred_ticket", failing)
    done = run_upkeep(installation)

    assert [shredded(installation, ticket_id) for ticket_id in tickets] == [False, False, True]
    assert done.failed["keys"] == "mail-unreachable"
