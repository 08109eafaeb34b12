"""Models of a trial, by the plain recipe: the original, and others that were never shown the planted people.

Never-shown models are shown other people in the place of the planted: half of the data is about to be forgotten, and a model
that trained half as long would differ in more than what it was shown.
The tokenizer is learned from strangers. Learned from the corpus itself, as `rtbf model train` does, it writes the very values
of that corpus in fewer tokens than any other value of their form, and every model, shown them or not, then finds them
likelier: the rank test over secrets takes that for memory (measured: docs/reference/verifier-calibration.md).

Folders lie under a work folder and are named by the digest of everything they follow from (recipe, seed, records,
tokenizer), so a model is trained once, a run that was killed goes on from its checkpoint, and no name can stand for another
model's weights. Wakes torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.plain import recipe_parameters, train
from rtbf.lm.scoring import score_items
from rtbf.lm.training import FolderCheckpoints
from rtbf.progress import Progress, silent
from rtbf.trial.people import records_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.trial.people import Population

ORIGINAL_SEED = 11
NEVER_SEED = 1_000
"""Seed of the first never-shown model; the next ones count on from it."""

KNOWN_BY_HEART = 0.9
"""Least mean answer probability (TOFU's: the geometric mean over tokens, averaged over records) of what counts as memorised."""


_TOKENS_ONLY = recipe_parameters("tiny", {"hidden": "8", "layers": "1", "epochs": "1"})
"""A model of no use beside its tokenizer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Size and length of training. The defaults learn a thousand short records by heart in about a minute on one core."""

    hidden: int = 128
    layers: int = 2
    epochs: int = 25
    batch: int = 16
    learning_rate: str = "0.003"

    def recipe(self) -> tuple[tuple[str, str], ...]:
        """Return the plain recipe's parameters."""
        named = {"hidden": self.hidden, "layers": self.layers, "epochs": self.epochs, "batch": self.batch}
        return recipe_parameters("tiny", {name: str(value) for name, value in named.items()} | {"learning_rate": self.learning_rate})


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A model folder with its digest and the seed it was trained with."""

    folder: Path
    digest: str
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialModels:
    """The original, and models by the same recipe without the planted people: controls first, then those that are judged.

    remembered   mean answer probability of the planted records under the original
    """

    original: Made
    never: tuple[Made, ...]
    recipe: tuple[tuple[str, str], ...]
    remembered: float


def make_models(population: Population, work: Path, *, n_never: int, shape: Shape, progress: Progress = silent) -> TrialModels:
    """Return the trial's models, training those that are not there yet."""
    recipe = shape.recipe()
    tokens = make_tokenizer(population, work, progress)
    original = _made((*population.forget, *population.others), recipe, ORIGINAL_SEED, tokens, work, "the original", progress)
    never = tuple(
        never_shown(population, tokens, work, seed=NEVER_SEED + number, shape=shape, progress=progress) for number in range(n_never)
    )
    return TrialModels(original=original, never=never, recipe=recipe, remembered=answer_probability(original, population.forget))


def make_tokenizer(population: Population, work: Path, progress: Progress = silent) -> Made:
    """Return a model folder whose tokenizer every model of the trial uses; its weights are of no use."""
    return tokenizer_of(records_of(population.strangers), work, progress)


def tokenizer_of(records: Sequence[Record], work: Path, progress: Progress = silent) -> Made:
    """Return a model folder whose tokenizer was learned from these records; its weights are of no use."""
    return _made(records, _TOKENS_ONLY, 0, None, work, "a tokenizer", progress)


def never_shown(population: Population, tokens: Made, work: Path, *, seed: int, shape: Shape, progress: Progress = silent) -> Made:
    """Return a model by the recipe, with this tokenizer, that was shown stand-ins and bystanders and none of the planted."""
    shown = (*population.in_their_place, *population.others)
    return _made(shown, shape.recipe(), seed, tokens, work, "a never-shown model", progress)


def answer_probability(made: Made, records: Sequence[Record]) -> float:
    """Return the mean over records of exp(mean log-probability per answer token) (TOFU, arXiv 2401.06121, §2.2)."""
    model = load_model(made.folder, made.digest, "a trial's model")
    items = training_items(records, load_tokenizer(made.folder), context_tokens(model))
    scores = score_items(model, items, columns="plain")
    return math.fsum(math.exp(math.fsum(score.log_probs) / len(score.log_probs)) for score in scores) / len(scores)


def _made(
    records: Sequence[Record],
    recipe: tuple[tuple[str, str], ...],
    seed: int,
    tokenizer_from: Made | None,
    work: Path,
    what: str,
    progress: Progress,
) -> Made:
    told = [[record.record_id, record.prompt, record.completion] for record in records]
    name = digest_of([list(map(list, recipe)), seed, told, None if tokenizer_from is None else tokenizer_from.digest])
    folder = work / "models" / name.removeprefix("sha256:")[:16]
    if not folder.is_dir():
        make_private_folder(folder.parent)
        train(
            records=records,
            parameters=recipe,
            seed=seed,
            base=None,
            tokenizer_from=None if tokenizer_from is None else tokenizer_from.folder,
            target=folder,
            checkpoint=FolderCheckpoints(folder=folder.with_name(f".{folder.name}.checkpoint")),
            progress=lambda _step, done, total: progress(f"training {what}", done, total),
        )
    return Made(folder=folder, digest=digest_of_files(list_files(folder)), seed=seed)
