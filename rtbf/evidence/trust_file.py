"""Read and sign the trust file: which keys count for what and when, which logs are whose, which certificates are believed.

It is a DSSE envelope over RFC 8785 bytes, signed by one root key that lives offline. The auditor pins the root's
fingerprint and the highest version seen; without a pin the file must have reached them by a path of its own, and a copy
that lies beside a report proves nothing about the report. Files of version 1 were not signed: they are read unless a
root is asked for. What an entry states is the operator's word; the signature shows only that the root said so. That a
file has expired is no fault of it here: the checker remarks on it.
Needs the standard library, `cryptography` and `rfc8785`. Every fault is a ValueError that repeats no content: a checker
without a good trust file cannot decide anything. Sources: evidence.md §1; DSSE v1 (secure-systems-lab).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cryptography.exceptions import InvalidSignature

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import open_envelope, pae, sign_envelope
from rtbf.evidence.keys import ROOT, WITNESS, key_id, read_spki_text
from rtbf.evidence.shape import read_shape
from rtbf.evidence.signed_note import COSIGNER_KIND, SIGNER_KIND, NoteKey
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.trust_rules import require_lawful, require_unsigned_lawful

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.rtbf.trust+json"
SCHEMA = "rtbf.trust/2"
UNSIGNED_VERSION = 1
MAX_TRUST_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustedKey:
    """One key as the file states it. Times are RFC 3339; None means no limit. `name` is a witness's, None for others.

    A key counts at an instant t when not_before <= t <= not_after. A role that is unknown here is carried and never
    trusted for anything.
    """

    id: str
    alg: str
    role: str
    spki: str
    not_before: str
    not_after: str | None
    revoked_at: str | None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LogEntry:
    """A log by its origin, the keys that sign its tree heads, and the origin that it continues after a restart."""

    origin: str
    key_ids: tuple[str, ...]
    continues: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """What one operator's trust file says. `root` and `expires` are None in unsigned files, which are of version 1.

    The log in use is the last one. Certificates are base64 of their DER form.
    """

    version: int
    issued: str
    expires: str | None
    root: str | None
    keys: tuple[TrustedKey, ...]
    logs: tuple[LogEntry, ...]
    witnesses_needed: int
    pdf_roots: tuple[str, ...]
    tsa_roots: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Body:
    """What the root signs."""

    schema: Literal["rtbf.trust/2"]
    version: int
    issued: str
    expires: str
    root: str
    keys: tuple[TrustedKey, ...]
    logs: tuple[LogEntry, ...]
    witnesses_needed: int
    pdf_roots: tuple[str, ...]
    tsa_roots: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _UnsignedKey:
    id: str
    alg: str
    role: str
    spki: str
    not_before: str
    not_after: str | None
    revoked_at: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _UnsignedBody:
    version: int
    issued: str
    keys: tuple[_UnsignedKey, ...]


def read_trust(raw: bytes, *, root: str | None = None, min_version: int | None = None) -> Trust:
    """Return the trust file in `raw`; raises ValueError when it is malformed, unlawful, not signed by its root, or too old.

    `root` is the key id that the auditor pins: a file of another root, or an unsigned one, is refused then.
    `min_version` is the highest version that the auditor has seen.
    Proves, with `root` given: that the holder of this root key issued the file. Does not prove that it is the newest.
    """
    value: Any = read_strict_json(raw, MAX_TRUST_BYTES)
    trust = _signed(raw, value) if isinstance(value, dict) and "payload" in value else _unsigned(value)
    if root is not None and trust.root is None:
        raise ValueError("a trust file that nobody signed, though a root is asked for")
    if root is not None and trust.root != root:
        raise ValueError("a trust file of another root than the one asked for")
    if min_version is not None and trust.version < min_version:
        raise ValueError(f"a trust file of version {trust.version}, older than version {min_version}")
    return trust


def sign_trust(trust: Trust, root_key: Ed25519PrivateKey) -> bytes:
    """Return the signed file; raises ValueError when the key is not the file's root, or the file would not be read back."""
    signer = key_id(root_key.public_key())
    if trust.root != signer:
        raise ValueError("a root key that is not the one the trust file names")
    return canonical_bytes(sign_envelope(root_key, signer, draft_bytes(trust), payload_type=PAYLOAD_TYPE))


