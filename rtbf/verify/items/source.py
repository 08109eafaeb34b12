"""What item sets are made from, and how large they become.

The same records, seed and sizes give the same sets, whatever the order of a dict or a set and whatever PYTHONHASHSEED.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.corpora.corpus import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How many items and values are made.

    siblings_per_record   rewritten records beside each forget record
    candidates            values that the true one is ranked among; 99 or fewer cannot reach p < 0.01 after Holm's correction
    neighbours            retained records nearest to the forget set
    forms_records         records asked in every form, by jailbreaks, with their fact in context, and with wrong answers
    sampled, samples      questions that are sampled, and generations of each
    names                 questions about other people
    fluency               prompts of each kind (subject, neutral); also held-out records asked
    """

    siblings_per_record: int
    candidates: int
    neighbours: int
    forms_records: int
    sampled: int
    samples: int
    names: int
    fluency: int


SMOKE = Sizes(siblings_per_record=2, candidates=99, neighbours=20, forms_records=5, sampled=3, samples=8, names=10, fluency=10)
STANDARD = Sizes(siblings_per_record=9, candidates=999, neighbours=300, forms_records=20, sampled=20, samples=128, names=200, fluency=40)
DEEP = Sizes(siblings_per_record=19, candidates=999, neighbours=300, forms_records=50, sampled=50, samples=1000, names=200, fluency=40)


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemSource:
    """The records of one ticket: to forget, retained in training, held out from unlearning, and the plan's seed.

    Retained and held-out records are about other people, and the model was trained on both.
    """

    forget: Sequence[Record]
    retain: Sequence[Record]
    holdout: Sequence[Record]
    seed: int
    sizes: Sizes


def dice(seed: int, *parts: object) -> random.Random:
    """Return a generator for one purpose: the same seed and parts draw the same, and other purposes draw independently."""
    # A text seed is hashed with SHA-512 by `random`, so PYTHONHASHSEED has no part in it.
    return random.Random(":".join(["items", str(seed), *map(str, parts)]))
