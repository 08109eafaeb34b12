"""F0: are the arms what they are said to be? Told from the log and the arms' digests alone. Standard library only.

Catches what an evaluation framework was seen to do: results of one model returned for another, a tokenizer of one model
with the weights of another (specs/anchors/evaluators.md §5, nos. 1 and 6). It proves that the arms differ where their
digests differ and agree where they agree; it does not prove that the weights served elsewhere are these.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.observed import PassKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.observed import Observed
    from rtbf.verify.record import Arm

ADAPTER_OFF = "adapter-off"
BASE_TOLERANCE_NATS = 1e-3
"""With its adapter off, an artefact is its base; another batch of kernels may move the last digits, no more."""


def mismatches(observed: Observed, arms: Sequence[Arm], items: str, *, artefact_kind: str) -> list[str]:
    """Return what does not fit, in plain words without names of records; empty when all arms are what they are said to be.

    Raises KeyError when an arm was not asked about `items`.
    """
    found = []
    if len({arm.tokenizer for arm in arms}) > 1:
        found.append("arms with different tokenizers")
    scores = {arm.name: _log_probs(observed, items, arm.name) for arm in arms}
    for place, one in enumerate(arms):
        for other in arms[place + 1 :]:
            has_same_files = one.digest == other.digest and one.adapter_state == other.adapter_state
            has_same_scores = scores[one.name] == scores[other.name]
            if has_same_files and not _is_near(scores[one.name], scores[other.name]):
                found.append(f"{one.name} and {other.name} are the same files and score differently")
            if has_same_scores and one.digest != other.digest and any(map(math.isfinite, scores[one.name])):
                found.append(f"{one.name} and {other.name} are different files and score alike to the last figure")
    key = PassKey(items=items, arm=observed.unlearned, state=ADAPTER_OFF)
    if artefact_kind == "adapter" and key in observed.passes:
        off = _log_probs(observed, items, observed.unlearned, ADAPTER_OFF)
        if not _is_near(off, scores[observed.original]):
            found.append("with its adapter off, the artefact is not the original")
    return found


def _log_probs(observed: Observed, items: str, arm: str, state: str = "") -> list[float]:
    return [value for entry in observed.scores(items, arm, state) if isinstance(entry, ItemScores) for value in entry.log_probs]


def _is_near(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and all(map(_is_same, one, other))


def _is_same(one: float, other: float) -> bool:
    """Return whether two numbers are near, or broken in the same way: that is a matter for other probes (NUMERIC), not a mix-up."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return one == other or (math.isnan(one) and math.isnan(other))
    return abs(one - other) <= BASE_TOLERANCE_NATS
