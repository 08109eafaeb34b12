"""Post a letter so that a crash loses none and repeats none knowingly: queued in one transaction, sent, marked in another.

1. The letter is written, sealed under the ticket's key and stored as `queued`.
2. It is handed over, outside of any transaction, under its notice's id.
3. It is marked as sent, and what follows from that is done with it: event, clock, closing, duty.
A crash between 1 and 3 leaves it queued; the next try sends this very letter under the same id, by which mail programs and the
outbox know it again. A letter that has stopped being true meanwhile is dropped, never sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rtbf.errors import LetterRefused
from rtbf.files import make_private_folder, replace_file
from rtbf.notice.message import checked_id
from rtbf.notice.record import REQUESTER
from rtbf.notice.render import Letter
from rtbf.pipeline.clock import calendar_of, extend_clock, stop_clock, suspend_clock
from rtbf.pipeline.closing import close_fulfilled, close_withdrawn
from rtbf.pipeline.facts import facts_of
from rtbf.pipeline.moves import note, settle
from rtbf.pipeline.notice_rules import CLOSES_AT_ONCE, OUTCOME_OF
from rtbf.store.actors import actor_id_for
from rtbf.store.identifiers import open_identifiers
from rtbf.store.identity import is_open_check
from rtbf.store.law_tables import NoticeRow, RecipientRow
from rtbf.store.notices import DROPPED, FAILED, QUEUED, SENT, WRITTEN, find_notice, is_delivered, notices_of
from rtbf.store.recipients import DUE, TOLD, find_duty
from rtbf.store.records import latest_record
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import open_moves
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required
from rtbf.vault.envelope import Place, place_of, seal, unseal
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.notice.record import Channel
    from rtbf.store.tables import TicketRow

POST: Channel = "post"


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeSent:
    """How far a letter came: `sent` (a server took it) or `written` (a file at `path` waits to be posted or printed)."""

    notice_id: str
    kind: str
    state: str
    channel: str
    path: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A queued letter with the address it goes to; None: it is printed, and somebody writes the address on it."""

    notice_id: str
    ticket_id: str
    letter: Letter
    address: Secret | None


def seal_letter(session: Session, installation: Installation, notice: NoticeRow, letter: Letter) -> None:
    """Keep subject and text of a letter in its notice, sealed under the ticket's key."""
    key = ticket_key(session, installation.kek, notice.ticket_id)
    notice.body = seal(key, _place(notice), f"{letter.subject}\n{letter.body.reveal()}".encode())


def open_letter(session: Session, installation: Installation, notice: NoticeRow) -> Letter:
    """Return the letter of a notice; raises TicketShredded when the ticket's key was destroyed."""
    key = ticket_key(session, installation.kek, notice.ticket_id)
    subject, _, body = unseal(key, _place(notice), notice.body or b"").decode().partition("\n")
    ticket, _ = required(latest_record(session, notice.ticket_id, Ticket), "ticket", notice.ticket_id)
    return Letter(
        kind=notice.kind,
        locale=notice.locale,
        subject=subject,
        body=Secret(body),
        template_digest=notice.template_digest,
        written_at=notice.created_at.astimezone(ZoneInfo(calendar_of(ticket).time_zone)),
    )


def channel_for(session: Session, installation: Installation, ticket_id: str, to: str, *, by_post: bool) -> str:
    """Return how a letter will leave: by the installation's sender, or printed when there is no address or `by_post` is asked."""
    return POST if by_post or _address(session, installation, ticket_id, to) is None else installation.sender.channel


def outgoing(session: Session, installation: Installation, notice: NoticeRow) -> Outgoing:
    """Return a queued letter ready to be handed over: to the recipient, or to the person's first e-mail address."""
    return Outgoing(
        notice_id=notice.id,
        ticket_id=notice.ticket_id,
        letter=open_letter(session, installation, notice),
        address=None if notice.channel == POST else _address(session, installation, notice.ticket_id, notice.to),
    )


def deliver(installation: Installation, letter: Outgoing, actor: str | None) -> NoticeSent:
    """Hand a queued letter over and mark it; `actor` None means whoever wrote it. A letter marked meanwhile stays as it is.

    Raises LetterRefused when it can never be delivered to that address (the notice is then `failed`), and an Outage such
    as MailUnreachable when another try may succeed (it stays queued, and `rtbf sweep` tries again).
    """
    try:
        state, channel, path = _hand_over(installation, letter)
    except LetterRefused:
        _mark_failed(installation, letter, actor)
        raise
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, letter.ticket_id)
        notice = find_notice(session, letter.notice_id)
        if not is_delivered(notice):
            actor_id = notice.actor_id if actor is None else actor_id_for(session, actor, now)
            notice.state, notice.channel, notice.sent_at = state, channel, now
            data = {
                "notice": notice.id,
                "kind": notice.kind,
                "locale": notice.locale,
                "template": notice.template_digest,
                "channel": channel,
            }
            data |= {"to": notice.to} | ({} if notice.code is None else {"code": notice.code})
            note(session, row.id, "notice.sent", actor_id, now, data)
            _follow(session, notice, actor_id, now)
            settle(session, row, now)
            _close_if_due(session, installation, row, notice.kind, actor_id, now)
        return NoticeSent(notice_id=notice.id, kind=notice.kind, state=notice.state, channel=notice.channel, path=path)


