"""How often a recipe looks at a record, by its parameters alone: what every estimate of a training's cost starts from. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping


def expected_epochs(recipe: Mapping[str, str]) -> float:
    """Return how often a record is trained on: of plain, its epochs; of sharded and dp, rate times the steps in which it may be drawn.

    Of sharded a record is drawn in the steps of its own slice and, less often, in those of later ones; the mean over slices is
    told: rate · steps · (1 + ρ·(R−1)/2). Raises BadInput for a recipe that is not one of these.
    """
    name = recipe.get("recipe")
    if name == "plain":
        return float(recipe["epochs"])
    if name in {"sharded", "dp"}:
        drawn = float(recipe["rate"]) * int(recipe["steps"])
        return drawn if name == "dp" else drawn * (1 + float(recipe["rehearsal"]) * (int(recipe["slices"]) - 1) / 2)
    raise BadInput(found=f"recipe '{name}'", expected="plain, sharded or dp", remedy="name a model that was trained here")
