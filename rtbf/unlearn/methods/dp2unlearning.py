"""DP2Unlearning: fine-tune again, for fewer epochs, from a base whose own training bounds what the person could do to it.

θ_u = FT(θ_B, D without F), never from the model that is served; θ_B = DPSGD(θ_0, D; ε, δ) stays (paper, stages 0 and 2). The person
has no part in the fine-tuning, so θ_u is (ε, δ)-close to what both trainings would have given without them: post-processing. Not
shown by it: closeness to a training without privacy, anything of the model that was served before, or of others' records that tell
of the person.

The control that the paper lacks: the same epochs on the same records from θ_0. Where that comes to the same, the saving is due to the
shorter training and not to the private base.
Source: Al Mahmud et al., arXiv 2504.13774; specs/methods/dp2unlearning.md.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import TYPE_CHECKING

from rtbf.errors import Fault
from rtbf.evidence.canonical import decimal_text
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.plain import train
from rtbf.lm.scoring import score_items
from rtbf.lm.training import FolderCheckpoints
from rtbf.unlearn.method import Rebuilt
from rtbf.unlearn.privacy import privacy_proof
from rtbf.unlearn.record import WarmStart
from rtbf.unlearn.second_run import trained_and_run_again

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.plain import Base
    from rtbf.lm.stretch import RunStates
    from rtbf.progress import Progress
    from rtbf.unlearn.method import Rebuild

CARD = {
    "name": "dp2unlearning",
    "title": "Fine-tune again from a private base",
    "paper": "Al Mahmud, Jebreel, Domingo-Ferrer, Sánchez 2025, DP2Unlearning (Neural Networks)",
    "source": "arXiv 2504.13774, stage 2",
    "parameters": [
        {
            "name": "fraction", "kind": "decimal", "default": "0.5", "minimum": "0.01", "maximum": "1",
            "meaning": "share of the original's epochs that is trained, rounded up to whole ones",
            "source": "paper: 3 of 6 epochs (Llama 2), 5 of 10 (Phi 1.5)",
        },
    ],
    "needs": ["a model that was fine-tuned here by the recipe plain, on a base that was trained here by the recipe dp"],
    "artefact": "weights",
    "class_cap": "dp",
    "works_on": ["on_dp"],
    "cost_formula": "3 · 2 · fraction · epochs · tokens of the remaining records, and a stretch of it again",
    "warnings": [
        "bounded, not exact: the base keeps a trace of the person, which its certificate limits",
        "the bound is for one subject; for records of several it is not stated",
    ],
}  # fmt: skip

_WATCHED_RECORDS = 100


def rebuild(work: Rebuild) -> Rebuilt:
    """Train the shortened recipe from the private base, run a stretch of it again, and the same recipe from the untrained one."""
    if work.private is None or work.base is None:
        raise Fault(found="no private base to begin with", expected="one with its certificate", remedy="report this as a defect")
    shortened, epochs, full_epochs = shortened_recipe(work.parameters, dict(work.settings)["fraction"])

    def trained(checkpoint: RunStates, progress: Progress) -> None:
        _train(work, shortened, work.base, work.target, checkpoint, progress)

    steps, rerun = trained_and_run_again(trained, work.states / "private", work)
    control = work.states / "untrained-control"
    if not control.is_dir():
        states = FolderCheckpoints(folder=work.states / "untrained")
        _train(work, shortened, work.private.untrained, control, states, lambda _step, *done: work.progress("training the control", *done))
    watched = drawn_records(work.watched, work.seed)
    start = WarmStart(
        epochs=epochs,
        full_epochs=full_epochs,
        private_nll_nats=_mean_nll_nats(work.target, watched),
        untrained_nll_nats=_mean_nll_nats(control, watched),
    )
    return Rebuilt(steps=steps, rerun=rerun, privacy=privacy_proof(work.private, start), recipe=shortened)


def shortened_recipe(parameters: tuple[tuple[str, str], ...], fraction: str) -> tuple[tuple[tuple[str, str], ...], int, int]:
    """Return the recipe with its epochs cut to the fraction, rounded up; how many these are; and how many there were."""
    full = int(dict(parameters)["epochs"])
    epochs = math.ceil(Fraction(fraction) * full)
    return tuple((name, str(epochs) if name == "epochs" else text) for name, text in parameters), epochs, full


def _train(
    work: Rebuild, parameters: tuple[tuple[str, str], ...], base: Base | None, target: Path, checkpoint: RunStates, progress: Progress
) -> None:
    train(
        records=work.records,
        parameters=parameters,
        seed=work.seed,
        base=base,
        tokenizer_from=None,
        target=target,
        checkpoint=checkpoint,
        progress=progress,
    )


def drawn_records(records: Sequence[Record], seed: int) -> list[Record]:
    """Return the records that both are measured on: a fixed draw, so that the same are asked again."""
    places = random.Random(f"warm:{seed}").sample(range(len(records)), min(_WATCHED_RECORDS, len(records)))
    return [records[place] for place in sorted(places)]


def _mean_nll_nats(folder: Path, records: Sequence[Record]) -> str:
    """Return the mean NLL per answer token of the records' items under the model of a folder, as decimal text."""
    model = load_model(folder, digest_of_files(list_files(folder)), "a model that was trained anew")
    items = training_items(list(records), load_tokenizer(folder), context_tokens(model))
    scores = score_items(model, items, columns="plain")
    total, tokens = (math.fsum(-sum(score.log_probs) for score in scores), sum(len(score.log_probs) for score in scores))
    return decimal_text(total / tokens) or "not finite"