def drop_letter(session: Session, installation: Installation, notice: NoticeRow, actor_id: str, now: datetime) -> None:
    """Give up a queued letter that is not true any more: its text is forgotten, and its file in the outbox, if any, deleted."""
    notice.state, notice.body = DROPPED, None
    session.flush()
    note(session, notice.ticket_id, "notice.dropped", actor_id, now, {"notice": notice.id, "kind": notice.kind})
    for path in _files_of(installation, notice.id):
        path.unlink(missing_ok=True)


def letter_files(session: Session, installation: Installation, ticket_id: str) -> tuple[Path, ...]:
    """Return the files of the ticket's letters that lie in the outbox folder, in the order they were written."""
    notice_ids = [notice.id for notice in notices_of(session, ticket_id)]
    return tuple(path for notice_id in notice_ids for path in _files_of(installation, notice_id) if path.exists())


def _follow(session: Session, notice: NoticeRow, actor_id: str, now: datetime) -> None:
    """Do what a sent letter of its kind brings with it."""
    if notice.kind in OUTCOME_OF:
        stop_clock(session, notice.ticket_id, notice.id, actor_id, now)
    if notice.kind == "extension" and notice.code is not None:
        extend_clock(session, notice.ticket_id, notice.code, notice.id, actor_id, now)
    if notice.kind == "identity_request" and is_open_check(session, notice.ticket_id, notice.basis):
        # The clock waits from when the question left us, not from when somebody meant to ask.
        suspend_clock(session, notice.ticket_id, actor_id, now)
    duty = None if notice.kind != "recipient" else find_duty(session, notice.ticket_id, notice.to)
    if duty is not None and duty.state in {DUE, TOLD}:
        duty.state, duty.notice_id, duty.changed_by, duty.changed_at = TOLD, notice.id, actor_id, now
    session.flush()


def _close_if_due(session: Session, installation: Installation, row: TicketRow, kind: str, actor_id: str, now: datetime) -> None:
    """Close the ticket when this letter was all that it waited for."""
    if kind not in CLOSES_AT_ONCE:
        return
    lawful = {move.outcome for move in open_moves(row.state, facts_of(session, row, actor_id, now))}
    if OUTCOME_OF[kind] in lawful:
        close = close_fulfilled if kind == "fulfilment" else close_withdrawn
        close(session, installation, row, actor_id, now)


def _hand_over(installation: Installation, letter: Outgoing) -> tuple[str, str, Path | None]:
    """Return (state, channel, file) of a letter that left us."""
    eml, txt = _files_of(installation, letter.notice_id)
    if letter.address is None:
        if not txt.exists():
            make_private_folder(txt.parent)
            replace_file(txt, f"{letter.letter.subject}\n\n{letter.letter.body.reveal()}".encode())
        return WRITTEN, POST, txt
    state = installation.sender.send(letter.letter, letter.address, letter.notice_id)
    return (SENT if state == "sent" else WRITTEN), installation.sender.channel, eml if eml.exists() else None


def _mark_failed(installation: Installation, letter: Outgoing, actor: str | None) -> None:
    now = installation.clock()
    with installation.transaction() as session:
        notice = find_notice(session, letter.notice_id)
        if notice.state == QUEUED:
            notice.state = FAILED
            session.flush()
            actor_id = notice.actor_id if actor is None else actor_id_for(session, actor, now)
            note(session, letter.ticket_id, "notice.failed", actor_id, now, {"notice": notice.id, "kind": notice.kind})


def _address(session: Session, installation: Installation, ticket_id: str, to: str) -> Secret | None:
    if to != REQUESTER:
        contact = session.get_one(RecipientRow, to).contact
        return None if "://" in contact else Secret(contact)
    return next((entry.value for entry in open_identifiers(session, installation.kek, ticket_id) if entry.kind == "email"), None)


def _files_of(installation: Installation, notice_id: str) -> tuple[Path, Path]:
    """Return where a letter's message and its printed form lie, if they do."""
    name = checked_id(notice_id)
    return installation.home.outbox / f"{name}.eml", installation.home.outbox / f"{name}.txt"


def _place(notice: NoticeRow) -> Place:
    return place_of(notice.ticket_id, "notice", "body", notice.id)
