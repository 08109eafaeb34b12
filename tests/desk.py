"""A ticket at any point of its life, brought there by the pipeline's own steps; its person is fictitious and easy to grep for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rtbf.errors import LetterRefused, MailUnreachable
from rtbf.evidence.canonical import digest_of
from rtbf.lm.record import Model
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.footprints import finish_footprint
from rtbf.pipeline.identity import ask_identity, record_identity
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.notices import ticket_notices
from rtbf.pipeline.plans import finish_plan, start_unlearning
from rtbf.pipeline.posting import letter_files
from rtbf.pipeline.work import finish_unlearning, finish_verification
from rtbf.plan.decisions import Decisions
from rtbf.plan.rulings import read_ruling
from rtbf.report.record import Report
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.records import newest_record
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import TicketView, ticket_events, view_ticket
from rtbf.vault.secret import Secret
from tests import builders

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.notice.record import Channel, Delivery
    from rtbf.notice.render import Letter
    from tests.installed import FrozenClock

NAME, EMAIL = "Ines Canary", "ines.canary@example.org"
CANARIES = ("Canary", "ines.canary")
OFFICER, COLLEAGUE = "olga", "marek"


LATER_S = 601
"""Longer than a sweep leaves a letter to whoever wrote it (600 s)."""
REASON = {"code": "ProcessExcessive", "text": Secret("You asked for the same in January and in February.")}


@dataclass(kw_only=True)
class Mailbox:
    """A mail server in memory. It fails as told: `away` times it does not answer, `refuses` for good, `dies` after it took a letter."""

    channel: Channel = "email"
    away: int = 0
    refuses: bool = False
    dies: int = 0
    taken: list[tuple[str, str, Letter]] = field(default_factory=list)
    """(message id, address, letter), as often as they were handed over."""

    def send(self, letter: Letter, address: Secret, message_id: str) -> Delivery:
        if self.away:
            self.away -= 1
            raise MailUnreachable(found="no mail server answers", expected="one that does", remedy="wait")
        if self.refuses:
            raise LetterRefused(found="the mail server refused the recipient (code 550)", expected="another address", remedy="ask for it")
        self.taken.append((message_id, address.reveal(), letter))
        if self.dies:
            self.dies -= 1
            raise KeyboardInterrupt
        return "sent"

    @property
    def kinds(self) -> list[str]:
        return [letter.kind for _, _, letter in self.taken]

    def words(self, place: int = -1) -> str:
        """Return subject and body of a letter with all white space as single spaces."""
        letter = self.taken[place][2]
        return " ".join(f"{letter.subject} {letter.body.reveal()}".split())


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One ticket, and the steps that bring it on."""

    installation: Installation
    ticket_id: str

    @property
    def view(self) -> TicketView:
        return view_ticket(self.installation, self.ticket_id)

    @property
    def where(self) -> tuple[str, str | None, str | None]:
        return self.view.state, self.view.reason, self.view.outcome

    @property
    def events(self) -> bytes:
        return b"\n".join(ticket_events(self.installation, self.ticket_id))

    def actor(self, name: str) -> str:
        with self.installation.transaction() as session:
            return actor_id_for(session, name, self.installation.clock())

    def identify(self) -> Desk:
        record_identity(self.installation, self.ticket_id, "in_person", OFFICER)
        return self

    def locate(self, **changes: Any) -> Desk:
        self.identify()
        finish_footprint(self.installation, builders.footprint(ticket_id=self.ticket_id, **changes), "worker")
        return self

    def rule(self, items: str, verdict: str, code: str | None = None, reasoning: str | None = None) -> Desk:
        shape = read_ruling({"item": items, "verdict": verdict, "code": code, "reasoning": reasoning})
        decide(self.installation, self.ticket_id, (shape,), "decider")
        return self

    def erase(self, items: str = "all") -> Desk:
        return self.rule(items, "erase", "NonNecessity")

    def keep(self, items: str = "all", reasoning: str = "The court asked us to keep them.") -> Desk:
        return self.rule(items, "retain", "LegalClaims", reasoning)

    def plan(self, **changes: Any) -> Desk:
        with self.installation.transaction() as session:
            decisions = newest_record(session, self.ticket_id, Decisions)
        made = builders.plan(
            ticket_id=self.ticket_id, planned_by=self.actor("planner"), footprint_digest=decisions.footprint_digest,
            decisions_digest=digest_of(decisions), left_out_models=(), **changes,
        )  # fmt: skip
        finish_plan(self.installation, made, "planner")
        return self

    def approve(self) -> Desk:
        decide_plan(self.installation, self.ticket_id, self.view.plan_digest, "approver", is_approval=True)
        return self

    def unlearn(self, **changes: Any) -> Desk:
        start_unlearning(self.installation, self.ticket_id, "worker")
        return self.finish(**changes)

    def finish(self, **changes: Any) -> Desk:
        """End a run that was started."""
        attempt = self.view.attempt
        made = builders.unlearned(ticket_id=self.ticket_id, attempt=attempt, plan_digest=self.view.plan_digest, **changes)
        finish_unlearning(self.installation, made, candidate(made.artefact_digest, attempt + 1), "models/assistant/2", "worker")
        return self

    def verify(self, probes: Any = None) -> Desk:
        attempt = self.view.attempt
        done = builders.verification(probes, ticket_id=self.ticket_id, attempt=attempt, plan_digest=self.view.plan_digest)
        finish_verification(self.installation, done, report(self.ticket_id, attempt), "worker")
        return self

    def judged(self, probes: Any = None) -> Desk:
        """Bring an identified-to-be ticket to its verdict: PASS, or what the probes give."""
        return self.locate().erase().plan().approve().unlearn().verify(probes)

    def undecided(self) -> Desk:
        """Bring it to an INCONCLUSIVE verdict: a probe that the class needs was not run."""
        return self.judged(builders.passing_probes()[1:])


