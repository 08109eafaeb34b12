"""Progress on a terminal: one bar for the present step, on standard error. Elsewhere silence.

Steps and records are counted; forward tokens come in millions that nobody reads, so they are told as a percentage.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.progress import Progress

_IN_TOKENS = frozenset({"measuring"})
"""Steps that count forward tokens (`verify.arms`)."""


def count_text(step: str, done: int, total: int) -> str:
    """Return how much of a step is done: "37 %" where tokens are counted, "3/20" elsewhere."""
    if step not in _IN_TOKENS:
        return f"{done}/{total}"
    # Rounded down: a step that is not over never says 100 %.
    return f"{min(done, total) * 100 // total if total else 0:3d} %"


@contextlib.contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yield a progress callable that draws a bar while the block runs, when standard error is a terminal."""
    from rtbf.progress import silent  # noqa: PLC0415 - beside rich below

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # noqa: PLC0415 - 60 ms, only on a terminal
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("left:", style="dim"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def draw(step: str, done: int, total: int) -> None:
            if step not in tasks:
                for old in tasks.values():
                    bars.remove_task(old)  # type: ignore[arg-type]
                tasks.clear()
                tasks[step] = bars.add_task(step, total=total, count="")
            bars.update(tasks[step], completed=done, total=total, count=count_text(step, done, total))  # type: ignore[arg-type]

        yield draw
