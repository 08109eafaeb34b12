"""Step 3: one Ed25519 signature over the PAE by a report signer of the trust file; from here on only verified bytes are read.

Algorithm and role come from the trust file, never from the envelope. Does not prove when it was signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from rtbf.evidence.dsse import PAYLOAD_TYPE, pae
from rtbf.evidence.keys import REPORT_SIGNER
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.trust_file import public_key
from rtbf.report.bundle import MAX_ENVELOPE_BYTES
from rtbf.report.check.handed import Misfit, Seen, Undecided
from rtbf.report.check.versions import SHAPES
from rtbf.report.predicate import STATEMENT_TYPE

if TYPE_CHECKING:
    from typing import Any

    from rtbf.evidence.dsse import OpenedEnvelope
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "a signed in-toto statement"
KNOWN = tuple(SHAPES)


def check(_handed: Handed, found: Found) -> Seen:
    """Verify the signature and read the statement; raises Misfit, or Undecided for a version that is unknown here."""
    opened = found.opened
    if len(opened.signatures) != 1:
        raise Misfit(f"{len(opened.signatures)} signatures", "exactly one")
    key_name, signature = opened.signatures[0]
    entry = next((entry for entry in found.trust.keys if entry.id == key_name), None)
    if entry is None:
        raise Misfit("a signature by a key that the trust file does not name", "a report signer of the trust file")
    if entry.alg != "ed25519" or entry.role != REPORT_SIGNER:
        raise Misfit("a key without the right to sign reports", f"alg ed25519 and role {REPORT_SIGNER}")
    try:
        key = public_key(entry)
    except ValueError as refused:
        raise Undecided(str(refused), "an Ed25519 key under its own digest") from None
    try:
        key.verify(signature, pae(opened.payload_type, opened.payload))
    except InvalidSignature:
        raise Misfit("a signature that does not fit these bytes", "the bytes that were signed") from None
    found.statement = _statement(opened)
    found.signer = entry
    return Seen(is_decided=True, detail=f"Ed25519 by {entry.id}")


def _statement(opened: OpenedEnvelope) -> dict[str, Any]:
    if opened.payload_type != PAYLOAD_TYPE:
        raise Misfit("a signed document of another type", PAYLOAD_TYPE)
    try:
        statement = read_strict_json(opened.payload, MAX_ENVELOPE_BYTES)
    except ValueError as refused:
        raise Misfit(f"a signed payload that is {refused}", "strict JSON") from None
    if not isinstance(statement, dict):
        raise Misfit("a signed payload that is no object", "an in-toto statement")
    if statement.get("_type") != STATEMENT_TYPE or statement.get("predicateType") not in KNOWN:
        raise Undecided("a statement of a type or version unknown here", f"{STATEMENT_TYPE} with {' or '.join(KNOWN)}")
    return statement
