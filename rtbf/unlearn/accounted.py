"""Stage 3 where nothing is done: the record that a private training bounds what the person could do to the weights that stay.

Looks at no weights. What it shows is the certificate, counted again, and that the records to be forgotten were among the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import Fault
from rtbf.evidence.canonical import digest_of
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import environment
from rtbf.unlearn.privacy import privacy_proof
from rtbf.unlearn.record import TrainingProof, Unlearned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.plan.record import Plan
    from rtbf.unlearn.method import PrivateBase

PROCEDURE = "dp"
"""Of the proof: what the weights were made by, and nothing after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounded:
    """The private training of the model itself.

    inputs      ids of all records that the training was given, in the corpus's order
    withheld    records of the plan's forget set that are left alone, in its order
    unaudited   digests of bases whose own data nobody recorded
    """

    original: Path
    recipe: tuple[tuple[str, str], ...]
    inputs: Sequence[str]
    withheld: tuple[str, ...]
    run_words: int
    unaudited: tuple[str, ...]
    private: PrivateBase


def accounted(plan: Plan, plan_digest: str, bounded: Bounded) -> tuple[Unlearned, Path]:
    """Return the record that a bound is stated, and the folder of the weights, which stay. Raises Fault where these are others."""
    files = list_files(bounded.original)
    if digest_of_files(files) != plan.model_digest:
        raise Fault(found="other files than the plan's model", expected=plan.model_digest, remedy="restore the model from a backup")
    forgotten = set(plan.forget.record_ids) - set(bounded.withheld)
    record = Unlearned(
        ticket_id=plan.ticket_id,
        attempt=plan.attempt,
        plan_digest=plan_digest,
        method=plan.method,
        kind="accounted",
        artefact_digest=plan.model_digest,
        files=files,
        base_digest=plan.model_digest,
        withheld=bounded.withheld,
        steps=0,
        stop_reason="nothing_to_train",
        curve=(),
        environment=environment(),
        proof=TrainingProof(
            procedure=PROCEDURE,
            recipe_digest=digest_of(list(map(list, bounded.recipe))),
            inputs=len(bounded.inputs),
            inputs_digest=digest_of(list(bounded.inputs)),
            forgotten_inputs=len(forgotten.intersection(bounded.inputs)),
            near_duplicates=None,
            run_words=bounded.run_words,
            rerun=None,
            unaudited=bounded.unaudited,
            restored=None,
            shards=None,
            privacy=privacy_proof(bounded.private, None),
        ),
    )
    return record, bounded.original
