"""Which records an attacker holds, and on which the attack is measured. Standard library only: a plan may fix it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_RECORDS = 4
"""Below this neither part says anything; T then comes from sibling subjects only (sheet 6.5)."""

DECIDABLE = 15
"""Held-out records that the attack needs before it can fail a ticket: 2⁻¹⁵ still counts after Holm over some forty tests,
2⁻¹⁰ does not."""


def split_records(record_ids: Iterable[str], seed: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return (T, V): the attacker's and the held-out part of the distinct records, each sorted; None below four.

    Half each where that leaves V at least `DECIDABLE` records; otherwise the attacker has a quarter, or what V can spare.
    (Sheet 6.5 and PROTOCOL R4 say half. With twenty records that is an attack which cannot fail; specs/facts.md saw a
    quarter of the records bring the others back as well.) The order and repetition of `record_ids` change nothing.
    Whether a record of V can be inferred from T is not known here: records of one person may repeat each other, which
    helps the attack on every arm alike.
    """
    records = sorted(set(record_ids))
    if len(records) < MIN_RECORDS:
        return None
    # Named apart from other draws with the same seed.
    random.Random(f"relearning split:{seed}").shuffle(records)
    n = len(records)
    size = min(n // 2, max(n // 4, n - DECIDABLE))
    return tuple(sorted(records[:size])), tuple(sorted(records[size:]))
