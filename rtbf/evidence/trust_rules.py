"""What must hold between the parts of a trust file, signed or not, before any of it is believed.

Refuses rather than repairs: a file with one odd entry is no trust file, because two readers could repair it differently.
Does not check signatures, nor whether an entry is true. Every fault is a ValueError that repeats no content.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from cryptography.x509 import load_der_x509_certificate

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.evidence.keys import APPROVER, LOG_SIGNER, REPORT_SIGNER, ROOT, WITNESS, read_spki_text
from rtbf.evidence.strict_base64 import read_base64

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rtbf.evidence.trust_file import Trust, TrustedKey

FIRST_SIGNED_VERSION = 2
ALGORITHM = "ed25519"
KNOWN_ROLES = frozenset({ROOT, REPORT_SIGNER, APPROVER, LOG_SIGNER, WITNESS})
_NOTE_NAME = re.compile(r"[!-*,-~]{1,200}")
"""A key name of C2SP signed-note in printable ASCII: no space and no plus sign. A log's origin is its key's name."""


def require_lawful(trust: Trust) -> None:
    """Return when a signed file's content keeps every rule; raises ValueError naming the first that is broken."""
    if trust.version < FIRST_SIGNED_VERSION:
        raise ValueError(f"a signed trust file of a version before {FIRST_SIGNED_VERSION}")
    if trust.expires is None:
        raise ValueError("a signed trust file that never expires")
    for entry in trust.keys:
        _require_key(entry)
    # Ids are digests of the keys, so that no key can stand twice, under two roles.
    _require_distinct((entry.id for entry in trust.keys), "a key")
    _require_times(trust)
    _require_root(trust)
    _require_logs(trust)
    witnesses = [entry for entry in trust.keys if entry.role == WITNESS]
    if not 0 <= trust.witnesses_needed <= len(witnesses):
        raise ValueError("a trust file that asks for more witnesses than it names, or for less than none")
    for certificates in (trust.pdf_roots, trust.tsa_roots):
        _require_distinct(certificates, "a certificate")
        for text in certificates:
            _require_certificate(text)


def require_unsigned_lawful(trust: Trust) -> None:
    """Return when an unsigned file's content is usable at all; raises ValueError. Its keys are read when they are used."""
    _require_distinct((entry.id for entry in trust.keys), "a key")
    for entry in trust.keys:
        for instant in (entry.not_before, entry.not_after, entry.revoked_at):
            if instant is not None:
                _parsed(instant)


def _require_key(entry: TrustedKey) -> None:
    if entry.role not in KNOWN_ROLES:
        # Carried for a later release. Its id must still be the key's, or one key could stand under two roles.
        if "sha256:" + hashlib.sha256(read_base64(entry.spki)).hexdigest() != entry.id:
            raise ValueError("a trusted key whose id is not the digest of the key")
        return
    if entry.alg != ALGORITHM:
        raise ValueError(f"a trusted key of another algorithm than {ALGORITHM}")
    read_base64(entry.spki)
    read_spki_text(entry.spki, entry.id)
    if (entry.role == WITNESS) != (entry.name is not None):
        raise ValueError("a witness without a name, or a name for a key that is no witness's")
    if entry.name is not None and not _NOTE_NAME.fullmatch(entry.name):
        raise ValueError("a witness's name that no signed note can carry")


def _require_times(trust: Trust) -> None:
    issued, expires = _exact(trust.issued), _exact(trust.expires or "")
    if expires <= issued:
        raise ValueError("a trust file that expires before it was issued")
    for entry in trust.keys:
        since = _exact(entry.not_before)
        if entry.not_after is not None and _exact(entry.not_after) < since:
            raise ValueError("a trusted key whose window ends before it begins")
        if entry.revoked_at is not None:
            _exact(entry.revoked_at)


def _require_root(trust: Trust) -> None:
    roots = [entry for entry in trust.keys if entry.role == ROOT]
    if [entry.id for entry in roots] != [trust.root]:
        raise ValueError("a trust file that does not name exactly one root among its keys")
    (root,) = roots
    if root.revoked_at is not None:
        raise ValueError("a trust file of a root that is revoked")
    if trust.issued < root.not_before or (root.not_after is not None and trust.issued > root.not_after):
        raise ValueError("a trust file issued outside its root's window")


def _require_logs(trust: Trust) -> None:
    signers = {entry.id for entry in trust.keys if entry.role == LOG_SIGNER}
    _require_distinct((entry.origin for entry in trust.logs), "a log")
    earlier: set[str] = set()
    for log in trust.logs:
        if not _NOTE_NAME.fullmatch(log.origin):
            raise ValueError("a log's origin that no tree head can carry")
        if not log.key_ids or not set(log.key_ids) <= signers:
            raise ValueError("a log without a key, or with one that is no log signer's")
        _require_distinct(log.key_ids, "a key of a log")
        if log.continues is not None and log.continues not in earlier:
            raise ValueError("a log that continues none of the earlier ones")
        earlier.add(log.origin)
    # Two logs that continue the same one would be two histories for two auditors.
    _require_distinct((log.continues for log in trust.logs if log.continues is not None), "a log as continued")


def _require_distinct(values: Iterable[str], what: str) -> None:
    found = list(values)
    if len(set(found)) != len(found):
        raise ValueError(f"a trust file that names {what} twice")


def _require_certificate(text: str) -> None:
    try:
        load_der_x509_certificate(read_base64(text))
    except ValueError:
        raise ValueError("a certificate that cannot be read") from None


def _exact(text: str) -> str:
    """Return a time in the one form that compares as text; raises ValueError."""
    if rfc3339(_parsed(text)) != text:
        raise ValueError("a time that is not RFC 3339 in UTC with milliseconds")
    return text


def _parsed(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except (OverflowError, ValueError):
        raise ValueError("a time that is not RFC 3339") from None
