"""Scan a source into a corpus version, and read its records back, always the ones that were added.

Files stay where their owner keeps them; only digests, counts and layout are kept. Reading first checks each shard's
SHA-256 and refuses a file that is not the one recorded, so a record id never points at other text. Records stream:
memory does not grow with a file. Connectors are the files of `connectors/`; adding one edits nothing here.
"""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rtbf.corpora.corpus import SHARD_PREFIX_LENGTH, CorpusVersion, Layout, Record, Shard, Unread
from rtbf.errors import BadInput, CorpusChanged, CorpusUnreadable, UnknownName
from rtbf.files import sha256_file
from rtbf.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from rtbf.corpora.corpus import CorpusEntry
    from rtbf.progress import Progress

_CONNECTORS = Path(__file__).parent / "connectors"
_HEARTBEAT_RECORDS = 1000


class Connector(Protocol):
    """What a connector file offers. Both functions take a file of one of the card's suffixes, or any file the user names."""

    CARD: Mapping[str, Any]

    def choose_layout(self, path: Path, prompt_field: str | None, completion_field: str | None) -> Layout | None:
        """Return the layout of a file, None when nothing in it is readable; raises BadInput when no layout fits."""

    def read_shard(self, path: Path, layout: Layout, shard_prefix: str) -> Iterator[Record | Unread]:
        """Yield every record and every unreadable place, in the file's order; never raises for bad content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The files of a source in their order, each with its name in the corpus, and how many others were left out."""

    files: tuple[tuple[str, Path], ...]
    left_out: int


def connector_names() -> tuple[str, ...]:
    """Return the names of all connectors, sorted."""
    return tuple(sorted(path.stem for path in _CONNECTORS.glob("[a-z]*.py")))


def connector_for(path: Path, name: str | None) -> Connector:
    """Return the connector called `name`, or the one for the suffix of `path`; for a folder, for the files in it.

    Raises UnknownName for a name, BadInput when the suffix tells nothing or a folder's files need several connectors.
    """
    if name is not None:
        if name not in connector_names():
            raise UnknownName("connector", name, connector_names(), "rtbf connector list")
        return _load(name)
    by_suffix = {suffix: known for known in connector_names() for suffix in _load(known).CARD["suffixes"]}
    files = _files_below(path) if path.is_dir() else [path]
    fitting = {by_suffix[file.suffix.lower()] for file in files if file.suffix.lower() in by_suffix}
    if len(fitting) == 1:
        return _load(fitting.pop())
    if not path.exists():
        raise BadInput(found=f"no file or folder '{path.name}'", expected="the path of a corpus", remedy="check the path")
    trouble = f"holds files for {' and '.join(sorted(fitting))}" if fitting else "does not tell its format by name"
    raise BadInput(
        found=f"'{path.name}' {trouble}",
        expected=f"files of one kind: {', '.join(sorted(by_suffix))}",
        remedy=f"name one with --connector ({', '.join(connector_names())})",
    )


def find_source(paths: Sequence[Path], connector: Connector) -> Source:
    """Return the files that `paths` name: files as given, and a folder as all its matching files, sorted by name.

    Raises CorpusUnreadable for a path that is not there or a folder without a matching file, BadInput for a file
    named twice.
    """
    found: dict[Path, str] = {}
    left_out = 0
    for path in paths:
        if path.is_dir():
            inside = _files_below(path)
            matching = [file for file in inside if file.suffix.lower() in connector.CARD["suffixes"]]
            left_out += len(inside) - len(matching)
            named = [(file, file.relative_to(path).as_posix()) for file in matching]
        elif path.is_file():
            named = [(path, path.name)]
        else:
            raise CorpusUnreadable(found=f"nothing at {path}", expected="a file or a folder", remedy="correct the path and add it again")
        for file, shard_name in named:
            if file.resolve() in found:
                raise BadInput(found=f"the file '{shard_name}' named twice", expected="each file once", remedy="leave one of them out")
            found[file.resolve()] = shard_name
    if not found:
        suffixes = " or ".join(connector.CARD["suffixes"])
        raise CorpusUnreadable(
            found="no matching file in the source", expected=f"at least one {suffixes}", remedy="correct the path or name a --connector"
        )
    return Source(files=tuple((shard_name, file) for file, shard_name in found.items()), left_out=left_out)


def choose_layout(source: Source, connector: Connector, prompt_field: str | None, completion_field: str | None) -> Layout:
    """Return the layout by the first file that tells one; raises BadInput, or CorpusUnreadable when no file does."""
    for shard_name, path in source.files:
        with _unreadable_named(shard_name):
            layout = connector.choose_layout(path, prompt_field, completion_field)
        if layout is not None:
            return layout
    raise CorpusUnreadable(
        found=f"no readable record in {len(source.files)} file(s) read as {connector.CARD['name']}",
        expected=connector.CARD["reads"],
        remedy="check the files' format and encoding, or name another --connector",
    )


