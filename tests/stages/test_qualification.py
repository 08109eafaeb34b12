"""A trial from people to statement, on very few of them: budget before, the same statement again, nothing trained twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BadInput, UnknownName
from rtbf.lm.load import prepare_torch
from rtbf.plan.card import code_digest
from rtbf.plan.qualification import read_trial, sign_trial
from rtbf.plan.request import PlanRequest
from rtbf.trial.models import Shape
from rtbf.trial.qualification import Prepared, prepare_trial, run_trial
from rtbf.verify.items.source import Sizes
from tests import trusted

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.plan.qualification import Trial

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHAPE = Shape(hidden=32, layers=1, epochs=2, learning_rate="0.01")
SIZES = Sizes(siblings_per_record=1, candidates=19, neighbours=3, forms_records=1, sampled=1, samples=1, names=3, fluency=1)
REQUEST = PlanRequest(method="npo", parameters={"learning_rate": "0.003"}, max_steps=3)
SUBJECTS = 6


def _prepared(work: Path, request: PlanRequest = REQUEST) -> Prepared:
    prepare_torch(1)
    return prepare_trial(request, work, subjects=SUBJECTS, seed=4, profile="smoke", shape=SHAPE, sizes=SIZES)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def trial(work: Path) -> Trial:
    return run_trial(_prepared(work), NOW)


def test_the_statement_says_what_was_tried_on_whom(trial: Trial) -> None:
    assert (trial.method, trial.method_digest) == ("npo", code_digest("method", "npo"))
    assert trial.settings == (("brake", "yes"), ("learning_rate", "0.003"), ("max_steps", "3"), ("merge", "yes"))
    # What npo proposed from the planted records stands beside what was set.
    assert dict(trial.parameters)["learning_rate"] == "0.003"
    assert set(dict(trial.parameters)) == {"beta", "gamma", "alpha", "learning_rate"}
    assert (trial.model_family, trial.subjects, trial.controls) == ("llama", SUBJECTS, 2)
    assert sum(size * count for size, count in trial.ticket_sizes) == trial.records
    assert sum(count for _, count in trial.ticket_sizes) == SUBJECTS
    assert (trial.made_at, trial.ends_on) == ("2026-03-02T12:00:00.000Z", "2026-08-29")
    assert trial.does_not_cover


def test_hardly_trained_weights_and_three_steps_qualify_nobody(trial: Trial) -> None:
    assert not trial.is_qualified
    assert trial.codes
    shares = {share.outcome: share for share in trial.shares}
    assert shares["PASS"].subjects + shares["FAIL"].subjects + shares["INCONCLUSIVE"].subjects == SUBJECTS
    # 6 of 6 or 0 of 6: 0.025 ** (1 / 6) = 0.541.
    assert {share.high for share in shares.values() if share.subjects == 0} <= {"0.459258"}


def test_every_probe_has_the_subject_for_its_unit(trial: Trial) -> None:
    probes = {probe.probe_id: probe for probe in trial.probes}

    assert probes["F3"].units == SUBJECTS
    assert probes["F4"].units == SUBJECTS
    assert {probe.status for probe in trial.probes} <= {"adverse", "equivalent", "inconclusive", "not_applicable", "reported"}


def test_a_second_run_trains_nothing_and_says_the_same(trial: Trial, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rtbf.trial.models.train", "rtbf.trial.unlearning.unlearn", "rtbf.verify.arms.ask_set"):
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("something was made a second time"))

    assert run_trial(_prepared(work), NOW) == trial


def test_the_statement_is_read_back_from_its_envelope(trial: Trial) -> None:
    trust = trusted.trusted(datetime(2026, 1, 1, tzinfo=UTC))

    assert read_trial(sign_trial(trial, trusted.signing_key()), trust) == trial


def test_the_budget_is_told_before_and_counts_what_each_method_takes(work: Path) -> None:
    for_npo, for_more, for_noop = (
        _prepared(work, request).budget for request in (REQUEST, replace(REQUEST, max_steps=6), PlanRequest(method="noop"))
    )

    assert for_more.unlearning == pytest.approx(2 * for_npo.unlearning, abs=1)
    assert for_noop.unlearning == 0
    assert for_npo.total == for_npo.training + for_npo.unlearning + for_npo.measuring
    assert for_npo.training > 0 < for_npo.measuring


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (PlanRequest(method="npos"), UnknownName),
        (PlanRequest(method="npo", parameters={"beta": "9"}), BadInput),
        (PlanRequest(method="npo", parameters={"b": "1"}), UnknownName),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_made(tmp_path: Path, request_: PlanRequest, refusal: Any) -> None:
    with pytest.raises(refusal):
        _prepared(tmp_path, request_)

    assert list(tmp_path.iterdir()) == []
