"""How long a ticket is left alone after the world failed it. Kept in the worker's memory: a restart tries at once.

Celery's own delayed retry is not used: its message would lie in Redis, while the sweep nudges from the database anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_DELAY_S = 5.0
LONGEST_DELAY_S = 300.0


class BackOff:
    """Doubles the pause with every failure of a ticket, from 5 s to 5 min; forgets it with the first success."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._failures: dict[str, tuple[int, float]] = {}

    def is_waiting(self, ticket_id: str) -> bool:
        """Return whether the ticket's pause still lasts."""
        _, until_s = self._failures.get(ticket_id, (0, 0.0))
        return self._monotonic_s() < until_s

    def note_failure(self, ticket_id: str) -> float:
        """Begin the ticket's next pause and return its length in seconds."""
        count = self._failures.get(ticket_id, (0, 0.0))[0] + 1
        delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(count - 1, 10))
        self._failures[ticket_id] = (count, self._monotonic_s() + delay_s)
        return delay_s

    def forget(self, ticket_id: str) -> None:
        """Drop what is known of the ticket."""
        self._failures.pop(ticket_id, None)
