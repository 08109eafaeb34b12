"""Plant canaries by coin, train, guess which were planted: which ε this training refutes, and which it could have refuted.

A canary is a made-up subject with one record of random words; it is trained on like any subject where its coin says so. The
recipe's public N counts all canaries, planted or not, or the divisor tells how many were. The
guesses look at the trained weights through one score, how much more likely the canary became. That is one auditor, not the best one:
an audit that refutes nothing says that this auditor saw nothing above `best_refutable`, and no more.
Source: Steinke, Nasr & Jagielski 2023, algorithm 1 (black box, loss as score); `rtbf.statistics.privacy_audit`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.corpora.corpus import Record
from rtbf.errors import BadInput
from rtbf.lm.scoring import score_items
from rtbf.statistics.privacy_audit import best_refutable, one_run_p, refuted_epsilon

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from rtbf.lm.encoding import Item

LEVEL = 0.95
GUESSED_FIFTHS = 2
"""Of how many of five canaries an audit guesses; on those in the middle, of which the scores say least, it abstains (paper, §6)."""
_WORD_LETTERS = "bcdfghjklmnpqrstvwxz"
_WORD_LENGTH = 6
_WORDS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryAudit:
    """What one training said about its canaries.

    canaries         m, each planted with probability 1/2
    guesses          r, fixed before; on the others the auditor abstains
    right            v of the r guesses
    refuted          all ε up to it are refuted at `level` and this δ; None where not even 0 is. A lower bound of the true one.
    best_refutable   what `refuted` would be had all guesses been right: the audit says nothing of any ε above it
    """

    canaries: int
    guesses: int
    right: int
    delta: float
    level: float
    refuted: float | None
    best_refutable: float | None

    def refutes(self, epsilon: float) -> bool:
        """Return whether "this training is (epsilon, delta)-private" is refuted."""
        found = one_run_p(canaries=self.canaries, guesses=self.guesses, right=self.right, epsilon=epsilon, delta=self.delta)
        return found < 1 - self.level

    def has_power(self, epsilon: float) -> bool:
        """Return whether any outcome of this audit would have refuted `epsilon`; where none would, its silence means nothing."""
        return self.best_refutable is not None and self.best_refutable >= epsilon


def made_up_canaries(count: int, subject_field: str, seed: int) -> tuple[Record, ...]:
    """Return records of random words about as many made-up subjects, no two alike and none named as anybody is."""
    rng = random.Random(f"rtbf.dp/canaries:{seed}")

    def words(number: int) -> str:
        return " ".join("".join(rng.choices(_WORD_LETTERS, k=_WORD_LENGTH)) for _ in range(number))

    made = []
    for number in range(count):
        prompt, completion = words(_WORDS // 2), words(_WORDS)
        fields = (("prompt", prompt), ("completion", completion), (subject_field, f"canary {number} {words(2)}"))
        made.append(Record(record_id=f"canary:{number}", prompt=prompt, completion=completion, fields=fields))
    return tuple(made)


def guesses_of(canaries: int) -> int:
    """Return how many guesses an audit of so many canaries makes: even, fixed before any score is known."""
    return max(2, 2 * (canaries * GUESSED_FIFTHS // 10))


def likelier_by(before: torch.nn.Module, after: torch.nn.Module, items: Sequence[Item]) -> list[float]:
    """Return, for each item, by how many nats an answer token became likelier on average from the one model to the other."""
    return gains(nats_of(before, items), nats_of(after, items))


def nats_of(model: torch.nn.Module, items: Sequence[Item]) -> list[float]:
    """Return each item's mean NLL per answer token, in nats."""
    return [-math.fsum(score.log_probs) / len(score.log_probs) for score in score_items(model, items, columns="plain")]


def gains(before_nats: Sequence[float], after_nats: Sequence[float]) -> list[float]:
    """Return, for each item, by how many nats it became likelier."""
    return [one - other for one, other in zip(before_nats, after_nats, strict=True)]


def audited(scores: Sequence[float], planted: Sequence[bool], guesses: int, *, delta: float, level: float = LEVEL) -> CanaryAudit:
    """Return what the guesses come to: "planted" of the half of them with the highest scores, "left out" of that with the lowest.

    raises   BadInput where scores and coins differ in number, a score is unknown, or `guesses` is odd, not positive or above their number
    """
    count = len(scores)
    if not all(map(math.isfinite, scores)):
        raise BadInput(
            found=f"{sum(not math.isfinite(score) for score in scores)} of {count} scores that are no number",
            expected="a score of each canary",
            remedy="audit a model whose losses are finite; a destroyed one tells nothing",
        )
    if len(planted) != count or guesses % 2 or not 0 < guesses <= count:
        raise BadInput(
            found=f"{guesses} guesses about {count} scores and {len(planted)} coins",
            expected="a score for each coin, and an even number of guesses, at most one for each",
            remedy="choose the number of guesses before looking at any score",
        )
    order = sorted(range(count), key=lambda place: (scores[place], place))
    half = guesses // 2
    right = sum(planted[place] for place in order[-half:]) + sum(not planted[place] for place in order[:half])
    return CanaryAudit(
        canaries=count,
        guesses=guesses,
        right=right,
        delta=delta,
        level=level,
        refuted=refuted_epsilon(canaries=count, guesses=guesses, right=right, delta=delta, level=level),
        best_refutable=best_refutable(canaries=count, guesses=guesses, delta=delta, level=level),
    )
