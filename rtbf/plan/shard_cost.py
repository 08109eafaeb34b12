"""What an erasure costs where a model was trained in shards and slices, as a share of one full training; and what that stores.

A subject lies in one of S shards and one of R slices, uniformly and independently of all others (a keyed PRF). Erasing
re-runs each touched shard from the earliest touched slice to its end. The closed forms count slices of equal numbers of records, with
the rehearsal of earlier ones that the recipe asks for; for unequal slices `rerun_tokens` counts tokens. Nothing here says what a
model trained in S shards is worth.
Source: methods/exact-unlearning.md, method 1 (SISA on adapters), with the batch formula made exact over K_s ~ Binomial(K, 1/S).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATE_BYTES_PER_PARAMETER = 12  # float32: the weight and AdamW's two moments; the sheet keeps optimizer state with each slice


def slice_weights(slices: int, rehearsal: Fraction) -> tuple[Fraction, ...]:
    """Return what each slice of a shard costs, the first being 1: slice r is trained with a share of all earlier ones, 1 + (r−1)·ρ.

    rehearsal   ρ, the share of its chance to take part that a record keeps in later slices: 0 where slices are apart (the sheet's
                disjoint ones), 1 where each slice is trained with all before it (its cumulative ones)
    raises      BadInput where slices are not positive, or ρ is not from 0 to 1.
    """
    _require_grid(1, slices)
    if not 0 <= rehearsal <= 1:
        raise BadInput(found=f"a rehearsal of {rehearsal}", expected="a share from 0 to 1", remedy="take it from the model's recipe")
    return tuple(1 + place * rehearsal for place in range(slices))


def one_subject_share(shards: int, slices: int, rehearsal: Fraction = Fraction(0)) -> Fraction:
    """Return the expected share of a full training that one erasure re-runs: (1/S) · Σ_r r·w_r / (R · Σ_r w_r).

    With slices apart that is (1/S) · (R+1)/(2R), with cumulative ones (1/S) · (2R+1)/(3R).
    raises   BadInput where shards or slices are not positive, or ρ is not from 0 to 1.
    source   the sheet's c_1, both forms; between them by the same count.
    """
    _require_grid(shards, slices)
    weights = slice_weights(slices, rehearsal)
    return sum((number * weight for number, weight in enumerate(weights, start=1)), Fraction(0)) / (slices * sum(weights) * shards)


def touched_shards(subjects: int, shards: int) -> float:
    """Return the expected number of shards that K subjects touch: S · (1 − (1 − 1/S)^K).

    raises   BadInput where shards are not positive or subjects are negative.
    source   the sheet's E.
    """
    _require_grid(shards, 1)
    _require_count(subjects)
    return shards * (1 - (1 - 1 / shards) ** subjects)


def batch_share(subjects: int, shards: int, slices: int, rehearsal: Fraction = Fraction(0)) -> float:
    """Return the expected share of a full training that K subjects erased in one batch re-run.

    A shard whose earliest hit lies in slice m re-runs T_m = Σ_{r≥m} w_r / Σ_r w_r of itself. No hit lies before m with the chance
    G_m = (1 − 1/S + (R−m+1)/(R·S))^K, none at all with G_{R+1} = (1 − 1/S)^K, so the mean is, exactly, Σ_m (G_m − G_{m+1}) · T_m.
    returns  0 for no subject; tends to 1 where K is far above S·R.
    raises   BadInput where shards or slices are not positive, subjects are negative, or ρ is not from 0 to 1.
    source   the sheet's batch formula, of which its K_s/(K_s+1) is the approximation; made exact over K_s ~ Binomial(K, 1/S).
    """
    _require_grid(shards, slices)
    _require_count(subjects)
    if not subjects:
        return 0.0  # the sum below leaves a rounding error
    weights = slice_weights(slices, rehearsal)
    missed = 1 - 1 / shards
    spared = [(missed + (slices - place) / (slices * shards)) ** subjects for place in range(slices + 1)]
    tails = [float(sum(weights[place:]) / sum(weights)) for place in range(slices)]
    return sum((spared[place] - spared[place + 1]) * tails[place] for place in range(slices))


def subjects_until(share: float, shards: int, slices: int) -> int:
    """Return the smallest batch whose expected share reaches `share`: beyond it a remedy of that flat cost is cheaper.

    share    of a full training, above 0 and below 1 (1 itself is never reached where S > 1)
    raises   BadInput outside that range, or where shards or slices are not positive.
    """
    _require_grid(shards, slices)
    if not 0 < share < 1:
        raise BadInput(found=f"a share of {share}", expected="a share above 0 and below 1", remedy="name the share of one full training")
    low, high = 0, 1
    while batch_share(high, shards, slices) < share:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if batch_share(middle, shards, slices) >= share else (middle, high)
    return high


def rerun_share(places: Iterable[tuple[int, int]], shards: int, slices: int, rehearsal: Fraction = Fraction(0)) -> Fraction:
    """Return the share of a full training that erasing at these places re-runs, with slices of equal numbers of records.

    places   (shard from 0, slice from 1), as often as they occur
    raises   BadInput where a place lies outside the grid, or ρ is not from 0 to 1.
    """
    earliest = _earliest(places, shards, slices)
    weights = slice_weights(slices, rehearsal)
    return sum((sum(weights[first - 1 :], Fraction(0)) for first in earliest.values()), Fraction(0)) / (shards * sum(weights))


def rerun_tokens(places: Iterable[tuple[int, int]], tokens: Mapping[tuple[int, int], int], shards: int, slices: int) -> int:
    """Return the training tokens that erasing at these places re-runs.

    tokens   what training passes through each place without the erased subjects; a place that is absent holds none
    raises   BadInput where a place lies outside the grid.
    """
    earliest = _earliest(places, shards, slices)
    return sum(tokens.get((shard, each), 0) for shard, first in earliest.items() for each in range(first, slices + 1))


def adapter_parameters(shapes: Iterable[tuple[int, int]], rank: int) -> int:
    """Return the parameters of a LoRA of this rank on linear maps of these (inputs, outputs): Σ rank · (inputs + outputs)."""
    return sum(rank * (inputs + outputs) for inputs, outputs in shapes)


def storage_bytes(shards: int, slices: int, parameters: int, *, rewritten_shards: int = 0) -> int:
    """Return what the slice checkpoints of a family take: S · R · 12 bytes a parameter (weight and two moments, float32).

    rewritten_shards   shards that are written anew at this moment: their old checkpoints are destroyed only afterwards
    raises             BadInput where shards or slices are not positive.
    """
    _require_grid(shards, slices)
    return (shards + rewritten_shards) * slices * parameters * STATE_BYTES_PER_PARAMETER


def _earliest(places: Iterable[tuple[int, int]], shards: int, slices: int) -> dict[int, int]:
    _require_grid(shards, slices)
    earliest: dict[int, int] = {}
    for shard, each in places:
        if not (0 <= shard < shards and 1 <= each <= slices):
            raise BadInput(
                found=f"the place shard {shard}, slice {each}",
                expected=f"a shard from 0 to {shards - 1} and a slice from 1 to {slices}",
                remedy="take places, shards and slices from the same family",
            )
        earliest[shard] = min(each, earliest.get(shard, each))
    return earliest


def _require_grid(shards: int, slices: int) -> None:
    if shards < 1 or slices < 1:
        raise BadInput(found=f"{shards} shards of {slices} slices", expected="at least one of each", remedy="count them from 1")


def _require_count(subjects: int) -> None:
    if subjects < 0:
        raise BadInput(found=f"{subjects} subjects", expected="none or more", remedy="count the subjects of the batch")
