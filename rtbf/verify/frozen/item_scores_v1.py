"""What one model scored on one sequence, as item logs of the second form keep it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemScores:
    """Scores of one item's answer tokens, teacher-forced.

    log_probs   natural log-probability of each answer token
    hits        whether the arg-max at each position is the answer token
    has_end     whether the last token is the end mark; verbatim scores leave it out
    """

    record_id: str
    log_probs: tuple[float, ...]
    hits: tuple[bool, ...]
    has_end: bool

    @property
    def content_hits(self) -> tuple[bool, ...]:
        """Return the hits without the end mark."""
        return self.hits[:-1] if self.has_end else self.hits
