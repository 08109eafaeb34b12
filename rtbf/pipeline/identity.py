"""Who is asking: ask with a recorded doubt, take answers to one-time codes, record what was checked otherwise.

An unverified ticket moves nothing: it is not located, restricts no training, and is never merged with another. Attempts
are counted per check, so that a stranger who names somebody else's address cannot use up that person's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, IdentityRefused
from rtbf.pipeline.clock import resume_clock, suspend_clock
from rtbf.pipeline.facts import is_identified
from rtbf.pipeline.moves import move, note, settle
from rtbf.pipeline.suppression import restrict
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.identity import EXPIRED, FAILED, OPEN, PASSED, add_identity_check, identity_checks
from rtbf.store.records import latest_record
from rtbf.store.tables import IdentityCheckRow
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.facts import Facts
from rtbf.ticket.identity import DOUBTS, METHOD_LEVELS
from rtbf.ticket.lifecycle import IDENTIFYING, LOCATING, RECEIVED, lawful_move
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required
from rtbf.vault.one_time_code import is_right_code, new_code, seal_code

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow
    from rtbf.vault.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A check that was asked for. `code` is to be sent to the person and to nobody else; None for methods without one."""

    check_id: str
    expires_at: datetime
    code: Secret | None


def ask_identity(installation: Installation, ticket_id: str, method: str, doubt: str, actor: str, *, version: int | None = None) -> Asked:
    """Ask the person to show who they are, because of a recorded doubt; the clock waits where the regime says so.

    An earlier open check of the ticket ends with this one. Raises BadInput for an unknown method or doubt, IllegalMove
    when the identity is established already.
    """
    if method not in METHOD_LEVELS or doubt not in DOUBTS:
        raise BadInput(
            found="an unknown method or doubt",
            expected=f"a method of {', '.join(METHOD_LEVELS)} and a doubt of {', '.join(DOUBTS)}",
            remedy="asking for proof needs a reasonable doubt (GDPR Art. 12(6)); see `rtbf identify --help`",
        )
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id, version=version)
        actor_id = actor_id_for(session, actor, now)
        if row.state not in {RECEIVED, IDENTIFYING}:
            lawful_move(row.state, IDENTIFYING, Facts())
        for earlier in identity_checks(session, ticket_id):
            if earlier.result == OPEN:
                earlier.result, earlier.answered_at = EXPIRED, now
        check_id, code = new_id("idc"), new_code() if method == "email_code" else None
        expires_at = now + timedelta(seconds=installation.policy.identity_valid_s)
        seal = None if code is None else seal_code(ticket_key(session, installation.kek, ticket_id), check_id, code)
        add_identity_check(
            session,
            IdentityCheckRow(
                id=check_id, ticket_id=ticket_id, method=method, doubt=doubt, result=OPEN, level=None, attempts=0, actor_id=actor_id,
                asked_at=now, expires_at=expires_at, code_seal=seal,
            ),
        )  # fmt: skip
        suspend_clock(session, installation, ticket_id, actor_id, now)
        data = {"check": check_id, "method": method, "doubt": doubt}
        if row.state == RECEIVED:
            move(session, installation, row, IDENTIFYING, actor_id, now, data=data)
        else:
            note(session, installation, ticket_id, "identity.asked", actor_id, now, data)
            settle(session, row, now)
    return Asked(check_id=check_id, expires_at=expires_at, code=code)


def answer_identity(installation: Installation, ticket_id: str, check_id: str | None, answer: Secret, actor: str) -> bool:
    """Compare `answer` with the newest (or the named) open code; return whether the person is identified thereby.

    A wrong answer counts as an attempt and is stored even though False is returned. Raises IdentityRefused when no such
    check is open, its time is over or its attempts are used up: the message never says how near an answer was.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        check = _open_code_check(session, ticket_id, check_id, now)
        check.attempts += 1
        is_right = is_right_code(ticket_key(session, installation.kek, ticket_id), check.id, answer, check.code_seal or b"")
        if not is_right:
            is_over = check.attempts >= installation.policy.identity_attempts
            if is_over:
                check.result, check.answered_at = FAILED, now
                resume_clock(session, installation, ticket_id, actor_id, now)
            data = {"check": check.id, "attempts": check.attempts, "is_over": is_over}
            note(session, installation, ticket_id, "identity.failed", actor_id, now, data)
        else:
            _pass(session, installation, row, check, actor_id, now)
        settle(session, row, now)
        return is_right


def record_identity(installation: Installation, ticket_id: str, method: str, actor: str, *, version: int | None = None) -> None:
    """Note that the person's identity was checked by `method` outside of this program; no document is taken in."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id, version=version)
        actor_id = actor_id_for(session, actor, now)
        if row.state not in {RECEIVED, IDENTIFYING}:
            lawful_move(row.state, IDENTIFYING, Facts())
        pass_check(session, installation, row, method, actor_id, now)
        settle(session, row, now)


def pass_check(session: Session, installation: Installation, row: TicketRow, method: str, actor_id: str, now: datetime) -> None:
    """Store a passed check in the caller's transaction, and move on when its level is enough."""
    open_checks = [check for check in identity_checks(session, row.id) if check.result == OPEN and check.method == method]
    if open_checks:
        check = open_checks[-1]
    else:
        check = IdentityCheckRow(
            id=new_id("idc"), ticket_id=row.id, method=method, doubt=None, result=OPEN, level=None, attempts=0, actor_id=actor_id,
            asked_at=now, expires_at=None, code_seal=None,
        )  # fmt: skip
        add_identity_check(session, check)
    _pass(session, installation, row, check, actor_id, now)


def _pass(session: Session, installation: Installation, row: TicketRow, check: IdentityCheckRow, actor_id: str, now: datetime) -> None:
    level = next((level for method, level in METHOD_LEVELS.items() if method == check.method), None)
    if level is None:
        raise BadInput(found="an unknown identity method", expected=f"one of {', '.join(METHOD_LEVELS)}", remedy="correct the method")
    check.result, check.level, check.answered_at, check.code_seal = PASSED, level, now, None
    session.flush()
    ticket, _ = required(latest_record(session, row.id, Ticket), "ticket", row.id)
    data = {"check": check.id, "method": check.method, "level": level}
    if not is_identified(session, ticket):
        # A check that reaches too low a level is kept, and the ticket goes on waiting for a better one.
        note(session, installation, row.id, "identity.insufficient", actor_id, now, data)
        return
    resume_clock(session, installation, row.id, actor_id, now)
    move(session, installation, row, LOCATING, actor_id, now, data=data)
    restrict(session, installation, row.id, actor_id, now)


def _open_code_check(session: Session, ticket_id: str, check_id: str | None, now: datetime) -> IdentityCheckRow:
    checks = [check for check in identity_checks(session, ticket_id) if check.code_seal is not None and check.result == OPEN]
    for check in reversed(checks):
        if check_id in {None, check.id} and (check.expires_at is None or check.expires_at > now):
            return check
    raise IdentityRefused(
        found="no open one-time code",
        expected="a code that was sent, not answered yet, and is still valid",
        remedy=f"ask again: `rtbf identify {ticket_id} ask --method email_code --doubt CODE`",
    )
