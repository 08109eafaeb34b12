"""The never-shown controls of a ticket: the model's own recipe on its records without the person's.

Controls are kept with the ticket's artefacts, named by what they were made from, and made once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_records
from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder
from rtbf.foundry.families import sharded_control
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.recipes.effort import expected_epochs
from rtbf.lm.recipes.plain import Base, train
from rtbf.lm.training import FolderCheckpoints
from rtbf.progress import Progress, silent
from rtbf.store import registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import CorpusEntry
    from rtbf.installation import Installation
    from rtbf.lm.record import Model

CONTROL_SEED_STEP = 1_000
CHEAP_CONTROL_FLOPS = 5e13
"""A control is trained when 6 × parameters × tokens stays below this: about ten minutes on one slow CPU core."""


def ancestors_of(installation: Installation, model: Model) -> list[Model]:
    """Return what the model was fine-tuned from, nearest first; unlearned revisions stand for the model they came from."""
    found = []
    with installation.transaction() as session:
        base = registry.fine_tuning_base(session, model)
        while base is not None:
            found.append(base.model)
            base = registry.fine_tuning_base(session, base.model)
    return found


def why_not_retrained(model: Model, ancestors: Sequence[Model], found_in: set[str]) -> str | None:
    """Return why the model cannot be made again without the person's records, or None when it can.

    ancestors   what the model was fine-tuned from, nearest first; found_in: corpus versions that hold the person's records
    """
    if dict(model.recipe).get("recipe") not in {"plain", "sharded"} or model.seed is None or len(model.trained_on) != 1:
        return "the model was not trained here by a recorded recipe, so it cannot be trained again without the records"
    if any(trained.version in found_in for ancestor in ancestors for trained in ancestor.trained_on):
        return "a base of the model was itself trained on the person's records, so a control made from it would know them"
    return None


def why_not_dropped(model: Model, ancestors: Sequence[Model], found_in: set[str]) -> str | None:
    """Return why dropping an adapter from the model would not take the person's records away, or None when it would.

    Arguments as for `why_not_retrained`.
    """
    if (reason := why_not_retrained(model, ancestors, found_in)) is not None:
        return reason
    recipe = dict(model.recipe)
    if (recipe.get("recipe"), recipe.get("tune")) != ("plain", "lora") or not ancestors:
        return "the model is no single adapter that was trained here over a registered base, so there is none to drop"
    return None


def why_no_control(model: Model, ancestors: Sequence[Model], found_in: set[str], parameters: int, tokens: int) -> str | None:
    """Return why a never-shown control is not trained for this model, or None when it is lawful and cheap enough.

    Arguments as for `why_not_retrained`; `tokens` are those of the corpus.
    """
    if dict(model.recipe).get("recipe") == "dp":
        return "a control of a private model would be another private training, which differs from this one by its noise already"
    if ancestors and dict(ancestors[0].recipe).get("recipe") == "dp" and any(part.version in found_in for part in ancestors[0].trained_on):
        return "the private base was trained with the person's records: whatever is made from it may hold what its certificate bounds"
    if (reason := why_not_retrained(model, ancestors, found_in)) is not None:
        return reason
    flops = 6 * parameters * tokens * expected_epochs(dict(model.recipe))
    if flops > CHEAP_CONTROL_FLOPS:
        return f"training one would take about {flops:.0e} floating-point operations; the limit is {CHEAP_CONTROL_FLOPS:.0e}"
    return None


def control_model(
    installation: Installation,
    model: Model,
    original: Path,
    entry: CorpusEntry,
    without: Sequence[str],
    ticket_id: str,
    number: int,
    *,
    base: Base | None,
    progress: Progress = silent,
) -> tuple[Path, str, int]:
    """Return (folder, digest, seed) of control `number` from 1: the model's recipe on its records without `without`.

    Made once per ticket and set of records: a second call finds it. Its tokenizer is the original's.
    """
    assert model.seed is not None
    seed = model.seed + CONTROL_SEED_STEP * number
    name = digest_of([list(model.recipe), seed, entry.version.digest, sorted(without), model.digest]).removeprefix("sha256:")[:16]
    folder = installation.home.path / "artefacts" / ticket_id / "controls" / name
    if not folder.is_dir():
        make_private_folder(folder.parent)
        gone = {*without, *model.trained_on[0].excluded}
        records = [record for record in read_records(entry, installation.home.resolved) if record.record_id not in gone]
        if dict(model.recipe)["recipe"] == "sharded":
            told = f"control model {number}, "
            sharded_control(installation, model, records, seed, folder, progress=lambda step, *done: progress(told + step, *done))
            return folder, digest_of_files(list_files(folder)), seed
        train(
            records=records,
            parameters=model.recipe,
            seed=seed,
            base=base,
            tokenizer_from=original,
            target=folder,
            checkpoint=FolderCheckpoints(folder=folder.with_name(f".{name}.checkpoint")),
            progress=lambda _step, done, total: progress(f"control model {number}", done, total),
        )
    return folder, digest_of_files(list_files(folder)), seed
