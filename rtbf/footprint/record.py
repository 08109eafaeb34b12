"""The frozen record of where the person was found, and where nobody looked.

Holds pointers, never text: corpus version, record id, which identifier (by number) matched how often.
Does not prove that nothing else exists: `unread` and `not_searched` say what was not covered.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "rtbf.footprint/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class LocatorUse:
    """A locator that was run, with the digest of its code and what it can and cannot find."""

    name: str
    code_digest: str
    finds: str
    misses: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchedCorpus:
    """A corpus version that was searched in full: `records` read and `unread` that could not be read."""

    corpus: str
    version: str
    records: int
    unread: int
    hits: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotSearched:
    """Something in scope that was not searched, and why."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One record in which the person was found. `matched` holds (identifier number, kind, count)."""

    corpus: str
    version: str
    record_id: str
    matched: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelReached:
    """A model whose recorded training data holds at least one hit. `via` is the lineage path, nearest first."""

    model: str
    digest: str
    corpus: str
    version: str
    hits: int
    via: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """Where the person of one ticket was found; `revision` counts from 1."""

    ticket_id: str
    ticket_digest: str
    revision: int
    locators: tuple[LocatorUse, ...]
    searched: tuple[SearchedCorpus, ...]
    not_searched: tuple[NotSearched, ...]
    hits: tuple[Hit, ...]
    models: tuple[ModelReached, ...]
    schema: str = SCHEMA
