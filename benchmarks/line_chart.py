"""A line chart as an SVG text, for the pictures of docs/scaling.md: logarithmic or linear axes, one colour and one dash a line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 590, 46, 360
COLOURS = ("#444444", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by all eyes
DASHES = ("6 4", "", "", "", "2 3", "8 3 2 3", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One axis: what it shows, the numbers written along it (the first and the last are its ends), and its scale."""

    title: str
    ticks: tuple[float, ...]
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the first tick and 1 at the last."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.is_logarithmic:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


def draw_lines(title: str, across: Axis, up: Axis, lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """Return the picture; each line is a name and its points (x, y), drawn with the name beside it in the legend."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
        *_grid(across, up),
    ]
    for number, (name, points) in enumerate(lines):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        stroke = f'stroke="{colour}" stroke-width="2.2"' + (f' stroke-dasharray="{dash}"' if dash else "")
        path = " ".join(f"{_x(across, x):.1f},{_y(up, y):.1f}" for x, y in points)
        at_y = TOP + 10 + 24 * number
        parts.append(f'<polyline points="{path}" fill="none" {stroke}/>')
        parts.append(f'<line x1="{RIGHT + 14}" y1="{at_y}" x2="{RIGHT + 42}" y2="{at_y}" {stroke}/>')
        parts.append(f'<text x="{RIGHT + 48}" y="{at_y + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _grid(across: Axis, up: Axis) -> list[str]:
    parts = []
    for tick in across.ticks:
        x = _x(across, tick)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in up.ticks:
        y = _y(up, tick)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = (TOP + BOTTOM) / 2
    parts.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 42}" text-anchor="middle">{escape(across.title)}</text>')
    parts.append(f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">{escape(up.title)}</text>')
    return parts


def _x(axis: Axis, value: float) -> float:
    return LEFT + (RIGHT - LEFT) * axis.place(value)


def _y(axis: Axis, value: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * axis.place(value)
