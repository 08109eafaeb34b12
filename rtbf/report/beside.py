"""Look at what lies beside an envelope: the artefact's folder, and the printed view. Standard library only."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

_STREAM = re.compile(rb"stream\r?\n")


def file_names(folder: Path) -> set[str]:
    """Return the names of all files below `folder`, relative, with slashes; raises OSError when it cannot be read.

    A folder behind a symbolic link, a pipe or a device counts as a file of that name, so that it is noticed as extra.
    """
    names = set()
    for parent, folders, files in os.walk(folder, followlinks=False, onerror=_raise):
        linked = [name for name in folders if (Path(parent) / name).is_symlink()]
        names |= {(Path(parent) / name).relative_to(folder).as_posix() for name in [*files, *linked]}
    return names


def carries(pdf: bytes, content: bytes) -> bool:
    """Return whether one of the PDF's streams, plain or deflated, is exactly `content`.

    Shows that the attachment is there; does not show that it is the attachment a viewer opens, nor what the pages say.
    """
    for found in _STREAM.finditer(pdf):
        start = found.end()
        if pdf.startswith(content, start):
            return True
        inflater = zlib.decompressobj()
        try:
            # One byte more than wanted tells a longer stream apart, and bounds a bomb.
            if inflater.decompress(pdf[start : start + len(content) + 4096], len(content) + 1) == content:
                return True
        except zlib.error:
            continue
    return False


def _raise(failed: OSError) -> None:
    raise failed
