"""Put tables between the markers of a hand-written page: what a benchmark measured is replaced, what a person wrote stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def fill(text: str, name: str, part: str, writer: str) -> str:
    """Return the page's text with what stands between a part's two markers replaced.

    writer   the benchmark's file name, which the opening marker tells
    raises   SystemExit where the two markers are not there exactly once
    """
    opening, closing = f"<!-- {name}: written by benchmarks/{writer} -->", f"<!-- end of {name} -->"
    filled, count = re.subn(
        f"{re.escape(opening)}.*?{re.escape(closing)}", lambda _: f"{opening}\n\n{part}\n\n{closing}", text, flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"found {count} places for '{name}' in the page of {writer}, expected one; put its two markers back")
    return filled


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