def scan_source(name: str, source: Source, connector: Connector, layout: Layout, progress: Progress = silent) -> CorpusVersion:
    """Return the version that these files make, with digests, counts and every unread place; changes nothing.

    Raises CorpusUnreadable when nothing at all can be read, and BadInput when two files have the same content, since
    a record id would then name two places. Progress counts files.
    """
    shards: list[Shard] = []
    for done, (shard_name, path) in enumerate(source.files):
        shards.append(_scan_shard(shard_name, path, connector, layout, _heartbeat(progress, done, len(source.files))))
    progress("scan", len(shards), len(shards))
    seen: dict[str, str] = {}
    for shard in shards:
        prefix = shard.sha256[:SHARD_PREFIX_LENGTH]
        if shard.records and prefix in seen:
            raise BadInput(
                found=f"'{seen[prefix]}' and '{shard.name}' with the same content",
                expected="each file once",
                remedy="leave one of them out",
            )
        seen[prefix] = shard.name
    version = CorpusVersion(name=name, connector=connector.CARD["name"], layout=layout, shards=tuple(shards))
    if not version.records:
        reasons = sorted({unread.reason for shard in shards for unread in shard.unread})
        raise CorpusUnreadable(
            found=f"0 readable records and {version.unread} unreadable places ({', '.join(reasons) or 'the files are empty'})",
            expected="at least one readable record",
            remedy="check the files' format and encoding, the field names, or name another --connector",
        )
    return version


def read_records(entry: CorpusEntry, resolve: Callable[[str], Path], progress: Progress = silent) -> Iterator[Record]:
    """Return an iterator over all records of a version, in its order, after checking that every shard is the one added.

    Raises, before the first record, CorpusChanged or CorpusUnreadable. Progress counts records.
    """
    placed = zip(entry.version.shards, entry.locations, strict=True)
    shards = [(shard, _checked_path(shard, resolve(location))) for shard, location in placed]
    return _stream(entry.version, shards, progress)


def read_selected(entry: CorpusEntry, resolve: Callable[[str], Path], record_ids: Collection[str]) -> tuple[Record, ...]:
    """Return the records of these ids, in the order asked; checks the shards they lie in.

    Raises UnknownName for an id that the version does not hold, CorpusChanged and CorpusUnreadable.
    """
    wanted = set(record_ids)
    prefixes = {record_id.partition(":")[0] for record_id in wanted}
    shards = [
        (shard, _checked_path(shard, resolve(location)))
        for shard, location in zip(entry.version.shards, entry.locations, strict=True)
        if shard.sha256[:SHARD_PREFIX_LENGTH] in prefixes
    ]
    found = {record.record_id: record for record in _stream(entry.version, shards, silent) if record.record_id in wanted}
    for record_id in record_ids:
        if record_id not in found:
            raise UnknownName("record", record_id, (), f"rtbf corpus show {entry.version.name}")
    return tuple(found[record_id] for record_id in record_ids)


def _load(name: str) -> Connector:
    # A test holds every connector file to the protocol; the type checker cannot look through an import by name.
    connector: Connector = importlib.import_module(f"rtbf.corpora.connectors.{name}")
    return connector


def _files_below(folder: Path) -> list[Path]:
    """Return the plain files below a folder, sorted by relative name; hidden ones (a .git folder's) are not data."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    visible = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return sorted(visible, key=lambda path: path.relative_to(folder).as_posix())


def _scan_shard(shard_name: str, path: Path, connector: Connector, layout: Layout, heartbeat: Callable[[int], None]) -> Shard:
    with _unreadable_named(shard_name):
        before = path.stat()
        sha256 = sha256_file(path)
        records, unread = 0, []
        for count, entry in enumerate(connector.read_shard(path, layout, sha256[:SHARD_PREFIX_LENGTH])):
            heartbeat(count)
            if isinstance(entry, Unread):
                unread.append(entry)
            else:
                records += 1
        after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise CorpusChanged(
            found=f"'{shard_name}' changed while it was read", expected="a file at rest", remedy="add it again when its writer is done"
        )
    return Shard(name=shard_name, sha256=sha256, size_bytes=before.st_size, records=records, unread=tuple(unread))


def _heartbeat(progress: Progress, done: int, total: int) -> Callable[[int], None]:
    def beat(count: int) -> None:
        if count % _HEARTBEAT_RECORDS == 0:
            progress("scan", done, total)

    return beat


def _checked_path(shard: Shard, path: Path) -> Path:
    with _unreadable_named(shard.name):
        found = sha256_file(path)
    if found != shard.sha256:
        raise CorpusChanged(
            found=f"'{shard.name}' with SHA-256 {found[:SHARD_PREFIX_LENGTH]}…",
            expected=f"the file that was added, {shard.sha256[:SHARD_PREFIX_LENGTH]}…",
            remedy="restore that file, or add the changed one as a new version with `rtbf corpus add`",
        )
    return path


def _stream(version: CorpusVersion, shards: Sequence[tuple[Shard, Path]], progress: Progress) -> Iterator[Record]:
    connector = _load(version.connector)
    done, total = 0, sum(shard.records for shard, _ in shards)
    for shard, path in shards:
        for entry in _entries(connector, shard, path, version.layout):
            if isinstance(entry, Record):
                if done % _HEARTBEAT_RECORDS == 0:
                    progress("read", done, total)
                done += 1
                yield entry
    progress("read", done, total)


def _entries(connector: Connector, shard: Shard, path: Path, layout: Layout) -> Iterator[Record | Unread]:
    with _unreadable_named(shard.name):
        yield from connector.read_shard(path, layout, shard.sha256[:SHARD_PREFIX_LENGTH])


@contextlib.contextmanager
def _unreadable_named(shard_name: str) -> Iterator[None]:
    """Turn the operating system's refusal to open or read a shard into CorpusUnreadable."""
    try:
        yield
    except OSError as failed:
        raise CorpusUnreadable(
            found=f"'{shard_name}' cannot be read ({failed.strerror or type(failed).__name__})",
            expected="a readable file where it was added from",
            remedy="restore the file or its permissions and run the same command again",
        ) from failed
