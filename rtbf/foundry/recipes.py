"""The recipes that `rtbf model train` knows: what each asks for, and what of its training is recorded with the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rtbf.errors import BadInput
from rtbf.foundry.families import train_sharded
from rtbf.foundry.private import train_private
from rtbf.lm.recipes.dp.recipe import dp_parameters
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.lm.recipes.sharded.shape import sharded_parameters
from rtbf.lm.training import FolderCheckpoints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.installation import Installation
    from rtbf.progress import Progress

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingWork:
    """What a recipe is given.

    target   the folder the model will lie in, written whole or not at all
    states   a folder of its own for what a training that was killed goes on from; gone when it has ended
    """

    installation: Installation
    records: Sequence[Record]
    parameters: Parameters
    seed: int
    base: Base | None
    target: Path
    states: Path
    progress: Progress


class Recipe(Protocol):
    """One way of training a model."""

    def parameters(self, preset: str, overrides: Mapping[str, str]) -> Parameters:
        """Return every parameter of a run as sorted (name, text); raises BadInput."""

    def train(self, work: TrainingWork) -> Parameters:
        """Write the model and return what the registry records as its recipe."""


class Plain:
    """From scratch, or the fine-tuning of a base."""

    def parameters(self, preset: str, overrides: Mapping[str, str]) -> Parameters:
        """As `plain.recipe_parameters`."""
        return recipe_parameters(preset, dict(overrides))

    def train(self, work: TrainingWork) -> Parameters:
        """As `plain.train`."""
        train(
            records=work.records,
            parameters=work.parameters,
            seed=work.seed,
            base=work.base,
            tokenizer_from=None,
            target=work.target,
            checkpoint=FolderCheckpoints(folder=work.states),
            progress=work.progress,
        )
        return work.parameters


class Sharded:
    """Adapters by shard over a frozen base."""

    def parameters(self, preset: str, overrides: Mapping[str, str]) -> Parameters:  # noqa: ARG002 - presets are plain's
        """As `shape.sharded_parameters`."""
        return sharded_parameters(overrides)

    def train(self, work: TrainingWork) -> Parameters:
        """As `families.train_sharded`; the family's id and the state of its shards join the recipe."""
        recipe, _ = train_sharded(
            work.installation,
            records=work.records,
            parameters=work.parameters,
            seed=work.seed,
            base=required_base(work),
            target=work.target,
            marker=work.states / "family.json",
            progress=work.progress,
        )
        return recipe


class Private:
    """One adapter over a frozen base, trained so that each subject's influence is bounded."""

    def parameters(self, preset: str, overrides: Mapping[str, str]) -> Parameters:  # noqa: ARG002 - presets are plain's
        """As `dp.recipe.dp_parameters`."""
        return dp_parameters(overrides)

    def train(self, work: TrainingWork) -> Parameters:
        """As `private.train_private`; the certificate's digest joins the recipe."""
        return train_private(
            work.installation,
            records=work.records,
            parameters=work.parameters,
            seed=work.seed,
            base=required_base(work),
            target=work.target,
            states=work.states,
            progress=work.progress,
        )


RECIPES: dict[str, Recipe] = {"plain": Plain(), "sharded": Sharded(), "dp": Private()}


def recipe_named(name: str) -> Recipe:
    """Return the recipe that is called so; raises BadInput."""
    if name not in RECIPES:
        raise BadInput(found=f"recipe '{name}'", expected=f"one of {', '.join(RECIPES)}", remedy="choose one with --recipe")
    return RECIPES[name]


def required_base(work: TrainingWork) -> Base:
    """Return the model to fine-tune; raises BadInput where none was named."""
    if work.base is None:
        raise BadInput(
            found=f"recipe '{dict(work.parameters)['recipe']}' without a base",
            expected="a model to fine-tune",
            remedy="name it with --base",
        )
    return work.base
