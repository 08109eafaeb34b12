"""Score an arm between its layers, or against the original: the states lens-half, steered-a and guided-w. Wakes torch.

The original stands beside the arm: two whole models are in memory where every other state has one. Controls are treated
in the same way as the artefact: what the difference of two models gives away, when the second was never shown the
records, is what the attack finds where there is nothing to find (sheet 6.2).
None of these states says that nothing is left. A lens sees what lies along the output layer (`lm.states.lens`), steering
tries one direction a layer (`lm.states.direction`), and guiding says nothing about whoever lacks the weights of before
(`lm.states.diff`).
Source: specs/verification/05_intrinsic.md §5.2, §5.7; 06_recovery.md §6.3 (A5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from rtbf.errors import BadInput, Fault
from rtbf.lm.scoring import score_items
from rtbf.lm.states.decoder import decoder_of
from rtbf.lm.states.diff import guided_scores
from rtbf.lm.states.direction import direction_between, direction_restore, mean_state, middle_layers
from rtbf.lm.states.lens import half_depth, lens_scores
from rtbf.progress import Progress, silent
from rtbf.verify.passes import GUIDED, LENS, STEERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores

HALF = LENS + "half"
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_FEWEST_RECORDS = 2


class TooFewRecordsError(Exception):
    """One record has no other half to take a direction from: scored on its own direction, it would only get itself back."""


def score_white_box(
    model: torch.nn.Module, original: torch.nn.Module, state: str, items: Sequence[Item], *, progress: Progress = silent
) -> list[ItemScores]:
    """Return the scores of `items` in their order: log-probs and hits of the very tokens of the plain pass.

    lens-half   the answer as read off the state after half of the layers, by the original's final norm and output layer
    steered-a   a times the original's mean state less the arm's is added at the layers L/2 to 3L/4; the mean is of the other
                half of the records, so that each item is scored once and never steered by itself
    guided-w    log p = log p_arm + w (log p_original − log p_arm), made to sum to one again

    Forward passes over the items: `passes.forwards_of(state)`. `original` may be `model` itself for the lens alone.
    Raises Fault for another state, and for an architecture that cannot be read between its layers; FloatingPointError for
    weights or states that are no numbers; TooFewRecordsError; ValueError for models of different shape.
    """
    start, _, amount = state.partition("-")
    if state == HALF:
        _require_readable(model, original)
        return lens_scores(model, items, half_depth(model), decoder=original, progress=progress)
    if start + "-" == STEERED and _AMOUNT.fullmatch(amount):
        _require_readable(model, original)
        return _steered(model, original, float(amount), items, progress)
    if start + "-" == GUIDED and _AMOUNT.fullmatch(amount):
        weight = float(amount)
        return guided_scores(original, model, items, weights=(weight,), progress=progress)[weight]
    raise Fault(
        found=f"state '{state}' of a probe's card",
        expected=f"{HALF}, {STEERED}a or {GUIDED}w",
        remedy="mend the probe's CARD; the states are listed in docs/verification.md",
    )


def halves_of(items: Sequence[Item]) -> tuple[list[int], list[int]]:
    """Return the places of the items of every second record, by sorted id, and of the others: a record lies in one half, whole.

    The order of the items changes nothing. Raises TooFewRecordsError for a single record.
    """
    records = sorted({item.record_id for item in items})
    if len(records) < _FEWEST_RECORDS:
        raise TooFewRecordsError
    first = set(records[::2])
    return [at for at, item in enumerate(items) if item.record_id in first], [
        at for at, item in enumerate(items) if item.record_id not in first
    ]


def _steered(
    model: torch.nn.Module, original: torch.nn.Module, alpha: float, items: Sequence[Item], progress: Progress
) -> list[ItemScores]:
    halves, layers = halves_of(items), middle_layers(model)
    scores: dict[int, ItemScores] = {}
    for asked, told in (halves, halves[::-1]):
        known = [items[at] for at in told]
        direction = direction_between(
            mean_state(original, known, layers, progress=progress), mean_state(model, known, layers, progress=progress)
        )
        if not all(bool(torch.isfinite(push).all()) for push in direction.values()):
            raise FloatingPointError
        with direction_restore(model, layers, direction, alpha):
            found = score_items(model, [items[at] for at in asked], columns="plain", progress=progress)
        scores |= zip(asked, found, strict=True)
    return [scores[at] for at in range(len(items))]


def _require_readable(*models: torch.nn.Module) -> None:
    """Refuse an architecture that cannot be read layer by layer: that says nothing about the arm, and the other passes go on."""
    for model in models:
        try:
            decoder_of(model)
        except BadInput as refused:
            if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
                raise FloatingPointError from refused
            raise Fault(found=refused.found, expected=refused.expected, remedy=refused.remedy) from refused
