"""Extend a ticket's deadline: the person is told why and until when, and only then is the clock extended.

Source: GDPR Art. 12(3) second and third sentence; Cal. Civ. Code § 1798.130(a)(2)(A); specs/domain.md §3, rule 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.notice.record import REQUESTER
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.letters import checked_said
from rtbf.pipeline.notices import queue_letter
from rtbf.pipeline.posting import deliver, outgoing
from rtbf.store.actors import actor_id_for
from rtbf.store.notices import QUEUED, notices_about
from rtbf.store.records import latest_record
from rtbf.store.sealed_texts import seal_text
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.deadline import require_extension_window
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.pipeline.posting import NoticeSent
    from rtbf.vault.secret import Secret

EXTENSION = "extension"


def extend_ticket(installation: Installation, ticket_id: str, code: str, text: Secret, actor: str, *, by_post: bool = False) -> NoticeSent:
    """Tell the person that the answer takes longer, and extend the clock in the transaction that marks the letter as sent.

    `text` explains the code to the person; it is sealed. Raises BadInput for a code that does not extend under the
    ticket's regime, ExtensionRefused after the deadline, a second time, or where the regime knows none; and as
    `rtbf.pipeline.posting.deliver` when the letter cannot be handed over: then nothing is extended.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        said = checked_said(ticket, EXTENSION, code, text)
        require_extension_window(clock_of(session, ticket_id, now), now)
        actor_id = actor_id_for(session, actor, now)
        # A reopened ticket has a clock of its own, and so an extension of its own.
        earlier = notices_about(session, ticket_id, EXTENSION, REQUESTER, row.open_notices_from)
        notice = queue_letter(session, installation, row, EXTENSION, said, actor_id, now, by_post=by_post, again=False)
        if said.text is not None and not any(entry.state == QUEUED for entry in earlier):
            key = ticket_key(session, installation.kek, ticket_id)
            seal_text(session, key, ticket_id, EXTENSION, said.text, now)
        letter = outgoing(session, installation, notice)
    return deliver(installation, letter, actor)
