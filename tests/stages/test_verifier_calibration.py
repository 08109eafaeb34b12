"""The verifier on models whose truth is known, in short: few planted people, the smallest profile, a pool of each kind.

The whole of it, with a hundred people, all probes and exact bounds, is `make bench-verifier`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.lm.load import prepare_torch
from rtbf.trial.calibration import NEVER, NOOP, OVER, POOLS, SUPPRESSION, Calibration, calibrate, expectations
from rtbf.trial.models import KNOWN_BY_HEART, Shape
from rtbf.verify.items.source import Sizes

if TYPE_CHECKING:
    from rtbf.trial.calibration import Outcome

pytestmark = pytest.mark.slow

SUBJECTS = 14
SHORT = (NOOP, NEVER, "adapter", "refusal", OVER)
SHAPE = Shape(hidden=64, layers=1, epochs=20, learning_rate="0.01")
SIZES = Sizes(siblings_per_record=1, candidates=99, neighbours=5, forms_records=1, sampled=1, samples=2, names=5, fluency=2)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    prepare_torch(1)
    return calibrate(
        tmp_path_factory.mktemp("trial"), subjects=SUBJECTS, seed=1, shape=SHAPE, sizes=SIZES, pools=SHORT, profile="smoke", method_steps=80
    )


@pytest.fixture(scope="module")
def pools(found: Calibration) -> dict[str, Outcome]:
    return dict(found.outcomes)


def test_the_original_knows_the_planted_people_by_heart(found: Calibration) -> None:
    assert found.models.remembered > KNOWN_BY_HEART


def test_the_untouched_original_fails_for_every_subject_and_for_all_together(pools: dict[str, Outcome]) -> None:
    own = pools[NOOP]

    assert own.pooled.status == "FAIL"
    assert own.count("FAIL") == own.count_own() == SUBJECTS


def test_a_model_that_was_never_shown_them_does_not_fail(pools: dict[str, Outcome]) -> None:
    own = pools[NEVER]

    assert own.pooled.status != "FAIL", own.pooled.codes
    # A ticket's tests are held to 1 % together, so of these tickets one may FAIL by chance.
    assert own.count("FAIL") <= 1
    assert all(verdict.codes for verdict in own.each.values() if verdict.status == "INCONCLUSIVE")


@pytest.mark.parametrize("pool", [pool for pool in SHORT if pool in SUPPRESSION])
def test_suppression_never_earns_the_class_of_removal(pools: dict[str, Outcome], pool: str) -> None:
    own = pools[pool]

    assert own.pooled.class_awarded != "approximate"
    assert own.count_removal(own.each) == 0


def test_an_adapter_that_can_be_switched_off_is_found_out(pools: dict[str, Outcome]) -> None:
    findings = {finding.probe_id: finding for finding in pools["adapter"].pooled.findings}

    assert (findings["R2"].status, findings["R2"].reason) == ("adverse", "LEAK")
    assert pools["adapter"].pooled.class_cap == "suppression"


def test_forgetting_too_far_is_a_trace(pools: dict[str, Outcome]) -> None:
    own = pools[OVER]

    assert own.pooled.status == "FAIL"
    assert any(code.endswith(":TRACE") for code in own.pooled.codes), own.pooled.codes


def test_what_must_hold_is_told_of_every_pool(pools: dict[str, Outcome]) -> None:
    assert tuple(pools) == tuple(pool for pool in POOLS if pool in SHORT)
    told = expectations(pools)
    assert {one.words.partition(" FAILs")[0] for one in told if not one.holds} <= {"a never-trained model"}
    # A verifier that never fails anything would be told: the original put in the place of the never-trained one.
    assert [one.holds for one in expectations({NEVER: pools[NOOP]})] == [False, False, True]
    assert [one.holds for one in expectations({NOOP: pools[NEVER], OVER: pools[NEVER]})] == [False, False]


def test_each_probe_of_remembering_parts_who_was_shown_from_who_was_not(found: Calibration) -> None:
    parted = {one.probe_id: one for one in found.parted}

    for probe_id in ("F1", "F2", "F3", "F4"):
        interval = parted[probe_id].interval
        assert interval is not None
        assert interval.auc > 0.9, probe_id
        assert parted[probe_id].shown == SUBJECTS
