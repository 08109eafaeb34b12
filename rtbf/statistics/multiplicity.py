"""Adjustment for many tests in one family. Standard library only.

Source: specs/verification/09_statistics.md §9.5; Holm 1979 (step-down, any dependence between the tests).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p-values in the given order: "adjusted ≤ α" rejects with family error α at most.

    A p that is None or not finite stays None and still counts as a test of the family: leaving it out would lower the bar for
    the others. No test gives an empty list. Raises ValueError for a p outside 0 … 1.
    """
    known = [(p, place) for place, p in enumerate(p_values) if p is not None and math.isfinite(p)]
    if any(not 0 <= p <= 1 for p, _ in known):
        raise ValueError("a p-value outside 0 to 1; expected a probability, or None where there is none")
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for step, (p, place) in enumerate(sorted(known)):
        running = max(running, min(1.0, p * (len(p_values) - step)))
        adjusted[place] = running
    return adjusted


def smallest_adjusted(attainable: Sequence[float | None]) -> list[float | None]:
    """Return the smallest adjusted p of each test: all tests at their smallest attainable p at once.

    Holm's values fall when any p falls, so no data can give a smaller one. None as in `holm`.
    """
    return holm(attainable)


def can_reject(attainable: Sequence[float | None], alpha: float) -> list[bool]:
    """Return for each test whether any data could make it reject at family level α; else it cannot fail, and is not "clean".

    This is the least that the resolution guard asks. Ten fields with 99 candidates each (p ≥ 0.01) cannot reject at 0.01. A test
    that passes here may still need the others to reject first: `first_step` asks for more.
    """
    return [p is not None and p <= alpha for p in smallest_adjusted(attainable)]


def first_step(attainable: Sequence[float | None], alpha: float) -> list[bool]:
    """Return for each test whether it could reject alone, all others showing nothing: m · p ≤ α, Holm's first step."""
    return [p is not None and math.isfinite(p) and p * len(attainable) <= alpha for p in attainable]
