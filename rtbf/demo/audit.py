"""The story's last chapters: the final report as a bundle, checked as an auditor would, and tampered with before their eyes."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import canonical_bytes
from rtbf.files import make_private_folder, replace_file
from rtbf.issuing import reissue_report
from rtbf.pipeline.bundling import bundle_of
from rtbf.pipeline.reports import outdated_reports
from rtbf.report.bundle import BUNDLE_NAME, ENVELOPE_NAME, EVENTS_NAME, HANDED_OUT, PDF_NAME, write_bundle
from rtbf.report.check.run import check_bundle
from rtbf.ticket_view import view_ticket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.work_lease import WorkSettings

_CONTAINER = b"/Contents <"
"""Where the signature lies in a signed PDF; a byte before it belongs to the pages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audited:
    """Where the report was handed out to, what the checker said of it, and how many of the tampered copies it refused."""

    folder: Path
    status: str
    tampered: int
    refused: int


def hand_out(installation: Installation, ticket_id: str, folder: Path, say: Callable[[str], None], work: WorkSettings) -> dict[str, bytes]:
    """Issue the report anew if the ticket closed after it, write the bundle into `folder`, and return its files."""
    if outdated_reports(installation, ticket_id):
        report = reissue_report(installation, ticket_id, "upkeep", work=work)
        say(f"issued anew: {report.supersedes} could not know of the letter; {report.report_id} names it, and both stay")
    files = bundle_of(installation, ticket_id)
    make_private_folder(folder)
    for name, content in {**{name: files[name] for name in HANDED_OUT if name in files}, BUNDLE_NAME: write_bundle(files)}.items():
        replace_file(folder / name, content)
    events = len(files[EVENTS_NAME].splitlines())
    say(f"{BUNDLE_NAME}: the report, its PDF, {events} events, and the proof of each under a signed tree head")
    return files


def audit(installation: Installation, ticket_id: str, files: dict[str, bytes], folder: Path, say: Callable[[str], None]) -> Audited:
    """Check the bundle step by step, then each tampered copy of it; tell what the checker said."""
    trust, root = installation.trust_bytes, installation.trust.root
    view = view_ticket(installation, ticket_id)
    kind = "merged" if view.unlearned is None else view.unlearned.kind
    outcome = check_bundle(files, trust, root=root, artefact=installation.home.artefacts_of(ticket_id, view.attempt) / kind)
    for step in outcome.steps:
        say(f"{step.number:>2} {step.name:<10} {step.status}")
    say(f"the checker says: {outcome.status}; it recomputed the verdict {outcome.verdict} from the numbers")
    say("")
    say("And if somebody tampers with it?")
    refused = 0
    attacks = _attacks(files)
    for words, tampered in attacks.items():
        found = check_bundle(tampered, trust, root=root)
        refused += found.refusal is not None
        at = "accepted" if found.refusal is None else f"refused at '{found.refusal.step}'"
        say(f"{words}: {at}")
    return Audited(folder=folder, status=outcome.status, tampered=len(attacks), refused=refused)


def _attacks(files: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Return what was done → the tampered files."""
    envelope = json.loads(files[ENVELOPE_NAME])
    payload = base64.b64decode(envelope["payload"])
    flattered = payload.replace(b'"status":"INCONCLUSIVE"', b'"status":"PASS"').replace(b'"status":"FAIL"', b'"status":"PASS"')
    words = "the verdict changed to PASS"
    if flattered == payload:
        # Nothing is left to flatter in a PASS.
        words, flattered = "one measurement changed", payload.replace(b'"after":"0', b'"after":"9', 1)
    lines = files[EVENTS_NAME].splitlines(keepends=True)
    attacks = {
        words: {
            **files, ENVELOPE_NAME: canonical_bytes({**envelope, "payload": base64.b64encode(flattered).decode()})
        },
        "an inconvenient event left out": {**files, EVENTS_NAME: b"".join(lines[:3] + lines[4:])},
        "an approval moved before the plan": {**files, EVENTS_NAME: b"".join([*lines[:3], lines[4], lines[3], *lines[5:]])},
    }  # fmt: skip
    if PDF_NAME in files:
        pdf = bytearray(files[PDF_NAME])
        pdf[pdf.index(_CONTAINER) // 2] ^= 1
        attacks["one byte of a PDF page changed"] = {**files, PDF_NAME: bytes(pdf)}
    return attacks
