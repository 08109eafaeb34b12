"""Exact tests on the rank of a true answer among other answers that it could as well have been.

One item is one secret: its true answer was drawn in the same way as its J candidates, and independently of other items.
Then, for a model that was never shown it, each of the J + 1 places is equally likely, whatever the model is. No test here
needs a reference model or a shape of the scores.
Does not prove anything for answers that were not exchangeable with their candidates before training (surnames, towns):
subtract a never-shown model's ranks first. Nor for a mean of several ranks of one item (several forms): such a mean is
not uniform and its p can be up to twice too small (Vovk & Wang 2020, "Combining p-values via averaging"); take one form,
fixed beforehand, or double the p.
Sources: specs/verification/03_memorisation.md §3.4, §3.7; Phipson & Smyth 2010 (a drawn p is never 0); de Moivre 1756
(sums of dice by inclusion and exclusion).
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import fft

from rtbf.statistics.intervals import mean_interval

if TYPE_CHECKING:
    from rtbf.statistics.intervals import MeanInterval

Side = Literal["low", "high"]
"""low: the true answer ranks too well, so it is still known · high: it ranks too badly, so it was suppressed (a trace)."""

MAX_EXACT_ITEMS = 500
"""Up to this many items with the same number of candidates are counted in whole numbers, without any rounding."""

LATTICE_WORK = 2**23
"""More items, or different sizes, are laid on a lattice that holds all places exactly, while its steps times the sizes stay below this."""

LATTICE_STEPS = 2**18
"""Beyond that, sums are laid on a lattice of about this many steps, each item rounded towards the larger p."""

FEWEST_STEPS = 512
"""But never fewer than this for one item."""

_TRANSFORM_ERROR = 1e-12
"""More than a Fourier transform of so many probabilities loses; added to p, so that p is never too small."""

_ROUNDING = 1e-6


def normalised_rank(n_greater: int, n_equal: int, n_candidates: int) -> float:
    """Return u = (rank − 1/2)/(J + 1) of a true answer among J candidates: 0.5 carries no information, near 0 is known.

    n_greater, n_equal   candidates that score higher than the true answer, and the same
    Half of the equal ones count as higher: u is the middle of the places that the answer could take, so that a model which
    gives all answers one score has u = 0.5. A test must not profit from ties: give it `n_equal` as well.
    Raises ValueError for counts that do not fit each other; without a candidate there is no rank.
    """
    if n_candidates < 1 or n_greater < 0 or n_equal < 0 or n_greater + n_equal > n_candidates:
        raise ValueError(f"{n_greater} greater and {n_equal} equal of {n_candidates} candidates; expected counts of at least one candidate")
    return (n_greater + n_equal / 2 + 0.5) / (n_candidates + 1)


def mean_rank_p(
    us: Sequence[float], n_candidates: int | Sequence[int], *, side: Side, n_equal: Sequence[int] | None = None
) -> float | None:
    """Return P(the mean rank is at least as extreme), had each true answer been just another candidate.

    us             one normalised rank per item, as `normalised_rank` gives it
    n_candidates   J, one for all items or one per item
    n_equal        candidates tied with the true answer, per item: it is then placed behind all of them, against the claim of
                   `side`. Without it, a half place (an odd number of ties) is still rounded against the claim, but an even
                   number cannot be seen, and with many large ties p can be up to twice too small.

    Super-uniform: P(p ≤ α) ≤ α for independent items. Exact when all J are equal (up to 8 million places in all), or where all places
    lie on one lattice that is not too fine; else an upper bound of the exact p. Each item is then rounded by half a step on average:
    together 0.01 standard errors of the mean rank for 100 items that all have another J, and 0.15 for 2 000. Needs no seed.
    None for no item or a u that is not finite. Raises ValueError for a u outside the J + 1 places, or sequences of different lengths.
    """
    if not us or not all(math.isfinite(u) for u in us):
        return None
    places, sizes = _places(us, n_candidates, n_equal, side)
    if len(set(sizes)) == 1 and len(us) <= MAX_EXACT_ITEMS:
        return _counted(places, sizes[0])
    return _on_lattice(places, sizes)


def mean_rank_attainable(n: int, n_candidates: int | Sequence[int]) -> float:
    """Return the smallest p that `mean_rank_p` can give for n items: every answer in the best place; 1.0 without items."""
    sizes = _sizes(n, n_candidates)
    return mean_rank_p([0.5 / size for size in sizes], [size - 1 for size in sizes], side="low") or 1.0


def min_rank_p(
    us: Sequence[float], n_candidates: int | Sequence[int], *, side: Side = "low", n_equal: Sequence[int] | None = None
) -> float | None:
    """Return the smallest single-item p, times the number of items: Holm's first step, that is Bonferroni.

    It finds one secret that is known among many that are not, which the mean dilutes; items need not be independent. Arguments,
    None and errors as for `mean_rank_p`. Trying both this and the mean is two tests, and the family must count both.
    """
    if not us or not all(math.isfinite(u) for u in us):
        return None
    places, sizes = _places(us, n_candidates, n_equal, side)
    return min(1.0, len(us) * min(place / size for place, size in zip(places, sizes, strict=True)))


def min_rank_attainable(n: int, n_candidates: int | Sequence[int]) -> float:
    """Return the smallest p that `min_rank_p` can give: n/(J + 1) for the largest J; ten items of J = 99 cannot go below 0.1."""
    sizes = _sizes(n, n_candidates)
    return min_rank_p([0.5 / size for size in sizes], [size - 1 for size in sizes], side="low") or 1.0


def monte_carlo_p(n_at_least: int, n_draws: int) -> float | None:
    """Return (1 + k)/(m + 1): k of m draws from the null were at least as extreme, ties included.

    The observed arrangement is one of those possible, so p is never 0 and P(p ≤ α) ≤ α for any m (Phipson & Smyth
    2010), if the draws are exchangeable with what was observed. None without draws; raises ValueError for k > m.
    """
    if n_at_least < 0 or n_at_least > n_draws:
        raise ValueError(f"{n_at_least} of {n_draws} draws; expected a count between none and all of them")
    return None if n_draws == 0 else (1 + n_at_least) / (n_draws + 1)


def rank_interval(us: Sequence[float], *, level: float, seed: int) -> MeanInterval | None:
    """Return the mean normalised rank with its interval, as `mean_interval` makes it: None below two items."""
    return mean_interval(us, level=level, seed=seed)


def _sizes(n: int, n_candidates: int | Sequence[int]) -> list[int]:
    """Return J + 1 for each of the n items."""
    counts = list(n_candidates) if isinstance(n_candidates, Sequence) else [n_candidates] * n
    if len(counts) != n or any(count < 1 for count in counts):
        raise ValueError(f"{len(counts)} numbers of candidates for {n} items; expected one per item, each at least 1")
    return [count + 1 for count in counts]


def _places(
    us: Sequence[float], n_candidates: int | Sequence[int], n_equal: Sequence[int] | None, side: Side
) -> tuple[list[int], list[int]]:
    """Return each item's place, 1 being the strongest evidence for `side`, and its number of places."""
    sizes = _sizes(len(us), n_candidates)
    ties = [0] * len(us) if n_equal is None else list(n_equal)
    if len(ties) != len(us) or any(tied < 0 for tied in ties):
        raise ValueError(f"{len(ties)} numbers of ties for {len(us)} items; expected one per item, none negative")
    places = []
    for u, size, tied in zip(us, sizes, ties, strict=True):
        middle = (u if side == "low" else 1 - u) * size + 0.5
        place = math.ceil(middle + tied / 2 - _ROUNDING)
        if not 1 - _ROUNDING <= middle <= size + _ROUNDING or place > size:
            raise ValueError(f"a normalised rank that is none of {size} places with {tied} ties; expected (rank - 1/2)/(J + 1)")
        places.append(place)
    return places, sizes


