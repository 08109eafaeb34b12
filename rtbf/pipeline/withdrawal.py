"""A person takes a ticket back: it is confirmed by letter, and the ticket is closed with that letter.

From unlearning on there is no way back (specs/domain.md §2, rule 14): what was changed is measured and told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove
from rtbf.notice.record import REQUESTER
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.notices import send_notice
from rtbf.store.notices import is_delivered, notices_about
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import CLOSED, UNLEARNING, VERIFYING

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.pipeline.posting import NoticeSent

_KIND = "withdrawal_confirmed"


def withdraw_ticket(installation: Installation, ticket_id: str, actor: str, *, by_post: bool = False) -> NoticeSent | None:
    """Confirm the withdrawal to the person and close the ticket as `withdrawn`.

    Returns how far the letter came, or None when there is nothing left to send; run again after a crash, it ends what was
    begun. Raises IllegalMove from unlearning on and for a ticket closed otherwise; and as `rtbf.pipeline.posting.deliver` when
    the letter cannot be handed over: then the ticket stays open until it is.
    """
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if (row.state, row.outcome) == (CLOSED, "withdrawn"):
            return None
        if row.state in {UNLEARNING, VERIFYING}:
            raise IllegalMove(
                found=f"a withdrawal while the ticket is in '{row.state}'",
                expected="a ticket whose unlearning has not started",
                remedy="from unlearning on there is no way back: wait for the verdict, and tell the person what was done",
            )
        is_told = any(is_delivered(notice) for notice in notices_about(session, ticket_id, _KIND, REQUESTER, row.open_notices_from))
    if is_told:
        close_ticket(installation, ticket_id, "withdrawn", actor)
        return None
    return send_notice(installation, ticket_id, _KIND, actor, by_post=by_post)
