"""An effect drawn in one line of characters: zero, the limit, the interval and the estimate; it reads without colour.

The scale is the margin itself, so the limits of all probes stand under each other whatever their units: what lies between
them is small enough to pass. Beyond two and a half margins an arrow says that the rest is cut off; the numbers say how far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rtbf.verify.record import ProbeResult

WIDTH = 23
_ZERO = WIDTH // 2
_CELLS_PER_MARGIN = 4
_BAND, _OUTSIDE, _INTERVAL, _NOTHING, _ESTIMATE = "░", " ", "━", "│", "●"
_CUT = ("◀", "▶")
KEY = "░ within the limit  │ no difference  ━●━ effect with its interval  ◀ ▶ cut off"


def effect_bar(probe: ProbeResult) -> Text:
    """Return the drawing, `WIDTH` characters wide; empty without an estimate or a margin to measure it by."""
    margin = float(probe.margin)
    if probe.estimate is None or margin <= 0:
        return Text("")
    is_two_sided = probe.direction == "two_sided"
    cells = [_background(at, is_two_sided=is_two_sided) for at in range(WIDTH)]
    if probe.interval is not None:
        low, high = _cell(float(probe.interval.low), margin), _cell(float(probe.interval.high), margin)
        for at in range(max(low, 0), min(high, WIDTH - 1) + 1):
            cells[at] = _INTERVAL
        _mark_cut(cells, low, high)
    at = _cell(float(probe.estimate), margin)
    if 0 <= at < WIDTH:
        cells[at] = _ESTIMATE
    else:
        _mark_cut(cells, at, at)
    return _coloured(cells)


def _cell(value: float, margin: float) -> int:
    return _ZERO + round(value / margin * _CELLS_PER_MARGIN)


def _background(at: int, *, is_two_sided: bool) -> str:
    if at == _ZERO:
        return _NOTHING
    is_inside = at <= _ZERO + _CELLS_PER_MARGIN and (at >= _ZERO - _CELLS_PER_MARGIN or not is_two_sided)
    return _BAND if is_inside else _OUTSIDE


def _mark_cut(cells: list[str], low: int, high: int) -> None:
    """Put an arrow where the drawing ends and the effect does not."""
    if low < 0:
        cells[0] = _CUT[0]
    if high >= WIDTH:
        cells[-1] = _CUT[1]


def _coloured(cells: list[str]) -> Text:
    styles = {_BAND: "green", _NOTHING: "dim", _INTERVAL: "cyan", _ESTIMATE: "bold cyan", _CUT[0]: "cyan", _CUT[1]: "cyan"}
    text = Text(no_wrap=True)
    for cell in cells:
        text.append(cell, style=styles.get(cell, ""))
    return text
