"""Place and release legal holds; every open ticket that one touches is looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.pipeline.moves import settle
from rtbf.plan.holds import Hold, new_hold
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.events import append_event
from rtbf.store.holds import add_hold, release_hold
from rtbf.store.tickets import list_tickets
from rtbf.ticket.codes import require_code
from rtbf.ticket.lifecycle import CLOSED

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation


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
        actor_id = actor_id_for(session, actor, now)
        add_hold(session, hold, actor_id)
        data = {"hold": hold.hold_id, "scope_kind": hold.scope_kind, "ground": code}
        append_event(session, log=installation.log, ticket_id=None, event_type="hold.placed", actor_id=actor_id, data=data, now=now)
        _look_again(session, now)
    return hold


def lift_hold(installation: Installation, hold_id: str, actor: str) -> Hold:
    """Release a hold; what it kept back of open tickets may then be erased. Raises UnknownName."""
    now = installation.clock()
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, now)
        hold = release_hold(session, hold_id, actor_id, now)
        append_event(
            session, log=installation.log, ticket_id=None, event_type="hold.released", actor_id=actor_id, data={"hold": hold_id}, now=now
        )
        _look_again(session, now)
    return hold


def _look_again(session: Session, now: datetime) -> None:
    for row in list_tickets(session):
        if row.state != CLOSED:
            settle(session, row, now)
