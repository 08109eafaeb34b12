"""What one golden folder is: the files that an auditor is handed, how they are checked, and what must come of it.

A tampered twin is an `Attack`, a good one a `Good`; both lay their files out as `Laid`. The folder holds everything that the
test needs (expected.json), so that it stays checkable when the code that made it has long moved on.
"""

from __future__ import annotations

import io
import json
import stat
import zipfile
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rtbf.evidence.keys import key_id
from rtbf.evidence.strict_base64 import read_base64
from rtbf.report.bundle import ENVELOPE_NAME, TRUST_NAME, VERIFY_NAME
from tests import builders, bundles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.report.statement import Case
    from tests.bundles import Told

Entry: TypeAlias = "tuple[zipfile.ZipInfo, bytes]"

COPY, REPORT_KEY, LOG_KEY, PDF_KEY = "a copy only", "the report signer's key", "the log signer's key", "the PDF signer's key"
OPERATOR, REQUESTER = "every key of the operator but the root", "a receipt only"
OWN_ROOT, OLD_FILE = "a root key of its own", "an older trust file"
BUNDLE = "bundle.zip"
_FILE_NAMES = {"token": "their.tsr", "pdf": "their.pdf", "items": "items.json", "head": "their-checkpoint", "receipt": "receipt.json"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Laid:
    """A folder's files, and which of them is checked with which options. `links`: path → where a symbolic link leads."""

    files: dict[str, bytes]
    file: str = BUNDLE
    options: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """A tampered twin. `numbers` are those of evidence.md §5; none for tricks that the table there does not count."""

    name: str
    numbers: tuple[int, ...] = ()
    holds: str
    done: str
    step: str
    status: Literal["bad", "cannot decide"] = "bad"
    make: Callable[[], Laid]


@dataclass(frozen=True, kw_only=True, slots=True)
class Good:
    """A good folder: what it shows, and which steps had nothing to look at."""

    name: str
    shows: str
    undecided: tuple[str, ...]
    superseded_by: str | None = None
    make: Callable[[], Laid]


def laid(
    files: Mapping[str, bytes] | bytes,
    *,
    file: str = BUNDLE,
    trust: bytes | None = None,
    min_version: int | None = None,
    artefact: Mapping[str, bytes] | None = None,
    consistency: bytes | None = None,
    **beside: bytes,
) -> Laid:
    """Return a folder around a bundle's files, or around the bytes of whatever else is checked; the root is always pinned.

    `beside` are options of rtbf-check that take a file: token, pdf, items, head, receipt.
    """
    written = {TRUST_NAME: trust or bundles.trust_bytes(), file: files if isinstance(files, bytes) else zipped(entries_of(files))}
    options = {"root": key_id(builders.root_key().public_key())}
    if min_version is not None:
        options["min-trust-version"] = str(min_version)
    if artefact is not None:
        options["artefact"] = "artefact"
        written |= {f"artefact/{name}": content for name, content in artefact.items()}
    if consistency is not None:
        options["consistency"] = "their-consistency.txt"
        written["their-consistency.txt"] = consistency
    for option, content in beside.items():
        options[option] = _FILE_NAMES[option]
        written[_FILE_NAMES[option]] = content
    return Laid(files=written, file=file, options=options)


def envelope_alone(raw: bytes, **changes: Any) -> Laid:
    """Return a folder around an envelope without its bundle."""
    return laid(raw, file=ENVELOPE_NAME, **changes)


def small(**changes: Any) -> Case:
    """Return the case of a report on two probes only: half as long as a full one, since these folders are kept for ever."""
    return builders.case(tuple(probe for probe in builders.passing_probes() if probe.probe_id in {"F2", "U1"}), **changes)


def tale() -> list[Told]:
    """Return what the ledger holds before the small report is made."""
    return bundles.story(small())


def bundle(made: Case | None = None, **changes: Any) -> dict[str, bytes]:
    """Return a bundle, of the small report by default; `changes` as `bundles.bundle` takes them."""
    return bundles.bundle(made or small(), **changes)


@cache
def _good() -> dict[str, bytes]:
    return bundle()


def good() -> dict[str, bytes]:
    """Return the files of the good bundle that the twins are made from."""
    return dict(_good())


def replaced(name: str, content: bytes, files: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Return the files (the good bundle's by default) with one of another content."""
    return {**(good() if files is None else files), name: content}


def without(*names: str, files: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Return the files (the good bundle's by default) without some of them."""
    return {name: content for name, content in (good() if files is None else files).items() if name not in names}


def around(files: Mapping[str, bytes], ledger: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a bundle of the one's report and the other's ledger."""
    return {**{name: files[name] for name in (ENVELOPE_NAME, TRUST_NAME, VERIFY_NAME)}, **ledger}


def thief() -> Ed25519PrivateKey:
    """Return a key that no trust file names."""
    return builders.signing_key(bytes(32))


def payload_of(envelope: bytes) -> bytes:
    """Return what an envelope's signature is over, without its type."""
    return read_base64(json.loads(envelope)["payload"])


def statement_of(envelope: bytes) -> dict[str, Any]:
    """Return an envelope's statement."""
    found: dict[str, Any] = json.loads(payload_of(envelope))
    return found


def plain_entry(name: str) -> zipfile.ZipInfo:
    """Return an entry as a bundle has it."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    return entry


def entries_of(files: Mapping[str, bytes]) -> list[Entry]:
    """Return a bundle's entries in their order."""
    return [(plain_entry(name), files[name]) for name in sorted(files)]


def zipped(entries: Iterable[Entry], comment: bytes = b"") -> bytes:
    """Return an archive of the entries as they are, lawful or not."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content, compress_type=entry.compress_type, compresslevel=9)
        archive.comment = comment
    return written.getvalue()
