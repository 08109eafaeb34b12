"""The command `rtbf-check FILE --trust trust.json`. argparse, not click: the checker needs cryptography and rfc8785 only.

Exit codes: 0 good · 1 bad · 2 usage · 3 cannot be decided.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.report.check.form import MAX_ENVELOPE_BYTES
from rtbf.report.check.outcome import EXIT_CODES, outcome_as_json, outcome_as_text
from rtbf.report.check.pdf import MAX_PDF_BYTES
from rtbf.report.check.run import check_report
from rtbf.report.trust import MAX_TRUST_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Check the report named on the command line, print each step, and return the exit code. `rtbf-check` starts here."""
    parser = argparse.ArgumentParser(prog="rtbf-check", description="Check a signed rtbf audit report offline.")
    parser.add_argument("report", type=Path, metavar="FILE", help="the envelope, report.dsse.json")
    parser.add_argument("--trust", type=Path, required=True, metavar="FILE", help="trust.json, got from the operator by another path")
    parser.add_argument("--artefact", type=Path, metavar="FOLDER", help="the unlearned model's folder")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="the printed view, report.pdf")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(argv)
    try:
        envelope = _read(asked.report, MAX_ENVELOPE_BYTES)
        trust = _read(asked.trust, MAX_TRUST_BYTES)
        pdf = None if asked.pdf is None else _read(asked.pdf, MAX_PDF_BYTES)
    except OSError as failed:
        print(f"cannot decide: {failed.filename} cannot be read ({type(failed).__name__})", file=sys.stderr)
        return EXIT_CODES["cannot decide"]
    outcome = check_report(envelope, trust, artefact=asked.artefact, pdf=pdf)
    print(json.dumps(outcome_as_json(outcome), ensure_ascii=True, indent=2) if asked.json else outcome_as_text(outcome))
    return EXIT_CODES[outcome.status]


def _read(path: Path, max_bytes: int) -> bytes:
    """Return the file's bytes, at most one more than the limit: enough to be refused as too large."""
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


if __name__ == "__main__":
    raise SystemExit(main())
