"""A ticket that drops an adapter: who may be planned for, what comes into the registry, and what the verdict says of the loss.

Base and adapter learn from corpora of their own. In one home the adapter taught the person only, since the base knew everybody
else from the same records; in the other it taught everybody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, PlanImpossible
from rtbf.evidence.canonical import digest_of
from rtbf.footprint.lineage import models_reached
from rtbf.footprint.record import Footprint, Hit, ModelReached
from rtbf.foundry.controls import ancestors_of
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.installation import create_installation
from rtbf.material.battery import verification_battery
from rtbf.material.planning import planned
from rtbf.material.unlearning import rebuilding_work, unlearned_model
from rtbf.plan.quorum import quorum_for
from rtbf.plan.request import PlanRequest
from rtbf.registration import add_corpus
from rtbf.store import registry
from rtbf.unlearn.anew import rebuild
from rtbf.verify.run import verify
from tests import builders, tiny
from tests.installed import POLICY, QUICK_VAULT, FrozenClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import CorpusEntry, Record
    from rtbf.installation import Installation
    from rtbf.lm.record import Model
    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned
    from rtbf.verify.record import Verification

PEOPLE = tiny.records(people=3)
PERSON, OTHERS = PEOPLE[:20], PEOPLE[20:]
STRANGERS = tiny.records(people=2, seed=77)
BASE = {"hidden": "32", "layers": "1", "epochs": "60", "batch": "16", "learning_rate": "0.01"}
ADAPTER = {"epochs": "16", "rank": "16", "alpha": "32", "batch": "8", "learning_rate": "0.005"}
QUICK = {"hidden": "16", "layers": "1", "epochs": "1"}


@dataclass(frozen=True)
class Desk:
    """A home with an adapter over a base, and a footprint of the person in what the adapter was trained on."""

    installation: Installation
    base: Model
    helper: Model
    footprint: Footprint

    def planned(self, **changes: Any) -> tuple[Plan, bytes]:
        view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=self.footprint, attempt=0)
        rules: dict[str, Any] = {
            "decisions": builders.decisions(self.footprint), "holds": (), "restricted": {}, "grace_s": 60, "approval_valid_s": 3_600,
            "profile": "smoke", "threads": 1,
        }  # fmt: skip
        request = changes.pop("request", PlanRequest(seed=4, method="adapter_drop"))
        return planned(self.installation, view, request, builders.PLANNER, **{**rules, **changes})

    def dropped(self, plan: Plan) -> tuple[Unlearned, Model, Path]:
        """Carry the plan out; return what came out, what the registry will say of it, and where it lies."""
        work = rebuilding_work(self.installation, plan, withheld=(), threads=1)
        folder = self.installation.home.artefacts_of(plan.ticket_id, plan.attempt)
        record, served = rebuild(plan, digest_of(plan), work, folder)
        return record, unlearned_model(self.installation, plan, digest_of(plan), record), served


def _add(installation: Installation, folder: Path, name: str, records: Sequence[Record]) -> CorpusEntry:
    path = folder / f"{name}.jsonl"
    lines = [json.dumps({"question": record.prompt, "answer": record.completion}) + "\n" for record in records]
    path.write_text("".join(lines), encoding="utf-8")
    add_corpus(installation, name=name, paths=[path], actor="marek", connector_name=None, prompt_field=None, completion_field=None)
    with installation.transaction() as session:
        return registry.current_corpus(session, name)


def _train(installation: Installation, name: str, corpus: str, shape: dict[str, str], base: str | None = None, preset: str = "") -> Model:
    chosen = preset or ("tiny" if base is None else "lora")
    request = TrainingRequest(name=name, corpus=corpus, preset=chosen, overrides=shape, base=base, seed=3)
    return train_model(installation, request, "marek", restricted={}, unsearched=(), threads=1)


def _footprint(entry: CorpusEntry, *models: Model) -> Footprint:
    version = entry.version
    ids = [f"{version.shards[0].sha256[:12]}:{place}" for place in range(1, len(PERSON) + 1)]
    return builders.footprint(
        hits=tuple(Hit(corpus=version.name, version=version.digest, record_id=name, matched=((1, "name", 1),)) for name in ids),
        models=tuple(
            ModelReached(
                model=model.name, digest=model.digest, corpus=version.name, version=version.digest, hits=len(PERSON), via=(model.name,)
            )
            for model in models
        ),
    )


def _desk(folder: Path, base_learns: Sequence[Record], base: dict[str, str], adapter: dict[str, str]) -> Desk:
    installation = create_installation(folder / "home", None, FrozenClock(), policy=POLICY, vault_cost=QUICK_VAULT)
    _add(installation, folder, "public", base_learns)
    staff = _add(installation, folder, "staff", PEOPLE)
    bottom = _train(installation, "base", "public", base)
    helper = _train(installation, "helper", "staff", adapter, base="base")
    return Desk(installation, bottom, helper, _footprint(staff, helper))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A home for laws that do not look at what the models say."""
    desk = _desk(tmp_path_factory.mktemp("quick"), STRANGERS, QUICK, {"epochs": "1", "rank": "2", "alpha": "4"})
    yield desk
    desk.installation.engine.dispose()


