"""Hold records and lines of JSON against a suppression list: what may pass, what a person must see, what must not.

What cannot be read is never passed: it is held back with a reason and counted apart. Nothing of a record leaves this
module but its place, its verdict and how often which kind of entry was hit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.corpora.json_lines import NotARecordError, numbered_lines, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import BinaryIO

    from rtbf.corpora.corpus import Record
    from rtbf.vault.suppression import Effect
    from rtbf.vault.suppression_list import Hits, SuppressionList


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedLine:
    """A line and its verdict. `unread`: why it could not be read, as a code; `content` None: too long to be kept."""

    number: int
    content: bytes | None
    verdict: Effect
    kinds: Mapping[str, int]
    unread: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Screened:
    """The records that the list drops or quarantines, by id in their order, and in how many records each kind was hit."""

    records: int
    dropped: tuple[str, ...]
    quarantined: tuple[str, ...]
    kinds: Mapping[str, int]


def judge_lines(stream: BinaryIO, listed: SuppressionList) -> Iterator[JudgedLine]:
    """Yield every non-blank line of JSON Lines with its verdict, in order; memory does not grow with the stream."""
    for number, content in numbered_lines(stream):
        try:
            hits = _check(parse_object(content), listed)
        except NotARecordError as refused:
            yield JudgedLine(number=number, content=content, verdict="quarantine", kinds={}, unread=str(refused))
        except RecursionError:
            yield JudgedLine(number=number, content=content, verdict="quarantine", kinds={}, unread="nested_too_deep")
        else:
            yield JudgedLine(number=number, content=content, verdict=hits.effect, kinds=hits.counts, unread=None)


def screen(records: Iterable[Record], listed: SuppressionList) -> Screened:
    """Return which records must not be taken in, and which only after a person has looked."""
    total, dropped, quarantined = 0, [], []
    kinds: Counter[str] = Counter()
    for record in records:
        total += 1
        hits = listed.check_record([text for _, text in record.fields])
        kinds.update(hits.counts.keys())
        if hits.effect == "drop":
            dropped.append(record.record_id)
        elif hits.effect == "quarantine":
            quarantined.append(record.record_id)
    return Screened(records=total, dropped=tuple(dropped), quarantined=tuple(quarantined), kinds=dict(sorted(kinds.items())))


def _check(entry: dict[str, Any], listed: SuppressionList) -> Hits:
    # The top level's keys name the format; those further down are often data ({"people": {"Ann": …}}).
    return listed.check_record([list(entry.values()), list(_nested_keys(list(entry.values())))])


def _nested_keys(values: list[Any]) -> Iterator[str]:
    waiting = values
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
