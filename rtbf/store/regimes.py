"""Regime packs as tickets came in under them: the law that a ticket is worked under does not change with our release."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.store.law_tables import RegimePackRow
from rtbf.ticket.regime import Regime

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def keep_regime(session: Session, regime: Regime) -> str:
    """Store the pack unless these very bytes are there; return its digest."""
    digest = regime.digest
    if session.get(RegimePackRow, digest) is None:
        # A savepoint, because on PostgreSQL another transaction may store the pack between the look and the insert.
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(RegimePackRow(digest=digest, name=regime.name, body=canonical_bytes(regime)))
    return digest


def kept_regime(session: Session, digest: str) -> Regime:
    """Return the pack by its digest; raises RecordBroken when it is missing or was changed."""
    row = session.get(RegimePackRow, digest)
    if row is None or digest_bytes(row.body) != digest:
        raise RecordBroken(
            found="a regime pack that is missing or was changed", expected=digest, remedy="restore the database from a backup"
        )
    return _read(row.body)


@functools.cache
def _read(body: bytes) -> Regime:
    return TypeAdapter(Regime).validate_json(body)
