"""The reference band: how much models that never saw the records differ among themselves. Standard library only.

A margin below that would fail the never-shown models too. Computed when the plan is made, from the controls alone, so
that it is signed before anything is unlearned; never below the card's own margin.
Source: specs/verification/09_statistics.md §9.3 no. 1.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import decimal_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from rtbf.verify.observed import Observation

FEWEST_CONTROLS = 5
PERCENTILE_FROM = 8
"""From so many controls on the band is the 95th percentile of the pairs' differences, below it their greatest."""

_SHARE = 0.95


def reference_band(controls: Sequence[Sequence[Observation]], probe: ModuleType) -> float | None:
    """Return the band of a probe's mean over records, in its unit; None for fewer than five controls or a missing number.

    controls   the same items, scored by each control model as served
    """
    if len(controls) < FEWEST_CONTROLS:
        return None
    means = [_mean_over_records(found, probe) for found in controls]
    if any(mean is None or not math.isfinite(mean) for mean in means):
        return None
    gaps = sorted(abs(one - other) for one, other in combinations([mean for mean in means if mean is not None], 2))
    return gaps[-1] if len(controls) < PERCENTILE_FROM else gaps[math.ceil(_SHARE * len(gaps)) - 1]


def banded(margin: str, origin: str, band: float | None, n_controls: int) -> tuple[str, str]:
    """Return (margin, origin): the band where it is wider than the card's margin, and who chose it."""
    text = None if band is None else decimal_text(band)
    if text is None or band is None or band <= float(margin):
        return margin, origin
    how = "greatest" if n_controls < PERCENTILE_FROM else "95th percentile of the"
    return text, f"reference band: {how} difference between two of {n_controls} control models (floor {margin})"


def _mean_over_records(found: Sequence[Observation], probe: ModuleType) -> float | None:
    by_record: dict[str, list[float]] = {}
    for entry in found:
        value = probe.value(entry)
        if value is not None:
            by_record.setdefault(entry.record_id, []).append(value)
    means = [math.fsum(values) / len(values) for values in by_record.values()]
    return math.fsum(means) / len(means) if means else None
