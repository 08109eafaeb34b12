"""Rewrite constraints.txt from what is installed in this environment. Run as `make constraints` after the tests passed.

Packages that are pinned but not installed here (the extra `semantic`) keep their pins.
"""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

_FILE = Path(__file__).parent.parent / "constraints.txt"
_NOT_PINNED = {"pip", "rtbf"}


def main() -> int:
    """Write the file and return the exit code."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("#")]
    pins = {_normal(name): (name, version) for name, _, version in (line.partition("==") for line in lines if "==" in line)}
    for installed in distributions():
        # A local build tag ("+cpu") names this machine's file; others get their platform's.
        pins[_normal(installed.name)] = (installed.name, installed.version.partition("+")[0])
    kept = [f"{name}=={version}" for key, (name, version) in sorted(pins.items()) if key not in _NOT_PINNED]
    _FILE.write_text("\n".join([*header, *kept]) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(kept)} pins")
    return 0


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    sys.exit(main())
