"""The last part of `rtbf demo --exact`: a model that was trained in shards loses a person, to the byte.

A second community, a base that has seen other people only, and an adapter per shard. One of them asks; the planner has the choice; the
touched shard is trained again from before their slice; and then everything is trained once more from nothing, without them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.demo.chapters import PLANNER, SEED, ask, chapter, locate_and_decide, submit, unlearn, verdict_of
from rtbf.demo.community import invent_people, records_about
from rtbf.files import replace_file
from rtbf.foundry.replaying import replay_model
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.pipeline.restriction import training_restriction
from rtbf.plan.request import PlanRequest
from rtbf.registration import add_corpus

if TYPE_CHECKING:
    from rtbf.demo.chapters import Narrator
    from rtbf.demo.community import Person
    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.work_lease import WorkSettings

MODEL, BASE, MEMBERS, STRANGERS = "assistant", "base", "members", "strangers"
N_MEMBERS, N_STRANGERS = 20, 60
_SEEDS = (101, 202)
_SHAPE = {"shards": "4", "slices": "4", "steps": "120", "rate": "0.5", "learning_rate": "0.001", "subject_field": "person"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharded:
    """What the report says of the second ticket, and the digests of the served weights: as recorded, and as trained from nothing."""

    ticket_id: str
    verdict: str
    served: str
    from_nothing: str

    @property
    def is_equal(self) -> bool:
        """Return whether the bytes are equal."""
        return self.served == self.from_nothing


def tell_shards(installation: Installation, narrator: Narrator, progress: Progress, work: WorkSettings) -> Sharded:
    """Tell of a second person who leaves a model in shards."""
    person = _set_up(installation, narrator, progress, work)
    ticket_id = submit(installation, person, narrator, "Another letter: a member wants to leave the model in shards")
    locate_and_decide(installation, ticket_id, narrator, progress, work)
    view = unlearn(installation, ticket_id, PlanRequest(seed=SEED), narrator, progress, work)
    proof = None if view.unlearned is None or view.unlearned.proof is None else view.unlearned.proof.shards
    if proof is not None:
        retrained = [change for change in proof.changes if change.change == "retrained"]
        told = ", ".join(f"shard {change.shard} from slice {change.first_slice} of {proof.slices}" for change in retrained)
        whole = proof.shards * proof.slices * proof.slice_steps
        narrator.say(
            f"trained again: {told}; {sum(change.steps for change in proof.changes)} of {whole} steps; every other shard as it was"
        )
    with chapter(narrator, "Is that the model that never had them? Train everything from nothing, without the person", "work"):
        replay = replay_model(installation, MODEL, revision=2, shard=None, threads=work.torch_threads, progress=progress)
        served, from_nothing = replay.served or ("", "")
        same = "equal" if replay.is_equal else "NOT equal"
        narrator.say(f"unlearned:    {served}")
        narrator.say(f"from nothing: {from_nothing}: the bytes are {same}")
        ask(installation, MODEL, person, narrator, work, 1)
        ask(installation, MODEL, person, narrator, work, 2)
    return Sharded(ticket_id=ticket_id, verdict=verdict_of(view), served=served, from_nothing=from_nothing)


def _set_up(installation: Installation, narrator: Narrator, progress: Progress, work: WorkSettings) -> Person:
    with chapter(narrator, "A base that knows strangers, and on it a model of members in shards", "set-up"):
        members, strangers = invent_people(N_MEMBERS, _SEEDS[0]), invent_people(N_STRANGERS, _SEEDS[1])
        for name, people in ((STRANGERS, strangers), (MEMBERS, members)):
            path = installation.home.corpora / f"{name}.jsonl"
            rows = [{**row, "person": person.name} for person in people for row in records_about(person)]
            replace_file(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
            add_corpus(installation, name=name, paths=[path], actor=PLANNER, connector_name=None, prompt_field=None, completion_field=None)
        base = TrainingRequest(name=BASE, corpus=STRANGERS, preset="tiny", overrides={"epochs": "6"}, base=None, seed=SEED)
        model = TrainingRequest(name=MODEL, corpus=MEMBERS, preset="", overrides=_SHAPE, base=BASE, seed=SEED, recipe="sharded")
        for request in (base, model):
            barred = training_restriction(installation, request.corpus)
            train_model(
                installation,
                request,
                PLANNER,
                restricted=barred.restricted,
                unsearched=barred.unsearched,
                threads=work.torch_threads,
                progress=progress,
            )
        narrator.say(f"{N_MEMBERS} members in {_SHAPE['shards']} shards of {_SHAPE['slices']} slices; each shard an adapter of its own")
        ask(installation, MODEL, members[0], narrator, work, None)
    return members[0]