@pytest.mark.parametrize(
    ("base_learns", "spared"), [(OTHERS, "equivalent"), (STRANGERS, "adverse")], ids=["taught only the person", "taught everybody"]
)
def test_the_verdict_names_what_else_was_lost_and_calls_it_no_failure(tmp_path: Path, base_learns: Sequence[Record], spared: str) -> None:
    desk = _desk(tmp_path, base_learns, BASE, ADAPTER)
    plan, words = desk.planned()

    record, _, _ = desk.dropped(plan)
    battery = verification_battery(desk.installation, plan, record, words, threads=1)
    verification, _ = verify(plan, digest_of(plan), record, builders.sha(9), battery)
    desk.installation.engine.dispose()

    verdict = verification.verdict
    assert (verdict.class_requested, verdict.class_cap) == ("exact", "exact")
    # The smoke profile asks too little for a PASS: R1, U2, U4 and U6 are not run.
    assert verdict.status == "INCONCLUSIVE"
    assert not [code for code in verdict.codes if code.startswith("PROOF:")]
    assert _status(verification, "U1") == spared
    assert ("U1:UTILITY" in verdict.codes) == (spared == "adverse")


def _status(verification: Verification, probe_id: str) -> str:
    return next(finding.status for finding in verification.verdict.findings if finding.probe_id == probe_id)


def test_a_plan_of_it_costs_no_compute_and_names_its_class(quick: Desk) -> None:
    plan, _ = quick.planned()

    assert (plan.class_cap, plan.guarantee_requested, plan.adapter, plan.stop.max_steps) == ("exact", "exact", None, 0)
    assert plan.cap_reason == "what is served is the base again, from before the records came in"
    assert plan.cost.unlearning == 0


def test_what_is_registered_has_the_lineage_of_the_base_and_a_digest_of_its_own(tmp_path: Path) -> None:
    desk = _desk(tmp_path, STRANGERS, QUICK, {"epochs": "1", "rank": "2", "alpha": "4"})
    plan, _ = desk.planned()

    _, model, served = desk.dropped(plan)
    with desk.installation.transaction() as session:
        registry.save_model(session, model, desk.installation.home.stored_form(served), "candidate", desk.installation.clock())

    assert (model.name, model.revision, model.origin) == ("helper", 2, "unlearned")
    assert model.digest not in {desk.base.digest, desk.helper.digest}
    assert (model.base_digest, model.trained_on, model.recipe) == (desk.base.digest, desk.base.trained_on, desk.base.recipe)
    assert [removal.record_ids for removal in model.removals] == [plan.forget.record_ids]
    with desk.installation.transaction() as session:
        assert registry.model_with_digest(session, desk.base.digest).model == desk.base
        assert registry.model_with_digest(session, model.digest).model == model
        assert registry.fine_tuning_base(session, desk.base) is None
    assert ancestors_of(desk.installation, model) == []
    assert ancestors_of(desk.installation, desk.helper) == [desk.base]
    desk.installation.engine.dispose()


