"""Letters to the person: looked at beforehand, sent once, and tried again when the mail server was away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import BadInput, ExtensionRefused, IllegalMove, LetterRefused, Outage
from rtbf.evidence.canonical import digest_of
from rtbf.footprint.record import Footprint
from rtbf.notice.record import REQUESTER
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.facts import facts_of
from rtbf.pipeline.letters import Said, checked_said, write_letter
from rtbf.pipeline.notice_rules import SENT_BY, require_occasion
from rtbf.pipeline.posting import POST, channel_for, deliver, drop_letter, open_letter, outgoing, seal_letter
from rtbf.pipeline.remaining import open_duties, open_remaining, open_silent
from rtbf.plan.decisions import Decisions
from rtbf.plan.record import Plan
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.identity import OPEN, identity_checks
from rtbf.store.law_tables import NoticeRow
from rtbf.store.notices import QUEUED, add_notice, find_notice, is_delivered, notices_about, notices_of, queued_notices
from rtbf.store.recipients import DUE, TOLD, all_recipients, find_duty
from rtbf.store.records import latest_record
from rtbf.store.ticket_keys import has_ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.deadline import require_extension_window
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.notice.render import Letter
    from rtbf.pipeline.identity import Asked
    from rtbf.pipeline.posting import NoticeSent, Outgoing
    from rtbf.store.tables import TicketRow
    from rtbf.vault.secret import Secret

WAITS_S = 600
"""A sweep leaves younger letters to whoever wrote them and is sending them; ten times the longest wait for a mail server."""

_RESTS_ON_RECORDS = frozenset({"fulfilment", "partial", "refusal", "no_data"})


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeSeen:
    """One letter without its words. `to` is "requester" or a recipient's name; `state` as in the store's notices."""

    notice_id: str
    kind: str
    to: str
    locale: str
    template_digest: str
    channel: str
    code: str | None
    state: str
    written_at: datetime
    sent_at: datetime | None


def ticket_notices(installation: Installation, ticket_id: str) -> tuple[NoticeSeen, ...]:
    """Return the ticket's letters, oldest first; raises UnknownName."""
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        names = {recipient.id: recipient.name for recipient in all_recipients(session)}
        return tuple(
            NoticeSeen(
                notice_id=row.id,
                kind=row.kind,
                to=names.get(row.to, row.to),
                locale=row.locale,
                template_digest=row.template_digest,
                channel=row.channel,
                code=row.code,
                state=row.state,
                written_at=row.created_at,
                sent_at=row.sent_at,
            )
            for row in notices_of(session, ticket_id)
        )


def preview_notice(installation: Installation, ticket_id: str, kind: str, *, code: str | None = None, text: Secret | None = None) -> Letter:
    """Return the letter that `send_notice` (or, for an extension, `extend_ticket`) would send now; changes nothing."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        if kind in SENT_BY and kind != "extension":
            raise _not_by_itself(kind)
        # What a letter tells of is opened with it, so a preview opens it too and takes it back.
        with session.begin_nested() as trial:
            said = checked_said(ticket, kind, code, text)
            notice = queue_letter(session, installation, row, kind, said, ticket.submitted_by, now, by_post=False, again=True)
            letter = open_letter(session, installation, notice)
            trial.rollback()
    return letter


def send_notice(
    installation: Installation,
    ticket_id: str,
    kind: str,
    actor: str,
    *,
    code: str | None = None,
    text: Secret | None = None,
    by_post: bool = False,
    again: bool = False,
) -> NoticeSent:
    """Send a letter to the person, or print it when `by_post` or when no e-mail address is known.

    code, text   a refusal's reason as a whole, and its explanation; `unverified` takes a text of its own
    again        write a new letter although one of this kind was sent, or waits to be

    A letter of this kind that waits is sent as it is. An answer stops the clock; a fulfilment and a confirmed
    withdrawal close the ticket with it. Raises IllegalMove when it would not be true, or was sent already; BadInput for a
    code or text that cannot be; LetterIncomplete naming the setting that is missing; and as `deliver`.
    """
    if kind in SENT_BY:
        raise _not_by_itself(kind)
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        actor_id = actor_id_for(session, actor, now)
        said = checked_said(ticket, kind, code, text)
        notice = queue_letter(session, installation, row, kind, said, actor_id, now, by_post=by_post, again=again)
        letter = outgoing(session, installation, notice)
    return deliver(installation, letter, actor)


def send_identity_request(installation: Installation, ticket_id: str, asked: Asked, actor: str, *, by_post: bool = False) -> NoticeSent:
    """Send the letter that asks the person to show who they are; `asked` is what `ask_identity` returned.

    A one-time code stands in this letter, sealed, and nowhere else. Raises IllegalMove when that check is not open any
    more, and as `send_notice`.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        notice = queue_letter(
            session, installation, row, "identity_request", Said(asked=asked), actor_id, now, by_post=by_post, again=False
        )
        letter = outgoing(session, installation, notice)
    return deliver(installation, letter, actor)


def send_queued(installation: Installation) -> int:
    """Send the letters that have waited for ten minutes or longer, and drop those that are not true any more; return how many left.

    A mail server that does not answer ends the round: the rest waits for the next one.
    """
    with installation.transaction() as session:
        waiting = queued_notices(session, installation.clock() - timedelta(seconds=WAITS_S))
    sent = 0
    for ticket_id, notice_id in waiting:
        letter = _taken_up(installation, ticket_id, notice_id)
        if letter is None:
            continue
        try:
            deliver(installation, letter, None)
        except LetterRefused:
            # Marked as failed: a person has to find another way.
            continue
        except Outage:
            break
        sent += 1
    return sent


