"""How far two drawings of one interval or p-value may lie apart, and whether two stated ones do. Standard library only.

Intervals come from 9 999 bootstrap draws and p-values from 99 999 drawn signs: another numpy or scipy may draw others.
A distance is always returned beside what another drawing would explain.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from rtbf.errors import ExtraMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARE_OF_WIDTH = Decimal("0.1")
"""Another 9 999 bootstrap draws move an end of a 90 % interval by about 0.7 % of its width (one standard error)."""
STANDARD_ERRORS = Decimal(9)
"""Two drawings of one p-value differ by more than this many of either's standard errors about never."""
SIGN_DRAWS = Decimal(100_000)
LAST_FIGURE = Decimal("0.000001")
"""Free in an interval: sums of floats differ in it from machine to machine. One draw more or less behind a p-value moves it
by ten such figures, so it is held to be the same."""


class Ends(Protocol):
    """An interval as a report states it, in decimal text."""

    @property
    def low(self) -> str:
        """Return the lower end."""

    @property
    def high(self) -> str:
        """Return the upper end."""

    @property
    def level(self) -> str:
        """Return the confidence level."""


class Drawn(Protocol):
    """What of a probe's result depends on drawing."""

    @property
    def probe_id(self) -> str:
        """Return the protocol's id."""

    @property
    def interval(self) -> Ends | None:
        """Return the interval of the effect."""

    @property
    def assay(self) -> Ends | None:
        """Return the interval of what the original knew."""

    @property
    def p_leak(self) -> str | None:
        """Return the p-value of "more remembered"."""

    @property
    def p_trace(self) -> str | None:
        """Return the p-value of "less remembered"."""


def require_as_drawn(found: Drawn, stated: Drawn, *, environment: Mapping[str, str], here: Mapping[str, str]) -> ExtraMissing | None:
    """Return None when what was drawn agrees, or why it cannot be told here; raises ValueError when it does not.

    environment   what the report says it was drawn by
    here          name and version of what drew `found`
    """
    pairs = [
        ("interval", *interval_gap(found.interval, stated.interval)),
        ("assay", *interval_gap(found.assay, stated.assay)),
        ("p_leak", *p_gap(found.p_leak, stated.p_leak)),
        ("p_trace", *p_gap(found.p_trace, stated.p_trace)),
    ]
    off = [(name, gap, allowed) for name, gap, allowed in pairs if gap > LAST_FIGURE]
    if not off:
        return None
    is_same = all(environment.get(name) == number for name, number in here.items())
    if is_same or any(gap > allowed for _, gap, allowed in off):
        raise ValueError(f"an item log that gives other numbers for {stated.probe_id}: {', '.join(name for name, *_ in off)}")
    wanted = " ".join(f"{name}=={environment[name]}" for name in here if name in environment)
    return ExtraMissing(
        found=f"{stated.probe_id}: {', '.join(name for name, *_ in off)} drawn otherwise by this numpy and scipy",
        expected=wanted or "the numpy and scipy of the report, which it does not name",
        remedy=f"pip install {wanted} and check again" if wanted else "ask the operator which ones they were",
    )


def interval_gap(found: Ends | None, stated: Ends | None) -> tuple[Decimal, Decimal]:
    """Return the greater distance of two ends and what another drawing would explain; an absent interval is infinitely far."""
    if found is None or stated is None:
        return _absent(found, stated)
    if found.level != stated.level:
        return Decimal("inf"), Decimal(0)
    ends = [(Decimal(found.low), finite(stated.low)), (Decimal(found.high), finite(stated.high))]
    width = Decimal(found.high) - Decimal(found.low)
    return max(abs(here - there) for here, there in ends), SHARE_OF_WIDTH * width


def p_gap(found: str | None, stated: str | None) -> tuple[Decimal, Decimal]:
    """Return the distance of two p-values and what another drawing would explain."""
    if found is None or stated is None:
        return _absent(found, stated)
    p = Decimal(found)
    error = (max(p * (1 - p), 1 / SIGN_DRAWS) / SIGN_DRAWS).sqrt()
    return abs(p - finite(stated)), STANDARD_ERRORS * error


def _absent(found: object, stated: object) -> tuple[Decimal, Decimal]:
    return (Decimal(0) if found is stated else Decimal("inf")), Decimal(0)


def finite(text: str) -> Decimal:
    """Return a stated number; raises ValueError when it is none."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal("nan")
    if not value.is_finite():
        raise ValueError("a stated number that is none")
    return value
