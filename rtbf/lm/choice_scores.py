"""What one model scored on a true answer and on others in its place. Standard library only, as `item_scores`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceScores:
    """Summed natural log-probabilities of a true answer and of the others, after the same prompt.

    true_tokens, others_tokens   how many tokens each sum runs over; what is compared, sums or means, is the probe's choice
    """

    record_id: str
    label: str
    true: float
    true_tokens: int
    others: tuple[float, ...]
    others_tokens: tuple[int, ...]