def test_a_later_footprint_finds_nobody_by_what_the_adapter_had_taught(quick: Desk) -> None:
    """Another person of the same corpus: the dropped adapter taught them too, and they went with it."""
    plan, _ = quick.planned()
    _, model, _ = quick.dropped(plan)
    version = quick.footprint.hits[0].version
    theirs = [replace(hit, record_id=f"{hit.record_id.partition(':')[0]}:{place}") for place, hit in enumerate(quick.footprint.hits, 41)]

    before = models_reached(theirs, [(quick.base, "live"), (quick.helper, "live")], (), {version})
    after = models_reached(theirs, [(quick.base, "live"), (quick.helper, "superseded"), (model, "live")], (), {version})

    assert [reached.model for reached in before.reached] == ["helper"]
    assert after.reached == ()


def test_a_later_plan_for_it_counts_it_as_the_base_it_is(quick: Desk) -> None:
    plan, _ = quick.planned()
    _, model, _ = quick.dropped(plan)

    quorum = quorum_for(model, [quick.base, quick.helper, model], changes_model=True)

    assert (quorum.approvers, "trained from scratch" in quorum.reason) == (2, True)


def test_a_record_that_was_withheld_meanwhile_stops_the_run(quick: Desk) -> None:
    plan, _ = quick.planned()

    with pytest.raises(PlanImpossible, match="1 record"):
        rebuilding_work(quick.installation, plan, withheld=plan.forget.record_ids[:1], threads=1)


@pytest.mark.parametrize("place", [1, 41], ids=["of the person", "of somebody else"])
def test_a_hold_on_any_record_that_the_adapter_learned_refuses_the_plan(quick: Desk, place: int) -> None:
    hit = quick.footprint.hits[0]
    hold = builders.hold("record", f"staff@{hit.version}#{hit.record_id.partition(':')[0]}:{place}")
    elsewhere = builders.hold("record", f"public@{hit.version}#{hit.record_id.partition(':')[0]}:{place}")

    with pytest.raises(PlanImpossible, match="under a hold among those that the adapter was trained on"):
        quick.planned(holds=[hold])
    quick.planned(holds=[elsewhere])


def test_a_model_that_is_no_adapter_is_refused(tmp_path: Path, installation: Installation) -> None:
    """Trained from scratch, or fine-tuned whole: there is nothing that could be dropped."""
    _add(installation, tmp_path, "public", STRANGERS)
    staff = _add(installation, tmp_path, "staff", PEOPLE)
    whole = _train(installation, "whole", "staff", QUICK)
    base = _train(installation, "base", "public", QUICK)
    tuned = _train(installation, "tuned", "staff", {"epochs": "1"}, base="base", preset="full")

    for model in (whole, tuned):
        with pytest.raises(PlanImpossible, match="adapter"):
            Desk(installation, base, model, _footprint(staff, model)).planned()


def test_a_base_that_learned_from_the_person_itself_is_refused(tmp_path: Path, installation: Installation) -> None:
    """Dropping the adapter would serve the person's records again."""
    staff = _add(installation, tmp_path, "staff", PEOPLE)
    base = _train(installation, "base", "staff", QUICK)
    helper = _train(installation, "helper", "staff", {"epochs": "1", "rank": "2", "alpha": "4"}, base="base")

    with pytest.raises(PlanImpossible, match="a base of the model was itself trained on the person's records"):
        Desk(installation, base, helper, _footprint(staff, helper)).planned()


def test_a_base_whose_files_are_gone_is_refused_before_anything_is_written(quick: Desk) -> None:
    plan, _ = quick.planned()
    with quick.installation.transaction() as session:
        folder = quick.installation.home.resolved(registry.live_model(session, "base").location)
    away = folder.with_name("away")
    folder.rename(away)
    try:
        work = rebuilding_work(quick.installation, plan, withheld=(), threads=1)
        target = quick.installation.home.artefacts_of(plan.ticket_id, 99)
        with pytest.raises(ArtefactMismatch, match="no such folder"):
            rebuild(plan, digest_of(plan), work, target)
    finally:
        away.rename(folder)

    assert list(target.iterdir()) == []
