"""The frozen record of what was asked: one deletion ticket as it came in.

Holds no personal data: identifiers are named by number, kind and commitment; their values are sealed in the vault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = "rtbf.ticket/2"

IdentifierKind = Literal["name", "email", "phone", "account", "excerpt"]
RequesterRole = Literal["data_subject", "guardian", "authorised_agent", "controller"]
IDENTIFIER_KINDS: tuple[IdentifierKind, ...] = ("name", "email", "phone", "account", "excerpt")
STRONG_KINDS: frozenset[IdentifierKind] = frozenset({"email", "phone", "account"})
"""Kinds that belong to one person as a rule; names and excerpts are shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentifierMark:
    """One identifier without its value. `number` is its place in the ticket, from 1."""

    number: int
    kind: IdentifierKind
    commitment: str
    warnings: tuple[str, ...]
    """Codes of what an officer should look at: `mixed_scripts` (letters of several alphabets in one word look alike)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What was asked, when it was received (RFC 3339, UTC), and by whom it was submitted (opaque actor id).

    `time_zone` and `holidays` are those the installation had at intake: a later change of policy moves no deadline.
    """

    ticket_id: str
    regime: str
    regime_digest: str
    time_zone: str
    holidays: str | None
    channel: str
    requester_role: RequesterRole
    locale: str
    grounds: tuple[str, ...]
    received_at: str
    submitted_by: str
    external_ref: str | None
    models: tuple[str, ...]
    """Models the request is limited to; empty means every model of the installation."""
    identifiers: tuple[IdentifierMark, ...]
    schema: str = SCHEMA
