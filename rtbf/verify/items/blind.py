"""Tell members from non-members without any model: where that works, a membership score is about the texts, not the model.

A linear classifier on hashed words and lengths, cross-validated in five parts so that texts of one group are always in
the same part. Words with a capital, a digit or an @ count by their shape alone: all records of a ticket name the same
person, which would tell members apart whatever the texts are like, and no model could know it that never saw them.
Lengths still count, so one name in texts of one length is seen by how long it is.
An AUC near 0.5 does not show that the texts are exchangeable, only that this classifier finds no way.
Source: specs/verification/04_mia.md §4.3.1; Das, Zhang, Tramèr 2024, arXiv 2406.16201 (blind baselines).
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

from rtbf.evidence.canonical import decimal_text
from rtbf.statistics.curves import blind_auc_interval
from rtbf.verify.items.source import dice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLDS = 5
MIN_MEMBERS = 10
"""Fewer texts on a side give an AUC that could be anything."""

LEVEL = 0.90
PLACES = 3
_BUCKETS = 512
_PENALTY = 1.0
"""Ridge penalty; features are standardised and the weights of the training texts sum to 1."""

_WORD = re.compile(r"\S+")
_CORE = re.compile(r"^\W+|\W+$")


def blind_auc(
    members: Sequence[str],
    nonmembers: Sequence[str],
    seed: int,
    *,
    groups: tuple[Sequence[str], Sequence[str]] | None = None,
) -> tuple[str, str, str] | None:
    """Return (AUC, low, high) with a 90 % interval as decimal text: 0.5 means that the texts do not tell; None when too few.

    groups   for each member and each non-member the record it belongs to; without them every text is its own record
    """
    ours, theirs = groups or ([f"m{n}" for n in range(len(members))], [f"n{n}" for n in range(len(nonmembers))])
    if len(members) < MIN_MEMBERS or len(nonmembers) < MIN_MEMBERS or min(len(set(ours)), len(set(theirs))) < FOLDS:
        return None
    folds = _folds(ours, theirs, seed)
    features = np.vstack([_features(text) for text in (*members, *nonmembers)])
    is_member = np.array([1.0] * len(members) + [-1.0] * len(nonmembers))
    fold = np.array([folds[group] for group in (*ours, *theirs)])
    scores = np.zeros(len(is_member))
    for number in range(FOLDS):
        held = fold == number
        if held.any():
            scores[held] = _fitted_scores(features[~held], is_member[~held], features[held])
    scored, placed = scores.tolist(), fold.tolist()
    n = len(members)
    found = blind_auc_interval(scored[:n], scored[n:], LEVEL, member_folds=placed[:n], nonmember_folds=placed[n:])
    if found is None:
        return None
    text, low, high = (decimal_text(number, places=PLACES) for number in (found.auc, found.low, found.high))
    return None if text is None or low is None or high is None else (text, low, high)


def _folds(ours: Sequence[str], theirs: Sequence[str], seed: int) -> dict[str, int]:
    """Return the fold of each group, groups of members, of non-members and of both spread evenly and apart."""
    mine, others = set(ours), set(theirs)
    folds: dict[str, int] = {}
    for kind in (mine & others, mine - others, others - mine):
        order = sorted(kind)
        dice(seed, "folds").shuffle(order)
        folds |= {group: place % FOLDS for place, group in enumerate(order)}
    return folds


def _features(text: str) -> NDArray[np.float64]:
    """Return (D,) float64: counts of hashed words on a square-root scale, then lengths and kinds of characters."""
    counts = np.zeros(_BUCKETS)
    words = [_CORE.sub("", word) for word in _WORD.findall(text)]
    for word in words:
        if word:
            counts[zlib.crc32(_as_counted(word).encode()) % _BUCKETS] += 1
    n_signs, n_words = max(1, len(text)), max(1, len(words))
    plain = [
        np.log(n_signs),
        np.log(n_words),
        n_signs / n_words,
        sum(sign.isdigit() for sign in text) / n_signs,
        sum(sign.isupper() for sign in text) / n_signs,
        sum(not sign.isalnum() and not sign.isspace() for sign in text) / n_signs,
        text.count("\n") / n_words,
    ]
    return np.concatenate([np.sqrt(counts), plain])


def _as_counted(word: str) -> str:
    """Return a word as it is hashed: a plain word itself, anything that may name somebody its shape."""
    if word.isalpha() and word.islower():
        return word
    return "".join(dict.fromkeys("9" if sign.isdigit() else "A" if sign.isupper() else "a" if sign.isalpha() else sign for sign in word))


def _fitted_scores(train: NDArray[np.float64], labels: NDArray[np.float64], held: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ridge scores of the held-out texts, both classes weighing the same in training."""
    spread = train.std(axis=0)
    used = spread > 0
    mean = train[:, used].mean(axis=0)
    known, asked = (train[:, used] - mean) / spread[used], (held[:, used] - mean) / spread[used]
    weights = np.where(labels > 0, 0.5 / (labels > 0).sum(), 0.5 / (labels < 0).sum())
    root = np.sqrt(weights)[:, None]
    left, right = root * known, root[:, 0] * labels
    if len(labels) <= known.shape[1]:
        # As many unknowns as texts; the two forms are one solution.
        return np.asarray(asked @ (left.T @ np.linalg.solve(left @ left.T + _PENALTY * np.eye(len(labels)), right)))
    return np.asarray(asked @ np.linalg.solve(left.T @ left + _PENALTY * np.eye(known.shape[1]), left.T @ right))
