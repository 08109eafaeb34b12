"""Place and release legal holds; every open ticket that one touches is looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.pipeline.moves import settle
from rtbf.plan.holds import Hold, new_hold
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.events import append_event
from rtbf.store.holds import add_hold, all_holds, release_hold
from rtbf.store.tickets import lock_open_tickets
from rtbf.ticket.codes import require_code

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow


def place_hold(
    installation: Installation,
    *,
    scope_kind: str,
    scope: str,
    regime: str,
    ground: str,
    authority_ref: str,
    until: datetime | None,
    actor: str,
) -> Hold:
    """Place a hold from now on; `ground` is an exemption code of `regime`. Raises BadInput for a scope, ground or end that cannot be."""
    now = installation.clock()
    code = require_code(regime, "exemption", ground).code
    hold = new_hold(
        hold_id=new_id("hld"), scope_kind=scope_kind, scope=scope, ground=code, authority_ref=authority_ref, since=now, until=until
    )
    with installation.transaction() as session:
        touched = lock_open_tickets(session)
        actor_id = actor_id_for(session, actor, now)
        add_hold(session, hold, actor_id)
        data = {"hold": hold.hold_id, "scope_kind": hold.scope_kind, "ground": code}
        append_event(session, ticket_id=None, event_type="hold.placed", actor_id=actor_id, data=data, now=now)
        _look_again(session, touched, now)
    return hold


def lift_hold(installation: Installation, hold_id: str, actor: str) -> Hold:
    """Release a hold; what it kept back of open tickets may then be erased. A second release changes nothing. Raises UnknownName."""
    now = installation.clock()
    with installation.transaction() as session:
        touched = lock_open_tickets(session)
        actor_id = actor_id_for(session, actor, now)
        was_released = any(hold.hold_id == hold_id and hold.released_at is not None for hold in all_holds(session))
        hold = release_hold(session, hold_id, actor_id, now)
        if was_released:
            return hold
        append_event(session, ticket_id=None, event_type="hold.released", actor_id=actor_id, data={"hold": hold_id}, now=now)
        _look_again(session, touched, now)
    return hold


def _look_again(session: Session, touched: Sequence[TicketRow], now: datetime) -> None:
    for row in touched:
        settle(session, row, now)
