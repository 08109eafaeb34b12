"""Changes of a trust file as values: each function returns the file as it would be, and nothing is signed here.

A change only adds: keys stay for ever, windows are only closed, the first revocation stands, and the version grows.
`require_successor` holds a whole change to that before the root signs it, so that no old report loses its key.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.evidence.canonical import digest_bytes
from rtbf.evidence.keys import LOG_SIGNER, ROOT, key_id, spki_text
from rtbf.evidence.strict_base64 import base64_text, read_base64
from rtbf.evidence.trust_file import LogEntry, Trust, TrustedKey
from rtbf.evidence.trust_rules import ALGORITHM, FIRST_SIGNED_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VALID_FOR = timedelta(days=730)
"""Two years from issue: an auditor who meets an older file asks for a fresh one."""


def first_trust(root: Ed25519PublicKey, now: datetime) -> Trust:
    """Return a file that names its root and nothing else."""
    return Trust(
        version=FIRST_SIGNED_VERSION, issued=rfc3339(now), expires=rfc3339(now + VALID_FOR), root=key_id(root),
        keys=(_entry(root, ROOT, now, None),), logs=(), witnesses_needed=0, pdf_roots=(), tsa_roots=(),
    )  # fmt: skip


def with_unsigned(trust: Trust, unsigned: Trust) -> Trust:
    """Return the file with the keys of an unsigned one as they stand there: windows and revocations too."""
    return replace(trust, keys=(*trust.keys, *unsigned.keys))


def with_key(trust: Trust, key: Ed25519PublicKey, role: str, now: datetime, name: str | None = None) -> Trust:
    """Return the file with a key that counts from `now`; a key that it names already stays as it is, in its role.

    A key has one role: whoever signs the reports cannot stand in for the second person.
    """
    if any(entry.id == key_id(key) for entry in trust.keys):
        return trust
    return replace(trust, keys=(*trust.keys, _entry(key, role, now, name)))


def with_end(trust: Trust, ended_id: str, now: datetime) -> Trust:
    """Return the file with a key's window closed at `now`; an earlier end stands."""
    return _changed(trust, ended_id, lambda entry: replace(entry, not_after=entry.not_after or rfc3339(now)))


def with_handover(trust: Trust, key: Ed25519PublicKey, role: str, now: datetime) -> Trust:
    """Return the file in which the role's keys end at `now` and this key begins; a log signer signs for the log in use.

    A key that the file names already changes nothing: the handover was made before.
    """
    if any(entry.id == key_id(key) for entry in trust.keys):
        return trust
    for entry in trust.keys:
        trust = with_end(trust, entry.id, now) if entry.role == role else trust
    trust = with_key(trust, key, role, now)
    return with_log_key(trust, key_id(key)) if role == LOG_SIGNER else trust


def handed_over_at(draft: Trust, in_force: Trust, role: str, new_id: str, now: datetime) -> Trust:
    """Return the draft with the handover to `new_id` at `now`: it was drafted at one moment, and counts from another."""
    ended = {entry.id for entry in in_force.keys if entry.role == role and entry.not_after is None}
    draft = _changed(draft, new_id, lambda entry: replace(entry, not_before=rfc3339(now)))
    for key in ended:
        draft = _changed(draft, key, lambda entry: replace(entry, not_after=rfc3339(now)))
    return draft


def with_revocation(trust: Trust, revoked_id: str, now: datetime) -> Trust:
    """Return the file with a key marked as revoked at `now`; an earlier revocation stands."""
    return _changed(trust, revoked_id, lambda entry: replace(entry, revoked_at=entry.revoked_at or rfc3339(now)))


def with_log(trust: Trust, origin: str, key: str, continues: str | None = None) -> Trust:
    """Return the file with another log, which is the one in use from then on. `key` is the id of a log signer."""
    return replace(trust, logs=(*trust.logs, LogEntry(origin=origin, key_ids=(key,), continues=continues)))


def with_log_key(trust: Trust, key: str) -> Trust:
    """Return the file with one more signer for the log in use; one that signs for it already changes nothing."""
    *earlier, last = trust.logs
    if key in last.key_ids:
        return trust
    return replace(trust, logs=(*earlier, replace(last, key_ids=(*last.key_ids, key))))


