"""STAGE 1: find where the person of a ticket is recorded, and which models learned from those records.

Searches the current version of every corpus and every version that a live model in scope was trained on, each once.
A corpus that cannot be read as it was added is named as not searched; the stage goes on with the others.
Does not prove absence: see each locator's `misses`, and the record's `unread` counts and `not_searched`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rtbf.corpora.reading import read_records
from rtbf.errors import CorpusChanged, CorpusUnreadable
from rtbf.files import sha256_file
from rtbf.footprint.lineage import models_reached, versions_learned
from rtbf.footprint.record import Footprint, Hit, LocatorUse, NotSearched, SearchedCorpus
from rtbf.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rtbf.corpora.corpus import CorpusEntry
    from rtbf.lm.record import Model
    from rtbf.progress import Progress
    from rtbf.ticket.record import Ticket
    from rtbf.vault.identifier import OpenIdentifier

FILES_CHANGED = "files_changed"
FILES_UNREADABLE = "files_unreadable"
NOT_REGISTERED = "corpus_version_not_registered"

_LOCATORS = Path(__file__).parent / "locators"


class Matcher(Protocol):
    """One ticket's identifiers compiled by a locator."""

    unsearchable: tuple[tuple[int, str], ...]

    def matches(self, fields: Iterable[tuple[str, str]]) -> tuple[tuple[int, str, int], ...]:
        """Return (identifier number, kind, count) of every identifier found in one record."""


class Locator(Protocol):
    """What a locator file offers beside its CARD."""

    CARD: Mapping[str, Any]

    def compile_identifiers(self, identifiers: Sequence[OpenIdentifier], phone_region: str) -> Matcher:
        """Return a matcher; `phone_region` is assumed for phone numbers without a country code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Search:
    """What came of searching one corpus version."""

    searched: SearchedCorpus | None
    not_searched: NotSearched | None
    hits: tuple[Hit, ...]


def find_footprint(
    *,
    ticket: Ticket,
    ticket_digest: str,
    revision: int,
    identifiers: Sequence[OpenIdentifier],
    corpora: Sequence[CorpusEntry],
    models: Sequence[tuple[Model, str]],
    resolve: Callable[[str], Path],
    phone_region: str,
    progress: Progress = silent,
) -> Footprint:
    """Return the footprint of one ticket. Equal inputs and files give equal records.

    corpora       every registered version, each corpus's oldest first (the last one of a name is its current one)
    models        (model, status) of every registered model
    resolve       from a stored location to a path
    phone_region  two capital letters, for phone numbers without a country code
    progress      counts records of one corpus version; raising stops the search, and nothing is recorded
    """
    locators = {name: _load(name) for name in sorted(path.stem for path in _LOCATORS.glob("[a-z]*.py"))}
    matchers = [locator.compile_identifiers(identifiers, phone_region) for locator in locators.values()]
    learned = versions_learned(models, ticket.models)
    searches = [_search(entry, matchers, resolve, progress) for entry in _to_search(corpora, learned)]
    hits = tuple(hit for search in searches for hit in search.hits)
    searched = tuple(search.searched for search in searches if search.searched is not None)
    lineage = models_reached(hits, models, ticket.models, {corpus.version for corpus in searched})
    registered = {entry.version.digest for entry in corpora}
    return Footprint(
        ticket_id=ticket.ticket_id,
        ticket_digest=ticket_digest,
        revision=revision,
        locators=tuple(_use(name, locator) for name, locator in locators.items()),
        searched=searched,
        not_searched=(
            *_unsearchable_identifiers(matchers),
            *(search.not_searched for search in searches if search.not_searched is not None),
            *(NotSearched(kind="corpus", name=version, reason=NOT_REGISTERED) for version in learned if version not in registered),
            *lineage.not_searched,
        ),
        hits=hits,
        models=lineage.reached,
    )


def _to_search(corpora: Sequence[CorpusEntry], learned: Sequence[str]) -> list[CorpusEntry]:
    current = {entry.version.name: entry.version.digest for entry in corpora}
    wanted = {*current.values(), *learned}
    return [entry for entry in corpora if entry.version.digest in wanted]


def _search(entry: CorpusEntry, matchers: Sequence[Matcher], resolve: Callable[[str], Path], progress: Progress) -> _Search:
    """Search one version whole, or name why not: hits of a half-read corpus are given up, so that its count never misleads."""
    version = entry.version
    digest = version.digest
    hits, records = [], 0
    try:
        for record in read_records(entry, resolve, progress):
            records += 1
            matched = tuple(sorted({match for matcher in matchers for match in matcher.matches(record.fields)}))
            if matched:
                hits.append(Hit(corpus=version.name, version=digest, record_id=record.record_id, matched=matched))
    except CorpusChanged:
        return _not_searched(version.name, FILES_CHANGED)
    except CorpusUnreadable:
        return _not_searched(version.name, FILES_UNREADABLE)
    found = SearchedCorpus(corpus=version.name, version=digest, records=records, unread=version.unread, hits=len(hits))
    return _Search(searched=found, not_searched=None, hits=tuple(hits))


def _not_searched(name: str, reason: str) -> _Search:
    return _Search(searched=None, not_searched=NotSearched(kind="corpus", name=name, reason=reason), hits=())


def _unsearchable_identifiers(matchers: Sequence[Matcher]) -> list[NotSearched]:
    """Name the identifiers that no locator can look for; one that any locator can is searched."""
    by_number = [dict(matcher.unsearchable) for matcher in matchers]
    common = set.intersection(*(set(numbers) for numbers in by_number)) if by_number else set()
    return [NotSearched(kind="identifier", name=str(number), reason=by_number[0][number]) for number in sorted(common)]


def _use(name: str, locator: Locator) -> LocatorUse:
    return LocatorUse(
        name=name, code_digest=f"sha256:{sha256_file(_LOCATORS / f'{name}.py')}", finds=locator.CARD["finds"], misses=locator.CARD["misses"]
    )


def _load(name: str) -> Locator:
    # The type checker cannot look through an import by name; a test holds every locator file to the protocol.
    locator: Locator = importlib.import_module(f"rtbf.footprint.locators.{name}")
    return locator