def draft_bytes(trust: Trust) -> bytes:
    """Return what is to be signed, not yet signed; raises ValueError when a rule of the trust file is broken."""
    require_lawful(trust)
    return canonical_bytes({"schema": SCHEMA, **dataclasses.asdict(trust)})


def read_draft(raw: bytes) -> Trust:
    """Return a trust file that waits for its root's signature; raises ValueError. Nothing of it is to be believed."""
    return _body(raw)


def public_key(entry: TrustedKey) -> Ed25519PublicKey:
    """Return the entry's key; raises ValueError when it is no Ed25519 key or not the one that its id names."""
    return read_spki_text(entry.spki, entry.id)


def note_keys(trust: Trust, origin: str) -> tuple[NoteKey, ...]:
    """Return the keys that count under a tree head of this log: its own signers, and every witness. Revoked ones do not.

    Signers whose window is over are among them: a tree head states no time, and old ones must stay good. Empty for a log
    that the file does not name, but for the witnesses.
    """
    of_log = {key for log in trust.logs if log.origin == origin for key in log.key_ids}
    living = [entry for entry in trust.keys if entry.revoked_at is None]
    signers = [NoteKey(name=origin, kind=SIGNER_KIND, key=public_key(entry)) for entry in living if entry.id in of_log]
    witnesses = [
        NoteKey(name=entry.name, kind=COSIGNER_KIND, key=public_key(entry))
        for entry in living
        if entry.role == WITNESS and entry.name is not None
    ]
    return (*signers, *witnesses)


def _signed(raw: bytes, value: dict[str, Any]) -> Trust:
    """Return the file after the steps that follow from its signature.

    1. The envelope is in canonical form, of our type, with one signature.
    2. The payload is canonical, of the known shape, and keeps the rules (`trust_rules`).
    3. The signature is by the key that the file names as its root.
    """
    # 1.
    opened = open_envelope(value)
    if canonical_bytes(value) != raw:
        raise ValueError("a trust file that is not in canonical form")
    if opened.payload_type != PAYLOAD_TYPE:
        raise ValueError("a signed document that is no trust file")
    if len(opened.signatures) != 1:
        raise ValueError(f"a trust file with {len(opened.signatures)} signatures instead of one")
    # 2. Read before it is verified, because the root's key stands in it; nothing is returned before step 3.
    trust = _body(opened.payload)
    # 3.
    signer, signature = opened.signatures[0]
    if signer != trust.root:
        raise ValueError("a trust file that another key than its root signed")
    entry = next(entry for entry in trust.keys if entry.id == trust.root and entry.role == ROOT)
    try:
        public_key(entry).verify(signature, pae(opened.payload_type, opened.payload))
    except InvalidSignature:
        raise ValueError("a trust file whose root's signature does not fit") from None
    return trust


def _body(payload: bytes) -> Trust:
    value = read_strict_json(payload, MAX_TRUST_BYTES)
    body = read_shape(_Body, value)
    if canonical_bytes(value) != payload:
        raise ValueError("a trust file whose content is not in canonical form")
    fields = {field.name: getattr(body, field.name) for field in dataclasses.fields(Trust)}
    trust = Trust(**fields)
    require_lawful(trust)
    return trust


def _unsigned(value: Any) -> Trust:  # noqa: ANN401 - untrusted JSON
    if isinstance(value, dict) and value.get("version") != UNSIGNED_VERSION:
        raise ValueError(f"an unsigned trust file of another version than {UNSIGNED_VERSION}")
    body = read_shape(_UnsignedBody, value)
    keys = tuple(
        TrustedKey(
            id=entry.id, alg=entry.alg, role=entry.role, spki=entry.spki,
            not_before=entry.not_before, not_after=entry.not_after, revoked_at=entry.revoked_at,
        )
        for entry in body.keys
    )  # fmt: skip
    trust = Trust(
        version=body.version, issued=body.issued, expires=None, root=None, keys=keys,
        logs=(), witnesses_needed=0, pdf_roots=(), tsa_roots=(),
    )  # fmt: skip
    require_unsigned_lawful(trust)
    return trust
