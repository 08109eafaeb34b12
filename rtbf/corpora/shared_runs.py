"""Which records hold a long run of words that another record holds too: copies, quotations and templates alike.

Words are compared as `vault.normalise.words_of` reads them, so case, punctuation and diacritics play no part. It sees no
translation and no rewording, and a text with fewer words than a run only where its words are all of another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.vault.suppression import SHINGLE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rtbf.corpora.corpus import Record

RUN_WORDS = SHINGLE_WORDS
"""As on the suppression list: 13 words (docs/howto/keep-people-out.md)."""


def sharing_records(originals: Iterable[Record], others: Iterable[Record]) -> tuple[str, ...]:
    """Return the ids of those of `others` that share a run of `RUN_WORDS` words with one of `originals`, in their order.

    Completions are read, not prompts: a question is often a template. A text of fewer words counts as one run.
    """
    wanted = {run for record in originals for run in _runs(record)}
    return tuple(record.record_id for record in others if any(run in wanted for run in _runs(record)))


def _runs(record: Record) -> Iterator[tuple[str, ...]]:
    words = tuple(words_of(record.completion))
    if not words:
        return
    for start in range(max(1, len(words) - RUN_WORDS + 1)):
        yield words[start : start + RUN_WORDS]
