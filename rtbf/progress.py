"""How long work tells those who wait: a callable handed in by the edge, never a global.

A stage calls `progress(step, done, total)`. The edge may draw a bar, extend a lease, or raise to cancel.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called often with a step's short name and how much of it is done; raising stops the work at a safe place."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report `done` of `total` units of `step`."""


def silent(step: str, done: int, total: int) -> None:
    """Report to nobody."""
