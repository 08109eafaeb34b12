"""Unlearn all planted subjects at once by a method, as a plan for one ticket would: levels, proposals, brake, stop rule, LoRA, merge.

The plan is made in memory by the planner's own `freeze` and carried out by the unlearning stage itself, so what is tried here
is the method with its loop. One run for a hundred people is not a hundred runs: a run for one person has fewer records to
change and as many to keep. Wakes torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.shape import read_shape
from rtbf.evidence.strict_json import read_strict_json
from rtbf.files import make_private_folder, replace_file
from rtbf.footprint.record import ModelReached
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.scoring import score_items, tokens_of
from rtbf.plan.card import load, method_card
from rtbf.plan.quorum import Quorum
from rtbf.plan.record import Control, RecordSet
from rtbf.plan.run import Level, Questions, Selection, freeze
from rtbf.progress import Progress, silent
from rtbf.unlearn.record import Unlearned
from rtbf.unlearn.run import Material, unlearn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores
    from rtbf.plan.record import Plan
    from rtbf.plan.request import PlanRequest
    from rtbf.trial.models import Made

CORPUS = "planted"
_RECORD, _MAX_RECORD_BYTES = "record.json", 1 << 24
OUT_OF_REACH_NATS = "99.000000"
"""A forget level that no model comes to: unlearning then runs all its steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """The two sides of unlearning and what is held out, as records."""

    forget: Sequence[Record]
    retain: Sequence[Record]
    holdout: Sequence[Record]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One unlearning run: its plan and record, and the folders of adapter and merged weights, where it made them, with their digests."""

    plan: Plan
    record: Unlearned
    adapter: Path
    adapter_digest: str
    merged: Path
    merged_digest: str


def run_method(
    request: PlanRequest, sides: Sides, original: Made, controls: Sequence[Made], work: Path, *, seed: int, progress: Progress = silent
) -> Run:
    """Return the run of `request`; a finished one is found again, a killed one goes on from its checkpoint.

    With `request.is_braked` False the run takes all its steps, wherever it has come by then.
    """
    plan = trial_plan(request, sides, original, controls, seed=seed)
    digest = digest_of(plan)
    folder = work / "runs" / digest.removeprefix("sha256:")[:16]
    make_private_folder(folder)
    note = folder / _RECORD
    if note.is_file():
        record = read_shape(Unlearned, read_strict_json(note.read_bytes(), _MAX_RECORD_BYTES))
    else:
        record, _ = unlearn(plan, digest, _material(sides, original), original.folder, folder, progress=progress)
        replace_file(note, canonical_bytes(record))
    adapter, merged = folder / "adapter", folder / "merged"
    return Run(
        plan=plan,
        record=record,
        adapter=adapter,
        adapter_digest=digest_of_files(list_files(adapter)),
        merged=merged,
        merged_digest=digest_of_files(list_files(merged)),
    )


def trial_plan(request: PlanRequest, sides: Sides, original: Made, controls: Sequence[Made], *, seed: int) -> Plan:
    """Return the frozen plan for all planted subjects; raises what `parse_parameters` does for a setting the method lacks."""
    card = method_card(request.named_method)
    level = measured_level(sides, original, controls)
    module = load("method", card.name)
    proposed = (
        module.propose(
            sequence_drop_nats=level.sequence_drop_nats, answer_tokens=level.answer_tokens, model_parameters=level.model_parameters
        )
        if hasattr(module, "propose")
        else {}
    )
    version = digest_of([[record.record_id, record.prompt, record.completion] for record in (*sides.forget, *sides.retain, *sides.holdout)])
    selection = Selection(
        reached=ModelReached(model="trial", digest=original.digest, corpus=CORPUS, version=version, hits=len(sides.forget), via=("trial",)),
        left_out=(),
        decisions_digest=digest_of("every planted record is decided to be forgotten"),
        held=(),
        forget=_record_set(version, sides.forget),
        retain=_record_set(version, sides.retain),
        utility_holdout=_record_set(version, sides.holdout),
        seed=seed,
    )
    plan = freeze(
        request,
        selection,
        ticket_id="T-PLANTED",
        attempt=1,
        planned_by="trial",
        footprint_digest=digest_of("every planted record is known"),
        level=level,
        questions=Questions(profile="standard", sets=(), relearn=None, tokens=0),
        qualification=None,
        controls=[Control(seed=made.seed, digest=made.digest) for made in controls],
        controls_reason=f"{len(controls)} by the same recipe without the planted people",
        control_cost=0,
        proposed=proposed,
        quorum=Quorum(approvers=0, reason="nobody's data: planted people"),
        grace_s=0,
        approval_valid_s=0,
    )
    if request.is_braked:
        return plan
    return replace(plan, stop=replace(plan.stop, forget_nll_nats_min=OUT_OF_REACH_NATS, forget_nll_nats_max=None))


def measured_level(sides: Sides, original: Made, controls: Sequence[Made]) -> Level:
    """Return where original and controls stand on the forget items, as planning measures it."""
    network = load_model(original.folder, original.digest, "a trial's original")
    tokenizer = load_tokenizer(original.folder)
    size = context_tokens(network)
    forget, retain = (training_items(records, tokenizer, size) for records in (sides.forget, sides.retain))
    before = score_items(network, forget, columns="plain")
    after = [score_items(load_model(made.folder, made.digest, "a trial's control"), forget, columns="plain") for made in controls]
    drops = [_sequence_nll(scores) - _sequence_nll(before) for scores in after]
    return Level(
        item_levels_nats=item_levels(after),
        sequence_drop_nats=sum(drops) / len(drops) if drops else None,
        model_parameters=sum(parameter.numel() for parameter in network.parameters()),
        forget_items=len(forget),
        answer_tokens=sum(len(item.answer_ids) for item in forget) / len(forget),
        forget_tokens=tokens_of(forget),
        retain_tokens=tokens_of(retain),
    )


def item_levels(controls: Sequence[Sequence[ItemScores]]) -> tuple[float, ...] | None:
    """Return each item's mean NLL per answer token in nats, averaged over the controls; None without any."""
    if not controls:
        return None
    return tuple(
        sum(-math.fsum(score.log_probs) / len(score.log_probs) for score in scores) / len(scores) for scores in zip(*controls, strict=True)
    )


def _material(sides: Sides, original: Made) -> Material:
    model = load_model(original.folder, original.digest, "a trial's original")
    tokenizer = load_tokenizer(original.folder)
    forget, retain = _items(sides.forget, original), _items(sides.retain, original)
    return Material(model=model, tokenizer=tokenizer, forget=forget, level_places=tuple(range(len(forget))), retain=retain, withheld=())


def _items(records: Sequence[Record], made: Made) -> list[Item]:
    model = load_model(made.folder, made.digest, "a trial's original")
    return training_items(records, load_tokenizer(made.folder), context_tokens(model))


def _sequence_nll(scores: Sequence[ItemScores]) -> float:
    return sum(-math.fsum(score.log_probs) for score in scores) / len(scores)


def _record_set(version: str, records: Sequence[Record]) -> RecordSet:
    ids = tuple(record.record_id for record in records)
    return RecordSet(corpus=CORPUS, version=version, record_ids=ids, digest=digest_of([version, list(ids)]))
