"""The command `rtbf-check FILE --trust trust.json`. argparse, not click: the checker needs cryptography and rfc8785 only.

FILE is bundle.zip, an unpacked bundle, report.dsse.json or an intake receipt. Exit codes: 0 good · 1 bad · 2 usage · 3 cannot
be decided.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtbf.clock import utc_now
from rtbf.evidence.keys import read_fingerprint
from rtbf.evidence.receipt import MAX_RECEIPT_BYTES, RECEIPT_SCHEMA
from rtbf.evidence.tlog_proof import MAX_PROOF_BYTES
from rtbf.evidence.tree_head import MAX_NOTE_BYTES
from rtbf.evidence.trust_file import MAX_TRUST_BYTES
from rtbf.report.bundle import MAX_BUNDLE_BYTES, MAX_ENVELOPE_BYTES, MAX_PDF_BYTES, MAX_TOKEN_BYTES, read_bundle_folder
from rtbf.report.check.disclosed import MAX_ITEMS_BYTES
from rtbf.report.check.outcome import EXIT_CODES, MAX_WIDTH, outcome_as_json, outcome_as_text
from rtbf.report.check.run import check_archive, check_bundle, check_receipt, check_report, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.report.check.outcome import CheckOutcome

_ZIP_BEGINS = b"PK"
_RECEIPT_SAYS = f'"{RECEIPT_SCHEMA}"'.encode()
"""The schema that a receipt names; an envelope has its words in base64. Whatever else says so is refused as a receipt."""
_BESIDE = (
    ("token", MAX_TOKEN_BYTES, "the time-stamp, report.dsse.json.tsr, when FILE is the envelope alone"),
    ("pdf", MAX_PDF_BYTES, "the printed view, report.pdf, when it is not in the bundle, or a copy of it"),
    ("items", MAX_ITEMS_BYTES, "the disclosed per-item log, to work the measurements out again"),
    ("head", MAX_NOTE_BYTES, "a tree head that you kept, or got from somebody else"),
    ("consistency", MAX_PROOF_BYTES, "the proof between that head and the bundle's, from the operator"),
    ("receipt", MAX_RECEIPT_BYTES, "the receipt that the requester got at intake"),
)

_KINDS = {
    "folder": "a bundle, which has its own",
    "archive": "a bundle, which has its own",
    "receipt": "a receipt",
    "envelope": "an envelope",
}
_UNUSED = {"folder": ("token",), "archive": ("token",), "receipt": ("token", "pdf", "items", "receipt", "artefact"), "envelope": ()}


def main(argv: Sequence[str] | None = None) -> int:
    """Check what the command line names, print each step, and return the exit code. `rtbf-check` starts here."""
    parser = _parser()
    asked = parser.parse_args(argv)
    try:
        trust = _read(asked.trust, MAX_TRUST_BYTES)
        beside = {name: None if getattr(asked, name) is None else _read(getattr(asked, name), limit) for name, limit, _ in _BESIDE}
        raw = b"" if asked.file.is_dir() else _read(asked.file, MAX_BUNDLE_BYTES)
        kind = _kind(asked.file, raw)
        # An option that is read and then passed over would let its reader believe that it was looked at.
        if unused := [f"--{name}" for name in _UNUSED[kind] if getattr(asked, name) is not None]:
            parser.error(f"{', '.join(unused)}: of no use beside {_KINDS.get(kind, kind)}")
        outcome = _checked(kind, raw, trust, beside, asked)
    except OSError as failed:
        print(f"cannot decide: {failed.filename} cannot be read ({type(failed).__name__})", file=sys.stderr)
        return EXIT_CODES["cannot decide"]
    print(json.dumps(outcome_as_json(outcome), ensure_ascii=True, indent=2) if asked.json else outcome_as_text(outcome, _width()))
    return EXIT_CODES[outcome.status]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rtbf-check", description="Check a signed rtbf audit report offline.")
    parser.add_argument("file", type=Path, metavar="FILE", help="bundle.zip, an unpacked bundle, report.dsse.json, or an intake receipt")
    parser.add_argument("--trust", type=Path, required=True, metavar="FILE", help="trust.json, got from the operator by another path")
    parser.add_argument("--root", type=_root, metavar="FINGERPRINT", help="the trust file's root, from paper or contract")
    parser.add_argument("--min-trust-version", type=int, metavar="N", help="the highest version of the trust file that you have seen")
    parser.add_argument("--artefact", type=Path, metavar="FOLDER", help="the unlearned model's folder")
    for name, _, words in _BESIDE:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=words)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _root(text: str) -> str:
    try:
        return read_fingerprint(text)
    except ValueError as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None


def _kind(path: Path, raw: bytes) -> str:
    """Return what FILE is: told by what it holds, never by its name."""
    if path.is_dir():
        return "folder"
    if raw.startswith(_ZIP_BEGINS):
        return "archive"
    return "receipt" if _RECEIPT_SAYS in raw[: MAX_RECEIPT_BYTES + 1] else "envelope"


def _checked(kind: str, raw: bytes, trust: bytes, beside: dict[str, bytes | None], asked: Any) -> CheckOutcome:  # noqa: ANN401 - argparse's namespace
    pinned: dict[str, Any] = {"root": asked.root, "min_trust_version": asked.min_trust_version, "now": utc_now()}
    whole = {**pinned, "artefact": asked.artefact, **{name: content for name, content in beside.items() if name != "token"}}
    if kind == "folder":
        try:
            bundle = read_bundle_folder(asked.file)
        except ValueError as refused:
            return unreadable(str(refused))
        return check_bundle(bundle, trust, **whole)
    if kind == "archive":
        return check_archive(raw, trust, **whole)
    if kind == "receipt":
        return check_receipt(raw, trust, head=beside["head"], consistency=beside["consistency"], **pinned)
    return check_report(raw[: MAX_ENVELOPE_BYTES + 1], trust, token=beside["token"], **whole)


def _width() -> int:
    """Return the terminal's width, or the widest text where there is none: files and pipes are read later."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else MAX_WIDTH


def _read(path: Path, max_bytes: int) -> bytes:
    """Return the file's bytes, at most one more than the limit: enough to be refused as too large."""
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


if __name__ == "__main__":
    raise SystemExit(main())
