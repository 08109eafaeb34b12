"""Step 7: the artefact's files against the statement's subjects: names, digests, no extra file. Needs --artefact."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.files import sha256_file
from rtbf.report.check.handed import Misfit, Seen, Undecided

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "the files that were measured"


def check(handed: Handed, found: Found) -> Seen:
    """Compare every file below the folder; raises Misfit when one differs, is missing or is extra, Undecided when one cannot be read."""
    if handed.artefact is None:
        return Seen(is_decided=False, detail="not asked for: hand over --artefact FOLDER")
    expected = {subject.name: subject.digest.sha256 for subject in found.body.subject}
    try:
        names = _file_names(handed.artefact)
        if names != set(expected):
            differing = f"{len(set(expected) - names)} missing and {len(names - set(expected))} extra file(s)"
            raise Misfit(differing, f"exactly the {len(expected)} file(s) of the statement")
        changed = [name for name in sorted(expected) if sha256_file(handed.artefact / name) != expected[name]]
    except OSError as failed:
        raise Undecided(f"an artefact that cannot be read ({type(failed).__name__})", "a readable folder") from None
    if changed:
        raise Misfit(f"{len(changed)} file(s) of other content, first '{changed[0]}'", "the digests of the statement")
    return Seen(is_decided=True, detail=f"{len(expected)} file(s) with the stated digests, none extra")


def _file_names(folder: Path) -> set[str]:
    """Return the names of all files below `folder`, relative, with slashes; raises OSError when it cannot be read.

    A folder behind a symbolic link, a pipe or a device counts as a file of that name, so that it is noticed as extra.
    """
    names = set()
    for parent, folders, files in os.walk(folder, followlinks=False, onerror=_raise):
        linked = [name for name in folders if (Path(parent) / name).is_symlink()]
        names |= {(Path(parent) / name).relative_to(folder).as_posix() for name in [*files, *linked]}
    return names


def _raise(failed: OSError) -> None:
    raise failed
