"""Tickets that live at random on a real store: lawful and unlawful acts by anybody at any time, and laws after each.

A refused act must leave every table as it was; an accepted one must leave ledger, outbox and tickets telling the same story.
The laws themselves are in `life_laws`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import event, select

from rtbf.errors import RTBFError
from rtbf.evidence.canonical import digest_of
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.closing import close_ticket, reopen_ticket
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.footprints import finish_footprint, reopen_locating
from rtbf.pipeline.holds import lift_hold, place_hold
from rtbf.pipeline.identity import answer_identity, ask_identity, record_identity
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.moves import wake_tickets
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.plans import finish_plan, reopen_planning, start_unlearning
from rtbf.pipeline.work import clear_error, finish_unlearning, finish_verification, note_error
from rtbf.plan.rulings import read_ruling
from rtbf.store.tables import Base, TicketRow
from rtbf.ticket.lifecycle import OUTCOMES
from rtbf.vault.secret import Secret
from tests import builders
from tests.desk import Desk, candidate, open_desk, report
from tests.exhaustive.life_laws import require_four_eyes, require_gapless_ledger, require_replayed_state, require_true_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.installation import Installation

ACTORS = ("submitter", "olga", "marek", "ines", "worker")
LETTERS = ("acknowledgement", "refusal", "partial", "fulfilment", "no_data", "unverified", "withdrawal_confirmed")
PASSING = builders.passing_probes()
PROBES = {
    "PASS": PASSING,
    "INCONCLUSIVE": PASSING[1:],
    "FAIL": tuple(builders.leaking_probe() if probe.probe_id == "F2" else probe for probe in PASSING),
}
RULINGS = {
    "erase": {"verdict": "erase", "code": "NonNecessity"},
    "retain": {"verdict": "retain", "code": "LegalClaims", "reasoning": "A court asked for them."},
    "restrict": {"verdict": "restrict", "reasoning": "The person contests it."},
}
ITEMS = ("all", "all", "records", "models", "1-19", "7", "99")
REFUSAL = {"code": "ProcessUnfounded", "text": Secret("This asks for nothing we hold.")}
Rows = dict[str, list[tuple[Any, ...]]]

actors, places = st.sampled_from(ACTORS), st.integers(0, 2)


def _asked(desk: Desk) -> Desk:
    ask_identity(desk.installation, desk.ticket_id, "document_viewed", "unknown_sender", "olga")
    return desk


def _started(desk: Desk) -> Desk:
    start_unlearning(desk.installation, desk.ticket_id, "worker")
    return desk


STARTS: dict[str, Callable[[Desk], Desk]] = {
    "asked": _asked,
    "planning": lambda desk: desk.locate().erase(),
    "approval": lambda desk: desk.locate().erase().keep("2").plan(),
    "approved": lambda desk: desk.locate().erase().plan(grace_s=3600).approve(),
    "started": lambda desk: _started(desk.locate().erase().plan().approve()),
    "unlearned": lambda desk: desk.locate().erase().plan().approve().unlearn(),
    "passed": lambda desk: desk.judged(),
    "undecided": lambda desk: desk.undecided(),
}


@dataclass(kw_only=True)
class Lived:
    """What all lives of a test came to: without this nobody would notice that none comes far."""

    lives: int = 0
    done: int = 0
    refused: int = 0
    places: set[tuple[str, str | None]] = field(default_factory=set)


class RandomLife(RuleBasedStateMachine):
    """Up to three tickets of one person under one clock. `open_house` is given by the test: an installation of this example's own."""

    open_house: Callable[[], tuple[Installation, Any]]
    lived: Lived

    @initialize(start=st.sampled_from([*STARTS]))
    def begin(self, start: str) -> None:
        """Open a house with one ticket that has come so far already."""
        self.installation, self.clock = type(self).open_house()
        self.tickets: list[Desk] = []
        self.codes: dict[str, Secret] = {}
        self.holds: list[str] = []
        self.updates = 0
        event.listen(self.installation.engine, "before_cursor_execute", self._count)
        self.tickets.append(STARTS[start](open_desk(self.installation)))

    def teardown(self) -> None:
        """Let the database go."""
        if hasattr(self, "installation"):
            self.lived.lives += 1
            self.installation.engine.dispose()

    # What anybody may try.

    @rule(is_known=st.booleans())
    def submit(self, *, is_known: bool) -> None:
        """Take in a ticket of the same person, whose identity was checked before or not."""
        if len(self.tickets) < 3:
            body = {"identity": {"method": "account_login"}} if is_known else {}
            before = len(self.tickets)
            self._act(lambda: self.tickets.append(open_desk(self.installation, **body)))
            assert len(self.tickets) == before + 1

    @rule(place=places, actor=actors, method=st.sampled_from(["email_code", "document_viewed", "carrier_pigeon"]))
    def ask(self, place: int, actor: str, method: str) -> None:
        """Ask who is asking."""
        desk = self._at(place)

        def asked() -> None:
            check = ask_identity(self.installation, desk.ticket_id, method, "unknown_sender", actor)
            if check.code is not None:
                self.codes[desk.ticket_id] = check.code

        self._act(asked)

    @rule(place=places, actor=actors, is_right=st.booleans())
    def answer(self, place: int, actor: str, *, is_right: bool) -> None:
        """Answer with the newest code, or with a wrong one."""
        desk = self._at(place)
        code = self.codes.get(desk.ticket_id, Secret("00000000")) if is_right else Secret("11111111")
        self._act(lambda: answer_identity(self.installation, desk.ticket_id, None, code, actor))

    @rule(place=places, actor=actors, method=st.sampled_from(["in_person", "controller_assertion", "carrier_pigeon"]))
    def record(self, place: int, actor: str, method: str) -> None:
        """Note a check that was made elsewhere."""
        self._act(lambda: record_identity(self.installation, self._at(place).ticket_id, method, actor))

    @rule(place=places, kind=st.sampled_from(["full", "full", "without model", "nothing"]))
    def locate(self, place: int, kind: str) -> None:
        """Hand a footprint in."""
        desk = self._at(place)
        empty: dict[str, Any] = {"full": {}, "without model": {"models": ()}, "nothing": {"hits": (), "models": ()}}[kind]
        known = desk.view.footprint
        made = builders.footprint(ticket_id=desk.ticket_id, revision=1 if known is None else known.revision + 1, **empty)
        self._act(lambda: finish_footprint(self.installation, made, "worker"))

    @rule(place=places, actor=actors)
    def search_again(self, place: int, actor: str) -> None:
        """Ask for another footprint."""
        self._act(lambda: reopen_locating(self.installation, self._at(place).ticket_id, actor))

    @rule(
        place=places,
        actor=actors,
        item=st.sampled_from(["all", "all", "records", "models", "1-19", "7", "99"]),
        how=st.sampled_from([*RULINGS]),
    )
    def rule_on(self, place: int, actor: str, item: str, how: str) -> None:
        """Decide about items."""
        shape = read_ruling({"item": item, **RULINGS[how]})
        self._act(lambda: decide(self.installation, self._at(place).ticket_id, (shape,), actor))

    @rule(place=places, actor=actors, quorum=st.integers(1, 2), grace_s=st.sampled_from([0, 0, 3600]), is_next=st.booleans())
    def plan(self, place: int, actor: str, quorum: int, grace_s: int, *, is_next: bool) -> None:
        """Hand a plan in: of the next attempt, or of the same one again."""
        desk = self._at(place)
        view = desk.view
        if view.footprint is None or view.decisions is None:
            return
        made = builders.plan(
            ticket_id=desk.ticket_id, attempt=max(1, view.attempt + is_next), planned_by=desk.actor(actor), quorum=quorum, grace_s=grace_s,
            footprint_digest=digest_of(view.footprint), decisions_digest=digest_of(view.decisions), approval_valid_s=86_400,
        )  # fmt: skip
        self._act(lambda: finish_plan(self.installation, made, actor))

    @rule(place=places, actor=actors, is_approval=st.sampled_from([True, True, True, False]), is_live=st.sampled_from([True, True, False]))
    def say(self, place: int, actor: str, *, is_approval: bool, is_live: bool) -> None:
        """Approve or reject, or try it with another digest."""
        desk = self._at(place)
        digest = str(desk.view.plan_digest) if is_live else builders.sha(99)
        self._act(lambda: decide_plan(self.installation, desk.ticket_id, digest, actor, is_approval=is_approval))

    @rule(place=places, actor=actors, step=st.sampled_from(["start", "take back"]))
    def start_or_take_back(self, place: int, actor: str, step: str) -> None:
        """Start the plan, or take the ticket back to planning."""
        go = start_unlearning if step == "start" else reopen_planning
        self._act(lambda: go(self.installation, self._at(place).ticket_id, actor))

    @rule(place=places, withheld=st.sampled_from([(), (), ("r0003",)]))
    def unlearn(self, place: int, withheld: tuple[str, ...]) -> None:
        """Hand the run's record and its weights in."""
        desk = self._at(place)
        view = desk.view
        made = builders.unlearned(
            ticket_id=desk.ticket_id, attempt=max(1, view.attempt), plan_digest=view.plan_digest or builders.sha(99), withheld=withheld,
            artefact_digest=digest_of((desk.ticket_id, view.attempt)),
        )  # fmt: skip
        revision = 100 * (1 + self.tickets.index(desk)) + made.attempt
        self._act(lambda: finish_unlearning(self.installation, made, candidate(made.artefact_digest, revision), "models/new", "worker"))

    @rule(place=places, verdict=st.sampled_from([*PROBES]), is_releasable=st.sampled_from([True, True, False]))
    def verify(self, place: int, verdict: str, *, is_releasable: bool) -> None:
        """Hand a verdict in."""
        desk = self._at(place)
        attempt = max(1, desk.view.attempt)
        done = builders.verification(PROBES[verdict], ticket_id=desk.ticket_id, attempt=attempt, plan_digest=desk.view.plan_digest or "")
        if not is_releasable:
            done = replace(done, verdict=replace(done.verdict, class_awarded="suppression"))
        self._act(lambda: finish_verification(self.installation, done, report(desk.ticket_id, attempt), "worker"))

    @rule(place=places, actor=actors, kind=st.sampled_from(LETTERS), has_code=st.booleans())
    def write(self, place: int, actor: str, kind: str, *, has_code: bool) -> None:
        """Send a letter."""
        words: dict[str, Any] = REFUSAL if has_code and kind == "refusal" else {}
        self._act(lambda: send_notice(self.installation, self._at(place).ticket_id, kind, actor, again=True, **words))

    @rule(place=places, actor=actors, outcome=st.sampled_from(OUTCOMES), is_stale=st.sampled_from([False, False, False, True]))
    def close(self, place: int, actor: str, outcome: str, *, is_stale: bool) -> None:
        """Close by hand, perhaps having read an older version."""
        desk = self._at(place)
        version = desk.view.version - 1 if is_stale else None
        self._act(lambda: close_ticket(self.installation, desk.ticket_id, outcome, actor, version=version), must_refuse=is_stale)

    @rule(place=places, actor=actors, cause=st.sampled_from(["new_evidence", "complaint_upheld", "a whim"]))
    def reopen(self, place: int, actor: str, cause: str) -> None:
        """Open a closed ticket again."""
        # Letters written in the very instant of the reopening would count for it; no real clock shows one instant twice.
        self.clock.move(seconds=1)
        wake_tickets(self.installation)
        self._act(lambda: reopen_ticket(self.installation, self._at(place).ticket_id, cause, actor), must_refuse=cause == "a whim")

    @rule(scope=st.sampled_from(["corpus", "model", "ticket"]), hours=st.sampled_from([None, 5]), place=places)
    def hold(self, scope: str, hours: int | None, place: int) -> None:
        """Place a hold."""
        named = {"corpus": "community", "model": "assistant", "ticket": self._at(place).ticket_id}[scope]
        until = None if hours is None else self.clock() + timedelta(hours=hours)
        self._act(
            lambda: self.holds.append(
                place_hold(
                    self.installation, scope_kind=scope, scope=named, regime="eu-gdpr", ground="LegalClaims", authority_ref="court/1",
                    until=until, actor="olga",
                ).hold_id
            )
        )  # fmt: skip

    @precondition(lambda self: getattr(self, "holds", None))
    @rule(place=places)
    def lift(self, place: int) -> None:
        """Release a hold, or one that is released already."""
        self._act(lambda: lift_hold(self.installation, self.holds[place % len(self.holds)], "olga"))

    @rule(place=places, step=st.sampled_from([note_error, clear_error]))
    def stumble(self, place: int, step: Any) -> None:
        """Stop with an error, or let it be worked on again."""
        ticket_id = self._at(place).ticket_id
        self._act(
            lambda: step(self.installation, ticket_id, "worker", "disk-full") if step is note_error else step(self.installation, ticket_id)
        )

    @rule(span=st.sampled_from([{"minutes": 1}, {"hours": 1}, {"hours": 25}, {"days": 4}]))
    def pass_time(self, span: dict[str, float]) -> None:
        """Let time pass, and look at what that changed."""
        self.clock.move(**span)
        self._act(lambda: wake_tickets(self.installation))

    @rule(place=places, helper=st.sampled_from(["olga", "marek"]), verdict=st.sampled_from([*PROBES]))
    def go_on(self, place: int, helper: str, verdict: str) -> None:
        """Do what the ticket waits for, as a good office does: else no ticket would ever come far."""
        desk = self._at(place)
        state, reason, _ = desk.where
        match (state, reason):
            case (_, "error"):
                self.stumble(place, clear_error)
            case ("received" | "identifying", _):
                self.record(place, helper, "in_person")
            case ("locating", _):
                self.locate(place, "full")
            case ("planning", "need_decision"):
                self.rule_on(place, "olga", "all", "erase")
            case ("planning", "need_plan" | "awaiting_worker"):
                self.plan(place, "worker", 1, 0, is_next=True)
            case ("awaiting_approval", "need_approval"):
                self.say(place, "marek", is_approval=True, is_live=True)
            case ("awaiting_approval", "awaiting_worker"):
                self.start_or_take_back(place, "worker", "start")
            case ("unlearning", "awaiting_worker"):
                self.unlearn(place, ())
            case ("verifying", "awaiting_worker"):
                self.verify(place, verdict, is_releasable=True)
            case ("verifying", "need_notice"):
                self.write(place, helper, "fulfilment", has_code=False)
            case ("verifying", "need_decision"):
                self.write(place, helper, "partial", has_code=False)
                self.close(place, "marek", "partially_fulfilled", is_stale=False)
            case _:
                self.pass_time({"hours": 25})

    @rule(place=places, helper=st.sampled_from(["olga", "marek"]), verdict=st.sampled_from([*PROBES]))
    def go_far(self, place: int, helper: str, verdict: str) -> None:
        """Do the next three things that the ticket waits for."""
        for _ in range(3):
            self.go_on(place, helper, verdict)

    # What must hold whatever happened.

    @invariant()
    def every_law_holds(self) -> None:
        """Ask all laws of the store as it is."""
        if not hasattr(self, "installation"):
            return
        sequence_events(self.installation)
        with self.installation.transaction() as session:
            require_gapless_ledger(session)
            for desk in self.tickets:
                row = session.get_one(TicketRow, desk.ticket_id)
                require_replayed_state(session, row)
                require_true_reason(session, row, self.clock())
                require_four_eyes(session, row.id)
                self.lived.places.add((row.state, row.outcome))

    def _at(self, place: int) -> Desk:
        return self.tickets[place % len(self.tickets)]

    def _act(self, act: Callable[[], object], *, must_refuse: bool = False) -> None:
        """Do `act`; if it is refused, nothing has changed, and if not, versions have grown by the changes of the tickets' rows."""
        before, self.updates = self._rows(), 0
        try:
            act()
        except RTBFError:
            self.lived.refused += 1
            assert self._rows() == before
            return
        assert not must_refuse
        self.lived.done += 1
        old = {row[0]: row for row in before["ticket"]}
        new = {row[0]: row for row in self._rows()["ticket"]}
        grown = sum(new[ticket_id][5] - row[5] for ticket_id, row in old.items())
        fresh = sum(row[5] - 1 for ticket_id, row in new.items() if ticket_id not in old)
        assert grown + fresh == self.updates
        assert all((new[ticket_id] == row) == (new[ticket_id][5] == row[5]) for ticket_id, row in old.items())

    def _rows(self) -> Rows:
        """Return every row of every table."""
        with self.installation.engine.connect() as connection:
            return {table.name: _sorted(connection.execute(select(table))) for table in Base.metadata.sorted_tables}

    def _count(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool) -> None:  # noqa: FBT001 - SQLAlchemy's own signature
        if statement.startswith("UPDATE ticket SET"):
            self.updates += len(parameters) if executemany else 1


def _sorted(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=repr)
