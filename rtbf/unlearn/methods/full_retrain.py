"""Retrain without the records: the original's own recipe, seed and tokenizer on what remains. The honest baseline.

Exact in law: the weights are a draw of what the recipe makes of the remaining records. They are not the weights that another
run would have given: batches follow the number of records. Kept from the original, and said in the claim: the tokenizer.
A stretch of the training, drawn by the seed, is run a second time from a kept state; on a CPU it must end in the same bits.
Source: PROTOCOL §2, class E; specs/methods/exact-unlearning.md ("What exact must mean").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.recipes.plain import train
from rtbf.unlearn.method import Rebuilt
from rtbf.unlearn.second_run import trained_and_run_again

if TYPE_CHECKING:
    from rtbf.lm.stretch import RunStates
    from rtbf.progress import Progress
    from rtbf.unlearn.method import Rebuild

CARD = {
    "name": "full_retrain",
    "title": "Retrain without the records",
    "paper": "the definition of exact unlearning; as a baseline since Cao & Yang 2015 (IEEE S&P)",
    "source": "specs/methods/exact-unlearning.md",
    "needs": ["a model trained here by the recipe plain, on a base that was not trained on the records"],
    "artefact": "weights",
    "class_cap": "exact",
    "works_on": ["plain"],
    "cost_formula": "3 · epochs · tokens of the remaining records, and a stretch of it again",
    "warnings": ["costs a whole training; the tokenizer is kept, though the records had a part in it"],
}


def rebuild(work: Rebuild) -> Rebuilt:
    """Train on the remaining records and write the new weights; then run the kept stretch again."""

    def trained(checkpoint: RunStates, progress: Progress) -> None:
        train(
            records=work.records,
            parameters=work.parameters,
            seed=work.seed,
            base=work.base,
            tokenizer_from=work.original,
            target=work.target,
            checkpoint=checkpoint,
            progress=progress,
        )

    steps, rerun = trained_and_run_again(trained, work.states, work)
    return Rebuilt(steps=steps, rerun=rerun)
