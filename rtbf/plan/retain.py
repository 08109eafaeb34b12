"""Draw the records that must stay: some to train against, others, never touched by training, to measure utility on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import digest_of
from rtbf.plan.record import RecordSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.corpora.corpus import CorpusVersion

MAX_RETAIN = 2_000
MAX_HOLDOUT = 500
HOLDOUT_ONE_IN = 5


def record_set(corpus: CorpusVersion, record_ids: Sequence[str]) -> RecordSet:
    """Return the records with the digest of their list."""
    ids = tuple(record_ids)
    return RecordSet(corpus=corpus.name, version=corpus.digest, record_ids=ids, digest=digest_of([corpus.digest, list(ids)]))


def draw_retain(corpus: CorpusVersion, candidates: Sequence[str], seed: int) -> tuple[RecordSet, RecordSet]:
    """Return (retain sample, utility holdout): disjoint, drawn without replacement, one record in five held out.

    `candidates` are the trained-on records without the forget records, in corpus order. The draw depends on them and
    the seed alone. Either set may be empty when there are too few; the caller refuses such a plan.
    """
    order = list(candidates)
    random.Random(f"retain:{seed}").shuffle(order)
    n_holdout = min(MAX_HOLDOUT, len(order) // HOLDOUT_ONE_IN)
    holdout, retain = order[:n_holdout], order[n_holdout : n_holdout + MAX_RETAIN]
    return record_set(corpus, retain), record_set(corpus, holdout)
