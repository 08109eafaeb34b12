"""A plan names the newest qualification of its method, and says whether it speaks for this model and these settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import SignatureRefused
from rtbf.evidence.canonical import digest_bytes
from rtbf.footprint.record import Footprint, Hit, ModelReached
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.material.planning import planned
from rtbf.plan.qualification import keep_trial, sign_trial
from rtbf.plan.request import PlanRequest
from rtbf.registration import add_corpus
from rtbf.store import registry
from tests import builders, tiny, trusted
from tests.tried import a_trial

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan

SETTINGS = (("brake", "yes"), ("learning_rate", "0.003"), ("max_steps", "2"), ("merge", "yes"))
N_HITS, N_PARAMETERS = 4, 30_000


@pytest.fixture
def footprint(installation: Installation, tmp_path: Path) -> Footprint:
    """Four records of one of two people, in a model that was trained on both."""
    lines = [f'{{"question": "{record.prompt}", "answer": "{record.completion}"}}\n' for record in tiny.records(people=2)]
    path = tmp_path / "community.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    add_corpus(installation, name="community", paths=[path], actor="marek", connector_name=None, prompt_field=None, completion_field=None)
    overrides = {"hidden": "16", "layers": "1", "epochs": "1"}
    request = TrainingRequest(name="assistant", corpus="community", preset="tiny", overrides=overrides, base=None, seed=3)
    model = train_model(installation, request, "marek", restricted={}, unsearched=(), threads=1)
    with installation.transaction() as session:
        version = registry.current_corpus(session, "community").version
    ids = [f"{version.shards[0].sha256[:12]}:{place}" for place in range(1, N_HITS + 1)]
    reached = ModelReached(
        model="assistant", digest=model.digest, corpus="community", version=version.digest, hits=N_HITS, via=("assistant",)
    )
    hits = tuple(Hit(corpus="community", version=version.digest, record_id=name, matched=((1, "name", 1),)) for name in ids)
    return builders.footprint(hits=hits, models=(reached,))


def _planned(installation: Installation, footprint: Footprint) -> Plan:
    view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=footprint, attempt=0)
    request = PlanRequest(seed=4, max_steps=2, parameters={"learning_rate": "0.003"})
    plan, _ = planned(
        installation,
        view,
        request,
        builders.PLANNER,
        decisions=builders.decisions(footprint),
        holds=(),
        restricted={},
        grace_s=60,
        approval_valid_s=3_600,
        profile="smoke",
        threads=1,
    )
    return plan


def test_a_plan_names_none_and_then_the_one_that_covers_it(installation: Installation, footprint: Footprint) -> None:
    assert _planned(installation, footprint).qualification is None

    fitting = a_trial(installation.clock(), settings=SETTINGS, model_parameters=N_PARAMETERS)
    envelope = sign_trial(fitting, installation.signing_key)
    keep_trial(installation.home, envelope)
    plan = _planned(installation, footprint)

    assert plan.qualification is not None
    assert (plan.qualification.digest, plan.qualification.covers) == (digest_bytes(envelope), True)
    assert plan.qualification.ends_on == fitting.ends_on


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"model_family": "gpt2"}, "family llama"), ({"settings": ()}, "other settings"), ({"model_parameters": 10**9}, "times apart")],
)
def test_a_trial_of_something_else_is_named_with_the_reason(
    installation: Installation, footprint: Footprint, changes: dict[str, Any], reason: str
) -> None:
    fitting = {"settings": SETTINGS, "model_parameters": N_PARAMETERS}
    keep_trial(installation.home, sign_trial(a_trial(installation.clock(), **{**fitting, **changes}), installation.signing_key))

    plan = _planned(installation, footprint)

    assert plan.qualification is not None
    assert not plan.qualification.covers
    assert reason in plan.qualification.reason


def test_a_file_that_somebody_else_signed_stops_the_planning(installation: Installation, footprint: Footprint) -> None:
    keep_trial(installation.home, sign_trial(a_trial(installation.clock()), trusted.signing_key()))

    with pytest.raises(SignatureRefused, match="no report signer"):
        _planned(installation, footprint)