def with_certificates(trust: Trust, *, pdf_roots: Iterable[bytes] = (), tsa_roots: Iterable[bytes] = ()) -> Trust:
    """Return the file with more root certificates, DER, for printed reports and for time-stamps; known ones stay once."""
    return replace(trust, pdf_roots=_joined(trust.pdf_roots, pdf_roots), tsa_roots=_joined(trust.tsa_roots, tsa_roots))


def issued_anew(trust: Trust, after: Trust, now: datetime) -> Trust:
    """Return the file as the next version after `after`, issued at `now`."""
    return replace(trust, version=after.version + 1, issued=rfc3339(now), expires=rfc3339(now + VALID_FOR))


def require_successor(before: Trust, after: Trust) -> None:
    """Return when `after` may follow `before`; raises ValueError when it takes anything back or changes the root."""
    if after.version <= before.version or after.issued < before.issued:
        raise ValueError("a trust file that is no later one")
    if after.root != before.root:
        raise ValueError("a trust file of another root")
    later = {entry.id: entry for entry in after.keys}
    for entry in before.keys:
        found = later.get(entry.id)
        if found is None:
            raise ValueError("a trust file that lost a key")
        is_closed = entry.not_after is None or found.not_after == entry.not_after
        is_revoked = entry.revoked_at is None or found.revoked_at == entry.revoked_at
        if not is_closed or not is_revoked or replace(found, not_after=entry.not_after, revoked_at=entry.revoked_at) != entry:
            raise ValueError("a trust file that takes back what it said of a key")
    logs = after.logs[: len(before.logs)]
    kept = [(log.origin, log.continues, log.key_ids[: len(old.key_ids)]) for log, old in zip(logs, before.logs, strict=False)]
    if kept != [(log.origin, log.continues, log.key_ids) for log in before.logs]:
        raise ValueError("a trust file that takes back what it said of a log")


def changes_between(before: Trust, after: Trust) -> tuple[str, ...]:
    """Return what the second file says otherwise than the first, one line for each, for the person who signs it."""
    known = {entry.id: entry for entry in before.keys}
    lines = []
    for entry in after.keys:
        old = known.get(entry.id)
        if old is None:
            lines.append(f"{entry.role} {entry.id} counts from {entry.not_before}")
        elif old.not_after != entry.not_after:
            lines.append(f"{entry.role} {entry.id} ends at {entry.not_after}")
        if entry.revoked_at is not None and (old is None or old.revoked_at != entry.revoked_at):
            lines.append(f"{entry.role} {entry.id} is revoked at {entry.revoked_at}")
    for log in after.logs:
        if log not in before.logs:
            follows = "" if log.continues is None else f", continuing {log.continues}"
            lines.append(f"log {log.origin} is signed by {', '.join(log.key_ids)}{follows}")
    if before.witnesses_needed != after.witnesses_needed:
        lines.append(f"witnesses needed: {after.witnesses_needed}")
    lines += _certificate_lines("PDF", before.pdf_roots, after.pdf_roots)
    lines += _certificate_lines("time-stamp", before.tsa_roots, after.tsa_roots)
    return tuple(lines)


def _certificate_lines(what: str, before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    """Return what is believed and what is not any more, by the certificates' own SHA-256 fingerprints."""
    added = [f"{what} root {digest_bytes(read_base64(each))} is believed" for each in after if each not in before]
    return added + [f"{what} root {digest_bytes(read_base64(each))} is believed no more" for each in before if each not in after]


def _joined(texts: tuple[str, ...], certificates: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*texts, *(base64_text(each) for each in certificates))))


def _changed(trust: Trust, key: str, change: Callable[[TrustedKey], TrustedKey]) -> Trust:
    return replace(trust, keys=tuple(change(entry) if entry.id == key else entry for entry in trust.keys))


def _entry(key: Ed25519PublicKey, role: str, now: datetime, name: str | None) -> TrustedKey:
    return TrustedKey(
        id=key_id(key), alg=ALGORITHM, role=role, spki=spki_text(key), not_before=rfc3339(now),
        not_after=None, revoked_at=None, name=name,
    )  # fmt: skip
