"""The content digest of a model folder or adapter: which files, which bytes. Needs no torch.

Two folders have the same digest exactly when they hold the same relative names with the same bytes; modification
times, owners and places do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, ModelFolderRefused
from rtbf.evidence.canonical import digest_of
from rtbf.files import sha256_file

if TYPE_CHECKING:
    from pathlib import Path


TOKENIZER_TABLES = frozenset({"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model"})
"""Files that hold what a text's token ids follow from; settings beside them carry paths and versions too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtefactFile:
    """One file of an artefact: name relative to its folder, SHA-256, size."""

    name: str
    sha256: str
    size_bytes: int


def list_files(folder: Path) -> tuple[ArtefactFile, ...]:
    """Return the digests of all files below `folder`, sorted by name; a symbolic link that leaves it is refused."""
    files = []
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if not path.resolve().is_relative_to(root):
            raise ModelFolderRefused(
                found=f"a symbolic link '{path.name}' that leaves the folder", expected="plain files", remedy="copy the file in its place"
            )
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            files.append(ArtefactFile(name=name, sha256=sha256_file(path), size_bytes=path.stat().st_size))
    return tuple(files)


def digest_of_files(files: tuple[ArtefactFile, ...]) -> str:
    """Return one digest over the sorted list of (name, SHA-256)."""
    return digest_of([[file.name, file.sha256] for file in sorted(files, key=lambda file: file.name)])


def tokenizer_digest(folder: Path) -> str:
    """Return one digest over the tokenizer's tables in a model folder: what turns text into token ids, not how it is displayed.

    Raises ModelFolderRefused when the folder has none.
    """
    files = tuple(file for file in list_files(folder) if file.name in TOKENIZER_TABLES)
    if not files:
        raise ModelFolderRefused(
            found="a model folder without a tokenizer",
            expected=f"one of {', '.join(sorted(TOKENIZER_TABLES))}",
            remedy="save the tokenizer beside the weights",
        )
    return digest_of_files(files)


def require_digest(folder: Path, expected: str, what: str) -> None:
    """Return when the folder's digest is `expected`; raises ArtefactMismatch otherwise."""
    found = digest_of_files(list_files(folder)) if folder.is_dir() else "no such folder"
    if found != expected:
        raise ArtefactMismatch(
            found=f"{what} with digest {found}",
            expected=expected,
            remedy="restore the files that were registered, or register these as a new model",
        )
