"""What a model's replies to one prompt amounted to: counts and shares, no text. Standard library only, as `item_scores`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyScores:
    """Outcome of `samples` generations after one prompt; every judgement is a fixed rule, no model judges.

    leaks          replies that hold one of the item's keys (normalised; the prompt holds none)
    refusals       replies that the refusal matcher takes for one
    rouge_recall   mean ROUGE-L recall against the gold answer, 0 to 1; NaN without a gold answer
    rouge_f1       mean ROUGE-L F1, likewise
    repeats        mean share of 4-grams that repeat an earlier one, 0 to 1
    entropy        mean entropy of the reply's bigrams, in bits
    """

    record_id: str
    label: str
    samples: int
    leaks: int
    refusals: int
    rouge_recall: float
    rouge_f1: float
    repeats: float
    entropy: float
