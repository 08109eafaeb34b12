"""Who is asking: ask with a recorded doubt, take answers to one-time codes, record what was checked otherwise.

An unverified ticket moves nothing: it is not located, restricts no training, and is never merged with another. Attempts
are counted per check, so that a stranger who names somebody else's address cannot use up that person's own.
A code alone never identifies a ticket that names another mailbox, phone or account besides (`rtbf.ticket.identity`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, IdentityExhausted, IdentityExpired, IdentityRefused, UnknownName
from rtbf.pipeline.clock import resume_clock, suspend_clock
from rtbf.pipeline.facts import is_identified
from rtbf.pipeline.moves import move, note, settle
from rtbf.pipeline.suppression import restrict
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.identity import FAILED, OPEN, PASSED, add_identity_check, count_change, end_open_checks, identity_checks
from rtbf.store.records import latest_record
from rtbf.store.tables import IdentityCheckRow
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.facts import Facts
from rtbf.ticket.identity import CODE_METHOD, require_doubt, require_method, shown_level
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
    method: str
    doubt: str
    expires_at: datetime
    code: Secret | None


def ask_identity(installation: Installation, ticket_id: str, method: str, doubt: str, actor: str, *, version: int | None = None) -> Asked:
    """Open a check because of a recorded doubt. Without a code the person was asked by whoever calls, and the clock waits from now.

    With a code nobody was asked before the letter is gone: `rtbf.pipeline.asking.ask_person` sends it, and the clock waits
    from then. An earlier open check of the ticket ends with this one. Raises BadInput for an unknown method or doubt, or
    a code without an address to send it to; IllegalMove when the identity is established already; TicketChanged.
    """
    require_method(method)
    require_doubt(doubt)
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id, version=version)
        actor_id = actor_id_for(session, actor, now)
        _require_unidentified(row)
        check_id, seal, code = new_id("idc"), None, None
        if method == CODE_METHOD:
            _require_address(session, ticket_id)
            code = new_code()
            seal = seal_code(ticket_key(session, installation.kek, ticket_id), check_id, code)
        end_open_checks(session, ticket_id, now)
        expires_at = now + timedelta(seconds=installation.policy.identity_valid_s)
        add_identity_check(
            session,
            IdentityCheckRow(
                id=check_id, ticket_id=ticket_id, method=method, doubt=doubt, result=OPEN, level=None, attempts=0, actor_id=actor_id,
                asked_at=now, expires_at=expires_at, code_seal=seal,
            ),
        )  # fmt: skip
        if code is None:
            suspend_clock(session, ticket_id, actor_id, now)
        data = {"check": check_id, "method": method, "doubt": doubt}
        if row.state == RECEIVED:
            move(session, row, IDENTIFYING, actor_id, now, data=data)
        else:
            note(session, ticket_id, "identity.asked", actor_id, now, data)
            count_change(session, row)
            settle(session, row, now)
    return Asked(check_id=check_id, method=method, doubt=doubt, expires_at=expires_at, code=code)


def take_back(installation: Installation, ticket_id: str, check_id: str, actor: str) -> None:
    """End a check whose question could not be sent: its code is in nobody's hands."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        end_open_checks(session, ticket_id, now, only=check_id)
        note(session, ticket_id, "identity.not_sent", actor_id_for(session, actor, now), now, {"check": check_id})
        count_change(session, row)
        settle(session, row, now)


def require_right_answer(installation: Installation, ticket_id: str, check_id: str | None, answer: Secret, actor: str) -> None:
    """Return when `answer` is right; raises IdentityRefused for a wrong one, once it is counted, and what `answer_identity` raises."""
    if not answer_identity(installation, ticket_id, check_id, answer, actor):
        raise IdentityRefused(
            found="an answer that is not the code",
            expected="the eight digits of the newest letter",
            remedy="try again, or ask for a fresh one",
        )


