"""Refuse a test run in which an integration test was skipped. Silent when all ran; run as `python compliance/skipped.py JUNIT_XML`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def main(junit: Path) -> int:
    """Return 0 when integration tests ran and none was skipped, else 1 with what is wrong on standard error."""
    # The file was written by our own pytest a moment ago, so that plain ElementTree is safe.
    cases = [case for case in ET.parse(junit).iter("testcase") if case.get("classname", "").startswith("tests.integration")]  # noqa: S314
    skipped = [case for case in cases if case.find("skipped") is not None]
    if not cases:
        print("no integration test ran; expected those under tests/integration", file=sys.stderr)
    for case in skipped:
        print(f"skipped: {case.get('classname')}::{case.get('name')}; CI must have what it needs", file=sys.stderr)
    return 1 if skipped or not cases else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