def _counted(places: Sequence[int], size: int) -> float:
    """Return P(sum of n ranks 1..size ≤ observed), counted in whole numbers and rounded once."""
    n, observed = len(places), sum(places)
    mirrored = n * (size + 1) - observed - 1
    total: int = size**n
    # The ranks are symmetric; the shorter of both tails has fewer terms.
    favourable = _arrangements(n, size, observed) if observed <= mirrored else total - _arrangements(n, size, mirrored)
    return max(favourable / total, sys.float_info.min)


def _arrangements(n: int, size: int, limit: int) -> int:
    """Return how many of the size^n rank vectors sum to at most `limit` (de Moivre 1756)."""
    terms = range((limit - n) // size + 1) if limit >= n else range(0)
    return sum((-1 if k % 2 else 1) * math.comb(n, k) * math.comb(limit - k * size, n) for k in terms)


def _on_lattice(places: Sequence[int], sizes: Sequence[int]) -> float:
    """Return an upper bound of P(Σ (rank − 1)/size ≤ observed) for items of different sizes.

    Each item's value is rounded down to a step of 1/D. The rounded sum is never larger than the true one, so it stays below
    the observed sum at least as often. With D a multiple of all sizes nothing is rounded.
    """
    n = len(places)
    common = math.lcm(*sizes)
    steps = common if n * common * len(set(sizes)) <= LATTICE_WORK else max(LATTICE_STEPS // n, FEWEST_STEPS)
    # Each item lies in 0 … steps − 1, so no sum reaches n · steps and the transform does not wrap round.
    length = int(fft.next_fast_len(n * steps, real=True))
    transform = np.ones(length // 2 + 1, dtype=np.complex128)
    for size, repeats in Counter(sizes).items():
        weights = np.bincount(np.arange(size, dtype=np.int64) * steps // size, minlength=length) / size
        transform *= fft.rfft(weights) ** repeats
    masses = fft.irfft(transform, n=length)
    observed = sum((Fraction(place - 1, size) for place, size in zip(places, sizes, strict=True)), Fraction(0))
    return min(1.0, max(float(masses[: math.floor(observed * steps) + 1].sum()), 0.0) + _TRANSFORM_ERROR)