def candidate(digest: str, revision: int) -> Model:
    return Model(
        name="assistant", revision=revision, digest=digest, origin="unlearned", recipe=(), seed=None, trained_on=(),
        base_digest=builders.sha(5), removals=(), files=(), environment=(),
    )  # fmt: skip


def report(ticket_id: str, attempt: int) -> Report:
    return Report(
        ticket_id=ticket_id, attempt=attempt, report_id=f"rep_{attempt}", verification_digest="sha256:v", envelope_sha256="e" * 64,
        pdf_sha256=None, pdf_missing_because="not asked", signed_by="sha256:k", issued_at="2026-03-02T12:00:00.000Z",
    )  # fmt: skip


def open_desk(installation: Installation, *, mailbox: Mailbox | None = None, **changes: Any) -> Desk:
    """Return a new ticket of Ines Canary; letters go into `mailbox`, or into the outbox folder without one."""
    at = installation if mailbox is None else replace(installation, sender=mailbox)
    with at.transaction() as session:
        if not registry.all_models(session):
            original = replace(candidate(builders.sha(5), 1), origin="trained", base_digest=None)
            registry.save_model(session, original, "models/assistant/1", "live", at.clock())
    body = {"subject": [{"kind": "name", "value": NAME}, {"kind": "email", "value": EMAIL}], **changes}
    return Desk(installation=at, ticket_id=submit_ticket(at, read_submission(body, at.clock()), "submitter"))


def over(desk: Desk, clock: FrozenClock) -> Desk:
    """Let an identity check of the ticket end without an answer."""
    ask_identity(desk.installation, desk.ticket_id, "account_login", "name_shared", OFFICER)
    clock.move(hours=73)
    return desk


def states(desk: Desk) -> list[tuple[str, str]]:
    return [(entry.kind, entry.state) for entry in ticket_notices(desk.installation, desk.ticket_id)]


def letters_of(desk: Desk) -> tuple[Path, ...]:
    """Return the files of the ticket's letters in the outbox folder."""
    with desk.installation.transaction() as session:
        return letter_files(session, desk.installation, desk.ticket_id)
