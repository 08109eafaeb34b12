"""Which records an attacker holds, and on which the attack is measured. Standard library only: a plan may fix it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_RECORDS = 4
"""Below this neither half says anything; T then comes from sibling subjects only (sheet 6.5)."""


def split_records(record_ids: Iterable[str], seed: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return (T, V): the attacker's half and the held-out half of the distinct records, each sorted; None below four.

    Of an odd number V gets the one more. The order and repetition of `record_ids` change nothing. Whether a record of V
    can be inferred from T is not known here: records of one person may repeat each other, which helps the attack on
    every arm alike.
    """
    records = sorted(set(record_ids))
    if len(records) < MIN_RECORDS:
        return None
    # Named apart from other draws with the same seed.
    random.Random(f"relearning halves:{seed}").shuffle(records)
    half = len(records) // 2
    return tuple(sorted(records[:half])), tuple(sorted(records[half:]))