def queue_letter(
    session: Session,
    installation: Installation,
    row: TicketRow,
    kind: str,
    said: Said,
    actor_id: str,
    now: datetime,
    *,
    by_post: bool,
    again: bool,
    to: str = REQUESTER,
) -> NoticeRow:
    """Return the queued letter to send, in the caller's transaction: the one that waits, or a new one.

    Raises IllegalMove when it would not be true, was sent already, or another one waits; see `send_notice`.
    """
    require_occasion(
        kind, row.state, facts_of(session, row, None, now), has_code=said.code is not None or _waits_with_code(session, row, kind)
    )
    basis = _basis(session, row, kind, said)
    earlier = notices_about(session, row.id, kind, to, row.open_notices_from if to == REQUESTER else None)
    for notice in earlier:
        if notice.state == QUEUED and (again or notice.basis != basis):
            drop_letter(session, installation, notice, actor_id, now)
        elif notice.state == QUEUED:
            _require_same(session, installation, row, notice, said)
            notice.channel = channel_for(session, installation, row.id, to, by_post=by_post or notice.channel == POST)
            session.flush()
            return notice
    # Each identity check has a request of its own; every other kind is one letter.
    sent = [notice for notice in earlier if is_delivered(notice) and (kind != "identity_request" or notice.basis == basis)]
    if sent and not again:
        raise IllegalMove(
            found=f"a second letter of kind '{kind}'",
            expected=f"one; it was sent on {rfc3339(sent[-1].sent_at or sent[-1].created_at)}",
            remedy="write another one with --again, if the person needs it",
        )
    if kind in {"fulfilment", "partial"}:
        open_remaining(session, installation, row, actor_id, now)
        open_duties(session, row, actor_id, now)
        open_silent(session, installation, row, actor_id, now)
    letter = write_letter(session, installation, row, kind, said, now, locale=None if to == REQUESTER else installation.policy.locale)
    notice = NoticeRow(
        id=new_id("ntc"), ticket_id=row.id, kind=kind, locale=letter.locale, template_digest=letter.template_digest,
        channel=channel_for(session, installation, row.id, to, by_post=by_post), to=to, code=said.code, basis=basis, state=QUEUED,
        actor_id=actor_id, created_at=now,
    )  # fmt: skip
    seal_letter(session, installation, notice, letter)
    add_notice(session, notice)
    return notice


def _require_same(session: Session, installation: Installation, row: TicketRow, notice: NoticeRow, said: Said) -> None:
    """Return when a waiting letter says what is asked for this time; asked without code and words, it does."""
    is_same = said.code in {None, notice.code}
    if is_same and said.text is not None:
        anew = write_letter(session, installation, row, notice.kind, said, notice.created_at)
        is_same = anew.body.reveal() == open_letter(session, installation, notice).body.reveal()
    if not is_same:
        raise IllegalMove(
            found=f"a letter of kind '{notice.kind}' that says something else, while one waits since {rfc3339(notice.created_at)}",
            expected="one letter: the one that waits may have left already",
            remedy="send that one (without code and text), or write it anew with --again",
        )


def _waits_with_code(session: Session, row: TicketRow, kind: str) -> bool:
    waiting = [entry for entry in notices_about(session, row.id, kind, REQUESTER, row.open_notices_from) if entry.state == QUEUED]
    return any(notice.code is not None for notice in waiting)


def _basis(session: Session, row: TicketRow, kind: str, said: Said) -> str | None:
    """Return what the letter is true of: when this changes before it leaves, it is not sent."""
    if kind == "identity_request":
        return None if said.asked is None else said.asked.check_id
    if kind not in _RESTS_ON_RECORDS:
        return None
    found = (
        latest_record(session, row.id, Footprint),
        latest_record(session, row.id, Decisions),
        latest_record(session, row.id, Plan),
        latest_record(session, row.id, Verification),
    )
    return digest_of([row.attempt, *(None if record is None else record[1] for record in found)])


def _taken_up(installation: Installation, ticket_id: str, notice_id: str) -> Outgoing | None:
    """Return a waiting letter that is still true; one that is not is dropped, and None returned."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        notice = find_notice(session, notice_id)
        if notice.state != QUEUED:
            return None
        if not has_ticket_key(session, ticket_id) or not _is_still_true(session, row, notice, now):
            drop_letter(session, installation, notice, notice.actor_id, now)
            return None
        return outgoing(session, installation, notice)


def _is_still_true(session: Session, row: TicketRow, notice: NoticeRow, now: datetime) -> bool:
    if notice.to != REQUESTER:
        duty = find_duty(session, row.id, notice.to)
        return duty is not None and duty.state in {DUE, TOLD}
    if notice.kind == "identity_request":
        checks = [check for check in identity_checks(session, row.id) if check.id == notice.basis]
        return any(check.result == OPEN and (check.expires_at is None or check.expires_at > now) for check in checks)
    try:
        require_occasion(notice.kind, row.state, facts_of(session, row, None, now), has_code=notice.code is not None)
        if notice.kind == "extension":
            require_extension_window(clock_of(session, row.id, now), now)
    except (IllegalMove, ExtensionRefused):
        return False
    return notice.basis == _basis(session, row, notice.kind, Said())


def _not_by_itself(kind: str) -> BadInput:
    return BadInput(found=f"a letter of kind '{kind}' by itself", expected="the step that it belongs to", remedy=SENT_BY[kind])
