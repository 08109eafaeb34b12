"""Stage 3 for a method that makes the weights anew: what it was given, what came out, and the proof of how that came about.

Which training, and what of it is run a second time, is the method's. What this does not do: judge. A proof that contradicts
itself is stored like any other, and the verdict reads it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import Fault
from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import environment
from rtbf.lm.restored import is_restored
from rtbf.plan.card import load, method_card
from rtbf.progress import Progress, silent
from rtbf.unlearn.method import Rebuild, Rebuilt
from rtbf.unlearn.record import TrainingProof, Unlearned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.digest import ArtefactFile
    from rtbf.lm.recipes.plain import Base
    from rtbf.lm.record import Removal
    from rtbf.plan.record import Plan
    from rtbf.unlearn.method import PrivateBase, ShardWork
    from rtbf.unlearn.record import ArtefactKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Remaining:
    """What a plan leaves to be trained on, when the weights are made anew; see `rtbf.unlearn.method.Rebuild`.

    withheld          records of the plan's forget set that stay among the inputs, in its order
    near_duplicates   how many inputs share a run of `run_words` words with a forgotten record
    unaudited         digests of bases whose own data nobody recorded
    along             what other tickets remove in the same run: none of it is among the records
    private           the private training that a method of class dp leans on
    """

    records: Sequence[Record]
    parameters: tuple[tuple[str, str], ...]
    seed: int
    base: Base | None
    original: Path
    withheld: tuple[str, ...]
    near_duplicates: int
    run_words: int
    unaudited: tuple[str, ...]
    shards: ShardWork | None = None
    along: tuple[Removal, ...] = ()
    private: PrivateBase | None = None


def rebuild(plan: Plan, plan_digest: str, remaining: Remaining, folder: Path, *, progress: Progress = silent) -> tuple[Unlearned, Path]:
    """Make the weights anew as the plan's method says; return the record, with how they came about, and their folder.

    A run that was killed goes on, and ends in the same record. Raises Fault when a record to be forgotten is among the inputs,
    or when there are inputs exactly where the method's card says that it trains on nothing.
    """
    forgotten = set(plan.forget.record_ids) - set(remaining.withheld)
    ids = [record.record_id for record in remaining.records]
    card = method_card(plan.method)
    trains_on = card.trains_on
    trains_on_nothing = trains_on == "nothing"
    has_wrong_number = bool(ids) if trains_on_nothing else not ids and trains_on == "remaining"
    if has_wrong_number or not forgotten.isdisjoint(ids):
        raise Fault(
            found=f"{len(ids)} inputs, {len(forgotten.intersection(ids))} of them to be forgotten",
            expected="no input" if trains_on_nothing else "at least one input and none to be forgotten",
            remedy="nothing was changed; report this as a defect",
        )
    make_private_folder(folder)
    told = "restoring the base" if trains_on_nothing else "training anew"
    kind: ArtefactKind = "private" if card.class_cap == "dp" else "retrained"
    target, states = folder / kind, folder / "checkpoint"
    retained = set(plan.retain.record_ids)
    built: Rebuilt = load("method", plan.method).rebuild(
        Rebuild(
            records=remaining.records,
            parameters=remaining.parameters,
            seed=remaining.seed,
            base=remaining.base,
            original=remaining.original,
            original_digest=plan.model_digest,
            target=target,
            states=states,
            progress=lambda _step, done, total: progress(told, done, total),
            shards=remaining.shards,
            settings=plan.parameters,
            watched=[record for record in remaining.records if record.record_id in retained],
            private=remaining.private,
        )
    )
    shutil.rmtree(states, ignore_errors=True)
    files = list_files(target)
    _require_restored(built, files, plan.model_digest)
    record = Unlearned(
        ticket_id=plan.ticket_id,
        attempt=plan.attempt,
        plan_digest=plan_digest,
        method=plan.method,
        kind=kind,
        artefact_digest=digest_of_files(files),
        files=files,
        base_digest=plan.model_digest,
        withheld=remaining.withheld,
        steps=built.steps,
        stop_reason="recipe_ended",
        curve=(),
        environment=environment(),
        proof=TrainingProof(
            procedure=plan.method if trains_on_nothing else dict(remaining.parameters)["recipe"],
            recipe_digest=digest_of(list(map(list, built.recipe or remaining.parameters))),
            inputs=len(ids),
            inputs_digest=digest_of(ids),
            forgotten_inputs=len(forgotten.intersection(ids)),
            near_duplicates=remaining.near_duplicates,
            run_words=remaining.run_words,
            rerun=built.rerun,
            unaudited=remaining.unaudited,
            restored=built.restored,
            shards=built.shards,
            privacy=built.privacy,
        ),
    )
    return record, target


def _require_restored(built: Rebuilt, files: Sequence[ArtefactFile], instead_of: str) -> None:
    """Return when the files are those of the base that the method says it restored, if it says so; raises Fault."""
    if built.restored is None or is_restored([(file.name, file.sha256) for file in files], instead_of, built.restored):
        return
    raise Fault(found="other files than those of the restored base and its note", expected="these and no others", remedy="run it again")