def answer_identity(installation: Installation, ticket_id: str, check_id: str | None, answer: Secret, actor: str) -> bool:
    """Compare `answer` with the newest (or the named) code that the ticket's person was sent; return whether it is right.

    A wrong answer counts as an attempt and is stored even though False is returned; a right one may still reach too low
    a level for the regime, and the ticket waits on. Raises IdentityExpired for a code whose time is over or that was
    used or replaced, IdentityExhausted when its attempts are used up, IdentityRefused when there is none, UnknownName
    for a check that is not this ticket's, IllegalMove for a closed ticket. No message says how near an answer was.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        check = _code_check(session, ticket_id, check_id)
        _require_open(check, ticket_id, now)
        _require_unidentified(row)
        check.attempts += 1
        is_right = is_right_code(ticket_key(session, installation.kek, ticket_id), check.id, answer, check.code_seal or b"")
        if is_right:
            _pass(session, installation, row, check, actor_id, now)
        else:
            is_over = check.attempts >= installation.policy.identity_attempts
            if is_over:
                check.result, check.answered_at, check.code_seal = FAILED, now, None
                resume_clock(session, ticket_id, actor_id, now)
            data = {"check": check.id, "attempts": check.attempts, "is_over": is_over}
            note(session, ticket_id, "identity.failed", actor_id, now, data)
        settle(session, row, now)
        return is_right


def record_identity(installation: Installation, ticket_id: str, method: str, actor: str, *, version: int | None = None) -> None:
    """Note that the person's identity was checked by `method` outside of this program; no document is taken in.

    Raises BadInput for an unknown method, IllegalMove when the identity is established already, TicketChanged.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id, version=version)
        actor_id = actor_id_for(session, actor, now)
        _require_unidentified(row)
        pass_check(session, installation, row, method, actor_id, now)
        settle(session, row, now)


def pass_check(session: Session, installation: Installation, row: TicketRow, method: str, actor_id: str, now: datetime) -> None:
    """Store a passed check in the caller's transaction, and move on when its level is enough."""
    require_method(method)
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
    ticket, _ = required(latest_record(session, row.id, Ticket), "ticket", row.id)
    level = shown_level(check.method, ticket.identifiers)
    check.result, check.level, check.answered_at, check.code_seal = PASSED, level, now, None
    session.flush()
    data = {"check": check.id, "method": check.method, "level": check.level}
    if not is_identified(session, ticket):
        # A check that shows too little is kept, and the ticket goes on waiting for a better one.
        note(session, row.id, "identity.insufficient", actor_id, now, data)
        count_change(session, row)
        return
    end_open_checks(session, row.id, now)
    resume_clock(session, row.id, actor_id, now)
    move(session, row, LOCATING, actor_id, now, data=data)
    restrict(session, installation, row.id, actor_id, now)


def _require_unidentified(row: TicketRow) -> None:
    if row.state not in {RECEIVED, IDENTIFYING}:
        lawful_move(row.state, IDENTIFYING, Facts())


def _require_address(session: Session, ticket_id: str) -> None:
    ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
    if all(mark.kind != "email" for mark in ticket.identifiers):
        raise BadInput(
            found=f"{ticket_id} names no e-mail address", expected="an address to send a code to", remedy="ask by another method"
        )


def _code_check(session: Session, ticket_id: str, check_id: str | None) -> IdentityCheckRow:
    """Return the named check, or the newest with a code; a check of another ticket is as unknown as one that never was."""
    checks = identity_checks(session, ticket_id)
    if check_id is not None:
        for check in checks:
            if check.id == check_id:
                return check
        raise UnknownName("identity check", "", (), f"rtbf show {ticket_id}")
    with_code = [check for check in checks if check.method == CODE_METHOD]
    if not with_code:
        raise IdentityRefused(found="no one-time code", expected="a code that was sent", remedy=_ask_again(ticket_id))
    # Two questions of one instant have no order of their own, but at most one of them is open.
    return next((check for check in with_code if check.result == OPEN), with_code[-1])


def _require_open(check: IdentityCheckRow, ticket_id: str, now: datetime) -> None:
    if check.method != CODE_METHOD:
        raise IdentityRefused(
            found=f"a check by {check.method}",
            expected="one that is answered by a code",
            remedy=f"an officer notes how it ended: `rtbf identify {ticket_id} record --method {check.method}`",
        )
    if check.result == FAILED:
        raise IdentityExhausted(found="a code that was answered wrongly too often", expected="a fresh code", remedy=_ask_again(ticket_id))
    if check.result != OPEN or check.code_seal is None or (check.expires_at is not None and check.expires_at <= now):
        raise IdentityExpired(
            found="a code that was used or replaced, or whose time is over", expected="the newest code", remedy=_ask_again(ticket_id)
        )


def _ask_again(ticket_id: str) -> str:
    return f"ask again: `rtbf identify {ticket_id} ask --method {CODE_METHOD} --doubt CODE`"
