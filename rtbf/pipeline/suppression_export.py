"""Hand the suppression list to pipelines without access to the database, signed; and take such a list up, offline.

An export is a DSSE envelope signed with the report key. Whoever filters with it needs the key file of the list as well and
the trust file; without the key the tokens are random numbers. It holds the persons of closed and of open tickets as they
were when it was made: a list that is a week old lets pass whoever came since.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from rtbf.clock import parse_rfc3339
from rtbf.errors import BadInput, SuppressionListUnavailable
from rtbf.evidence.canonical import digest_bytes
from rtbf.evidence.dsse import open_envelope, pae, sign_envelope
from rtbf.evidence.keys import REPORT_SIGNER, key_id
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.trust_file import public_key, read_trust
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event
from rtbf.store.suppression import listed_tokens, usable_keys
from rtbf.vault.suppression_export import PAYLOAD_TYPE, export_bytes, export_list, read_export
from rtbf.vault.suppression_list import SuppressionList

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rtbf.evidence.trust_file import Trust, TrustedKey
    from rtbf.installation import Installation
    from rtbf.vault.suppression_export import ExportedList

_MAX_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A signed list: the envelope's bytes, when it was made, and how many tokens it holds."""

    envelope: bytes
    created_at: datetime
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenUp:
    """An export that was believed, ready to check with."""

    listed: SuppressionList
    created_at: datetime
    tokens: int


def export_suppression(installation: Installation, actor: str) -> Export:
    """Return the list as it is now, signed; the ledger notes its digest and how many tokens it holds."""
    now = installation.clock()
    with installation.transaction() as session:
        entries = listed_tokens(session, with_restrictions=True)
        payload = export_bytes(export_list(entries, installation.policy.phone_region, now))
        data = {"tokens": len(entries), "list": digest_bytes(payload)}
        append_event(
            session, ticket_id=None, event_type="suppression.exported",
            actor_id=actor_id_for(session, actor, now), data=data, now=now,
        )  # fmt: skip
    key = installation.signing_key
    envelope = sign_envelope(key, key_id(key.public_key()), payload, payload_type=PAYLOAD_TYPE)
    return Export(envelope=json.dumps(envelope).encode() + b"\n", created_at=now, tokens=len(entries))


def take_up_export(content: bytes, trust: bytes, keys_path: Path) -> TakenUp:
    """Return the list in a signed export after checking its signature against the trust file.

    Raises SuppressionListUnavailable for a list that cannot be believed or read, SuppressionKeyUnavailable for the key
    file, KeyDestroyed for a list of a generation that the key file no longer holds.
    """
    keys = usable_keys(keys_path)
    trouble, exported = "", None
    try:
        exported = _believed(content, read_trust(trust))
    except ValueError as refused:
        trouble = str(refused)
    except BadInput as refused:
        trouble = refused.found
    if exported is None:
        raise SuppressionListUnavailable(
            found=f"a suppression list that is not believed ({trouble})",
            expected="an export signed by a report signer of the trust file",
            remedy="export it anew (`rtbf suppress export`), and take the trust file from whoever runs rtbf; nothing was let through",
        )
    listed = SuppressionList(exported.entries, keys, exported.phone_region)
    return TakenUp(listed=listed, created_at=exported.created_at, tokens=len(exported.entries))


def _believed(content: bytes, trust: Trust) -> ExportedList:
    """Return what a trusted key signed; raises ValueError in our own words, or BadInput for the list itself."""
    opened = open_envelope(read_strict_json(content, _MAX_BYTES))
    if opened.payload_type != PAYLOAD_TYPE:
        raise ValueError("an envelope of another type")
    signers = [
        entry
        for name, signature in opened.signatures
        for entry in trust.keys
        if entry.id == name and entry.role == REPORT_SIGNER and _is_by(entry, signature, pae(opened.payload_type, opened.payload))
    ]
    if not signers:
        raise ValueError("no signature by a report signer of the trust file")
    exported = read_export(read_strict_json(opened.payload, _MAX_BYTES))
    if not any(_counted_at(entry, exported.created_at) for entry in signers):
        raise ValueError("signed outside of the time in which the key counted")
    return exported


def _is_by(entry: TrustedKey, signature: bytes, signed: bytes) -> bool:
    try:
        public_key(entry).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _counted_at(entry: TrustedKey, instant: datetime) -> bool:
    """Return whether the key counted then. A revoked key counts for no list: whoever holds it can write any time into one."""
    if entry.revoked_at is not None or instant < parse_rfc3339(entry.not_before):
        return False
    return entry.not_after is None or instant <= parse_rfc3339(entry.not_after)
