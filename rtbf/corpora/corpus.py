"""A corpus version: which files, how they are read, and which records could not be.

A record's id is `<first 12 hex digits of its shard's SHA-256>:<position>`, so it stays the same while the shard does,
and tells nothing about the record's content. The version's digest covers content and layout, not where files lie.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtbf.evidence.canonical import digest_of

SCHEMA = "rtbf.corpus/1"
SHARD_PREFIX_LENGTH = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """A place that could not be read: its position in the shard (line or paragraph, from 1) and why."""

    position: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One file of a corpus version."""

    name: str
    sha256: str
    size_bytes: int
    records: int
    unread: tuple[Unread, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Which fields of a record are shown to the model: `prompt_field` may be None, then the text is all completion."""

    prompt_field: str | None
    completion_field: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusVersion:
    """One frozen state of a corpus."""

    name: str
    connector: str
    layout: Layout
    shards: tuple[Shard, ...]
    schema: str = SCHEMA

    @property
    def digest(self) -> str:
        """Return the version's digest: the same bytes read the same way have the same digest, whatever the files are called."""
        shards = [[shard.sha256, shard.records, [[place.position, place.reason] for place in shard.unread]] for shard in self.shards]
        return digest_of([self.schema, self.name, self.connector, self.layout.prompt_field, self.layout.completion_field, shards])

    @property
    def records(self) -> int:
        """Return how many records could be read."""
        return sum(shard.records for shard in self.shards)

    @property
    def unread(self) -> int:
        """Return how many places could not be read."""
        return sum(len(shard.unread) for shard in self.shards)


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusEntry:
    """A corpus version and where its shards lie, in the order of its shards, in the home's stored form."""

    version: CorpusVersion
    locations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One readable record. `fields` holds every text of it, for searching; prompt and completion are what models see."""

    record_id: str
    prompt: str
    completion: str
    fields: tuple[tuple[str, str], ...]
