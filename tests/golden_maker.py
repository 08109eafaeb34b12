"""Write the golden folders that are missing: `python -m tests.golden_maker`. Never touches one that is there.

A golden folder is kept for ever, because bundles that were handed out must stay checkable. Whoever changes the format adds
folders of other names; see tests/golden/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.attacks.table import attacks, folder_name, good_folders, write_folder

GOLDEN = Path(__file__).parent / "golden"


def main() -> int:
    """Write what is missing and say so; return the exit code."""
    written = []
    for made in (*good_folders(), *attacks()):
        place = GOLDEN / folder_name(made)
        if not place.exists():
            write_folder(place, made)
            written.append(place.name)
    sys.stdout.write(f"{len(written)} written: {', '.join(written) or 'nothing was missing'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
