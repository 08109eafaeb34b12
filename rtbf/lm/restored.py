"""The note that lies beside a base's files where they are served again in the place of an adapter over them. Needs no torch.

Without it the restored folder would have the digest of the base itself, and the registry, which knows weights by their digest,
could not tell the two apart: a candidate of a ticket would be the served base, and a lineage would lead to itself. With it the
folder has a digest of its own, and whoever has the list of its files sees all the same that every other file is the base's.
The note holds digests and nothing else, so equal models give equal bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.canonical import canonical_bytes, digest_bytes, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "rtbf.restored/1"


def note_name(instead_of: str) -> str:
    """Return the name of the note's file; a base that was itself restored has one of another name.

    instead_of   digest of the weights into which the adapter was merged
    """
    return f"restored-instead-of-{instead_of.removeprefix('sha256:')[:16]}.json"


def note_bytes(instead_of: str, base: str) -> bytes:
    """Return the note's bytes: which base is served, in the place of which weights."""
    return canonical_bytes({"schema": SCHEMA, "base": base, "instead_of": instead_of})


def is_restored(files: Iterable[tuple[str, str]], instead_of: str, base: str) -> bool:
    """Return whether the files are those with the digest `base` and the note, and no other.

    files   (name, SHA-256 in hexadecimal) of each file of the folder
    """
    own = (note_name(instead_of), digest_bytes(note_bytes(instead_of, base)).removeprefix("sha256:"))
    listed = sorted(files)
    return listed.count(own) == 1 and digest_of([[name, sha256] for name, sha256 in listed if (name, sha256) != own]) == base
