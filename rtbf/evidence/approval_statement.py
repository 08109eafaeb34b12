"""An approval as bytes that the approver signs: which ticket, which plan digest, yes or no, who, when, until when.

The envelope is DSSE with a payload type of its own, so no approval can pass for a report or the other way round. The
payload is the RFC 8785 form of the statement and is compared whole: what it says must be exactly what is expected.
Proves that the holder of the key said yes (or no) to this digest in the name of this actor. The time is the signer's own
word. Does not prove that the key is this person's: that is the trust file's part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import InvalidSignature

from rtbf.errors import SignatureRefused
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import OpenedEnvelope, open_envelope, pae, sign_envelope
from rtbf.evidence.keys import key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

APPROVAL_TYPE = "application/vnd.rtbf.approval+json"
STATEMENT_VERSION = "rtbf.approval/1"
MAX_ENVELOPE_BYTES = 8192

Decision = Literal["approve", "reject"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalClaim:
    """What is signed. Times are RFC 3339 texts in UTC with milliseconds, as `rtbf.clock.rfc3339` writes them."""

    ticket_id: str
    plan_digest: str
    decision: Decision
    actor_id: str
    given_at: str
    expires_at: str


def approval_statement(claim: ApprovalClaim) -> bytes:
    """Return the canonical bytes that stand for the claim."""
    return canonical_bytes(
        {
            "actor": claim.actor_id,
            "decision": claim.decision,
            "expires_at": claim.expires_at,
            "given_at": claim.given_at,
            "plan": claim.plan_digest,
            "ticket": claim.ticket_id,
            "version": STATEMENT_VERSION,
        }
    )


def sign_approval(key: Ed25519PrivateKey, claim: ApprovalClaim) -> bytes:
    """Return the canonical bytes of the envelope over the claim, signed with the approver's own key."""
    signer = key_id(key.public_key())
    return canonical_bytes(sign_envelope(key, signer, approval_statement(claim), payload_type=APPROVAL_TYPE))


def verify_approval(envelope: bytes, key: Ed25519PublicKey, expected: ApprovalClaim) -> None:
    """Return when `key` signed exactly the expected claim; raises SignatureRefused naming the first point that differs."""
    opened = _opened(envelope)
    if opened.payload_type != APPROVAL_TYPE:
        raise _refused("a signed document of another type", APPROVAL_TYPE)
    if len(opened.signatures) != 1:
        raise _refused(f"{len(opened.signatures)} signatures", "exactly one")
    signer, signature = opened.signatures[0]
    if signer != key_id(key):
        raise _refused("a signature by another key", "the approver's registered key")
    try:
        key.verify(signature, pae(opened.payload_type, opened.payload))
    except InvalidSignature:
        raise _refused("a signature that does not fit these bytes", "the bytes that were signed") from None
    if opened.payload != approval_statement(expected):
        raise _refused(f"a signature over {_difference(opened.payload, expected)}", "a signature over this very approval")


def _opened(envelope: bytes) -> OpenedEnvelope:
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise _refused(f"an approval envelope of {len(envelope)} bytes", f"at most {MAX_ENVELOPE_BYTES}")
    try:
        read = json.loads(envelope)
        opened = open_envelope(read)
        is_canonical = canonical_bytes(read) == envelope
    except (ValueError, RecursionError):
        raise _refused("an approval envelope that is no DSSE envelope", "one as rtbf signs it") from None
    if not is_canonical:
        raise _refused("an approval envelope that is not in canonical form", "the bytes as they were signed")
    return opened


def _difference(payload: bytes, expected: ApprovalClaim) -> str:
    """Return which part of the signed claim is not the expected one, without its value."""
    try:
        said, wanted = json.loads(payload), json.loads(approval_statement(expected))
    except (ValueError, RecursionError):
        return "something that is no approval"
    if not isinstance(said, dict) or set(said) != set(wanted):
        return "something that is no approval of this version"
    differing = [name for name in sorted(wanted) if said[name] != wanted[name]]
    return f"another {', '.join(differing)}" if differing else "another form of the statement"


def _refused(found: str, expected: str) -> SignatureRefused:
    return SignatureRefused(found=found, expected=expected, remedy="let the approver sign again; a signature cannot be mended or moved")
