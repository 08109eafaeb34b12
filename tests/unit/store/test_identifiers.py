"""A person's identifiers lie sealed, each at its own place, and open with the ticket's key alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from rtbf.errors import SealBroken, TicketShredded
from rtbf.store.identifiers import open_identifiers, open_nonces
from rtbf.store.tables import IdentifierRow
from rtbf.store.ticket_keys import destroy_ticket_key
from tests.desk import EMAIL, NAME, open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation


def test_identifiers_lie_sealed_and_open_only_with_the_vault_key(installation: Installation) -> None:
    desk = open_desk(installation)

    with installation.transaction() as session:
        opened = open_identifiers(session, installation.kek, desk.ticket_id)
        nonces = open_nonces(session, installation.kek, desk.ticket_id)

    assert [(entry.number, entry.kind, entry.value.reveal()) for entry in opened] == [(1, "name", NAME), (2, "email", EMAIL)]
    assert [len(nonce) for nonce in nonces.values()] == [16, 16]
    stored = b"".join(path.read_bytes() for path in sorted(installation.home.path.glob("rtbf.db*")))
    assert desk.ticket_id.encode() in stored
    assert not any(word in stored for word in (b"Canary", b"ines.canary"))


@pytest.mark.parametrize("column", ["value", "nonce"])
def test_a_seal_that_was_moved_to_another_row_or_ticket_does_not_open(installation: Installation, column: str) -> None:
    one, two = open_desk(installation), open_desk(installation)
    with installation.transaction() as session:
        rows = {(row.ticket_id, row.number): row for row in session.scalars(select(IdentifierRow))}
        setattr(rows[one.ticket_id, 1], column, getattr(rows[one.ticket_id, 2], column))
        setattr(rows[two.ticket_id, 1], column, getattr(rows[one.ticket_id, 1], column))

    for desk in (one, two):
        with pytest.raises(SealBroken), installation.transaction() as session:
            (open_identifiers if column == "value" else open_nonces)(session, installation.kek, desk.ticket_id)


def test_without_its_key_a_ticket_opens_no_more(installation: Installation) -> None:
    desk = open_desk(installation)

    with installation.transaction() as session:
        gone = destroy_ticket_key(session, desk.ticket_id)
        again = destroy_ticket_key(session, desk.ticket_id)

    assert (gone, again) == (True, False)
    with pytest.raises(TicketShredded), installation.transaction() as session:
        open_identifiers(session, installation.kek, desk.ticket_id)
