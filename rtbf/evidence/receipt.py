"""An intake receipt: the event of a request's arrival, and the proof that it is in the signed ledger.

Whoever holds it can show that the request came in, even if its ticket is dropped later. It holds no personal data.
Proves that the log stood by this event at this size. Does not prove what was done about it.
Source: evidence.md §2.3 step 4; C2SP tlog-proof.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.shape import read_shape
from rtbf.evidence.strict_json import read_strict_json

RECEIPT_SCHEMA = "rtbf.receipt/1"
MAX_RECEIPT_BYTES = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """The leaf's JSON text, and the proof's text as a `.tlog-proof` file has it."""

    schema: str
    leaf: str
    proof: str


def make_receipt(leaf: bytes, proof: str) -> Receipt:
    """Return the receipt over one leaf; ValueError when it is no text."""
    return Receipt(schema=RECEIPT_SCHEMA, leaf=leaf.decode(), proof=proof)


def receipt_bytes(receipt: Receipt) -> bytes:
    """Return the receipt's file: canonical JSON."""
    return canonical_bytes(receipt)


def read_receipt(raw: bytes) -> Receipt:
    """Return the receipt in a file, with nothing of it checked but its form; ValueError otherwise.

    How its JSON is laid out does not count, since it may have come out of an API's answer: leaf and proof are texts of their
    own, and each is checked to the byte.
    """
    receipt = read_shape(Receipt, read_strict_json(raw, MAX_RECEIPT_BYTES))
    if receipt.schema != RECEIPT_SCHEMA:
        raise ValueError("another schema than a receipt's")
    return receipt
