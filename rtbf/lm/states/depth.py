"""How deep an erasure goes by the logit lens: pure arithmetic on figures that `lens.py` measured. Standard library only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWING_DROP_NATS = 0.05
"""A layer counts where the never-shown model lies further than this below the original (sheet 5.2)."""


def depth(original: Sequence[float], unlearned: Sequence[float], reference: Sequence[float]) -> float | None:
    """Return one item's erasure score, 0 (as before) to 1 (like the never-shown model), or None if no layer knew it.

    Each argument holds the item's mean log-probability after each layer, in nats, of one model. With the drop from the
    original d = original − model, the score is Σ_l d_ref,l · clip(d_unl,l / d_ref,l, 0, 1) / Σ_l d_ref,l over layers
    with d_ref,l > 0.05 nats (sheet 5.2). It does not see over-forgetting: below the reference counts as 1. A figure that
    is not finite gives NaN. Raises ValueError when the three do not have the same number of layers.
    """
    if not len(original) == len(unlearned) == len(reference):
        raise ValueError(f"{len(original)}, {len(unlearned)} and {len(reference)} layers")
    if not all(map(math.isfinite, (*original, *unlearned, *reference))):
        return math.nan
    drops = [(before - never, before - after) for before, after, never in zip(original, unlearned, reference, strict=True)]
    knowing = [(of_reference, of_unlearned) for of_reference, of_unlearned in drops if of_reference > KNOWING_DROP_NATS]
    if not knowing:
        return None
    erased = math.fsum(min(max(of_unlearned, 0.0), of_reference) for of_reference, of_unlearned in knowing)
    return erased / math.fsum(of_reference for of_reference, _ in knowing)
