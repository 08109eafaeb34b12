"""Gather the bundle of a ticket's newest report: its files, the ticket's events, a fresh tree head, and the proofs under it.

Signs a head over everything that was committed, so that the event which seals the report is under it; where the log key is
elsewhere, the signer's newest head has to cover it. Refuses to hand out
files that are not the issued ones (ArtefactMismatch), and a report of a version that names no tree head (IllegalMove).
Does not check what it gathers as an auditor would: `rtbf.report.check` does, on the result.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, IllegalMove
from rtbf.pipeline.ledger import consistency_of, newest_sealed, proof_in, stored_head
from rtbf.report.bundle import (
    ENVELOPE_NAME,
    EVENTS_NAME,
    HEAD_NAME,
    PDF_NAME,
    TOKEN_NAME,
    TRUST_NAME,
    VERIFY_NAME,
    consistency_name,
    proof_name,
)
from rtbf.report.predicate import PREDICATE_TYPE
from rtbf.report.predicate_v3 import PREDICATE_TYPE_V3
from rtbf.report.predicate_v4 import PREDICATE_TYPE_V4
from rtbf.report.predicate_v5 import PREDICATE_TYPE_V5
from rtbf.report.verify_text import VERIFY_TEXT
from rtbf.store.events import ticket_leaves
from rtbf.ticket_view import report_folder, view_ticket

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.report.record import Report


def bundle_of(installation: Installation, ticket_id: str) -> dict[str, bytes]:
    """Return name → content of the bundle of the ticket's newest report.

    Raises IllegalMove without a report, or with one of an earlier version; ArtefactMismatch when a file is not the issued one;
    LedgerForked or LedgerBroken when no head can be signed, or no proof be made.
    """
    folder = report_folder(installation, ticket_id)
    report = view_ticket(installation, ticket_id).report
    assert report is not None  # report_folder has refused
    envelope = _issued(folder / ENVELOPE_NAME, report.envelope_sha256)
    named_size = _tree_size(envelope, ticket_id)
    files = {ENVELOPE_NAME: envelope, TRUST_NAME: installation.trust_bytes, VERIFY_NAME: VERIFY_TEXT}
    if report.pdf_sha256 is not None:
        files[PDF_NAME] = _issued(folder / PDF_NAME, report.pdf_sha256)
    # A token that came later is named by an event of its own, which the checker compares; a sealed one by the record.
    if report.token_sha256 is not None:
        files[TOKEN_NAME] = _issued(folder / TOKEN_NAME, report.token_sha256)
    elif (folder / TOKEN_NAME).exists():
        files[TOKEN_NAME] = (folder / TOKEN_NAME).read_bytes()
    return files | _ledger_part(installation, report, named_size)


def _ledger_part(installation: Installation, report: Report, named_size: int) -> dict[str, bytes]:
    note = newest_sealed(installation)
    size = 0 if note is None else stored_head(note).size
    with installation.transaction() as session:
        leaves = ticket_leaves(session, report.ticket_id, size)
    sealing = (event["data"] for event in map(json.loads, leaves) if event["type"] == "report.sealed")
    if note is None or report.report_id not in {told["report"] for told in sealing}:
        raise IllegalMove(
            found=f"no signed head that covers the report {report.report_id}",
            expected="one by the signer, who is not this process",
            remedy="wait for the signer's next round, or run `rtbf log head --sign` where the log key is",
        )
    files = {HEAD_NAME: note.encode()}
    with installation.transaction() as session:
        for leaf in leaves:
            idx: int = json.loads(leaf)["idx"]
            files[proof_name(idx)] = proof_in(session, idx, note).encode()
    files[EVENTS_NAME] = b"".join(leaf + b"\n" for leaf in leaves)
    files[consistency_name(named_size, size)] = consistency_of(installation, named_size, size).encode()
    return files


def _tree_size(envelope: bytes, ticket_id: str) -> int:
    """Return the size of the tree that the report names. The bytes are our own: their digest was checked."""
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    if statement["predicateType"] not in {PREDICATE_TYPE, PREDICATE_TYPE_V5, PREDICATE_TYPE_V4, PREDICATE_TYPE_V3}:
        raise IllegalMove(
            found=f"a report on {ticket_id} of an earlier version, which names no tree head",
            expected="a report of the third version or a later one",
            remedy="hand out the envelope alone, which stays checkable, or issue the report anew",
        )
    size: int = statement["predicate"]["trail"]["tree_size"]
    return size


def _issued(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactMismatch(
            found=f"a {path.name} that is missing or not the one issued",
            expected=f"sha256:{sha256}",
            remedy="restore the home's reports from a backup; nothing was handed out",
        )
    return content
