"""A report whose proof of how its weights came about cannot be true as it stands is refused, whoever signed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtbf.report.check.run import check_report
from tests import builders, proven, results

FIRST, AGAIN, LAST = results.shards_proof().changes
AUDIT = results.privacy_proof().audit
START = results.privacy_proof().warm_start


def test_shards_and_accounts_that_hold_are_believed(good_trust: bytes) -> None:
    sharded = check_report(builders.envelope(proven.sharded_case()), good_trust)
    private = check_report(builders.envelope(proven.private_case()), good_trust)

    assert (sharded.status, sharded.verdict) == ("ok", "PASS"), sharded
    assert (private.status, private.verdict) == ("ok", "PASS"), private


@pytest.mark.parametrize(
    "changes",
    [
        {"shards": 0},
        {"slice_steps": 0},
        {"kept_steps": -1},
        {"together_with": -1},
        {"state_after": "sha256:short"},
        {"changes": (FIRST, AGAIN)},
        {"changes": (FIRST, AGAIN, FIRST)},
        {"changes": (replace(FIRST, before="x", after="x"), AGAIN, LAST)},
        {"changes": (replace(FIRST, steps=1), replace(AGAIN, steps=9), LAST)},
        {"changes": (FIRST, replace(AGAIN, first_slice=3), LAST)},
        {"changes": (FIRST, replace(AGAIN, first_slice=1), LAST)},
        {"rerun_shard": None},
        {"rerun_shard": 3},
        {"changes": (FIRST, AGAIN, replace(LAST, change="emptied", after=None))},
        {"slices": 1},
        {"kept_steps": 51},
        {"kept_steps": 10, "differing_steps": 11},
    ],
)
def test_what_cannot_be_true_of_shards_is_refused(changes: dict[str, Any], good_trust: bytes) -> None:
    outcome = check_report(builders.envelope(proven.sharded_case(**changes)), good_trust)

    assert outcome.status == "bad", outcome


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate": "none"},
        {"epsilon": "-1"},
        {"delta": "one in a million"},
        {"k_max": 0},
        {"outside_records": -1},
        {"audit": replace(AUDIT, right=41)},  # type: ignore[type-var]
        {"audit": replace(AUDIT, guesses=101)},  # type: ignore[type-var]
        {"audit": replace(AUDIT, best_refutable="much")},  # type: ignore[type-var]
        {"warm_start": replace(START, epochs=7)},  # type: ignore[type-var]
        {"warm_start": replace(START, untrained_nll_nats="-0.1")},  # type: ignore[type-var]
    ],
)
def test_what_cannot_be_true_of_an_account_is_refused(changes: dict[str, Any], good_trust: bytes) -> None:
    outcome = check_report(builders.envelope(proven.private_case(**changes)), good_trust)

    assert outcome.status == "bad", outcome


def test_bounded_weights_without_an_account_and_changed_ones_with_a_proof_are_refused(good_trust: bytes) -> None:
    bare = proven.proven_case(results.training_proof(), kind="private", method="dp2unlearning", asked="dp")
    merged = proven.proven_case(results.training_proof(), kind="merged", method="npo", asked="approximate")
    padded = proven.proven_case(results.private_proof(), kind="retrained", method="full_retrain")

    assert check_report(builders.envelope(padded), good_trust).status == "bad"
    assert check_report(builders.envelope(bare), good_trust).status == "bad"
    assert check_report(builders.envelope(merged), good_trust).status == "bad"


def test_decimals_of_a_recipe_and_a_training_that_came_to_no_number_are_believed(good_trust: bytes) -> None:
    start = replace(START, untrained_nll_nats="not finite")  # type: ignore[type-var]
    outcome = check_report(builders.envelope(proven.private_case(delta=".000001", warm_start=start)), good_trust)

    assert (outcome.status, outcome.verdict) == ("ok", "PASS"), outcome


def test_a_second_run_over_two_slices_is_refused(good_trust: bytes) -> None:
    proof = results.sharded_proof()
    assert proof.rerun is not None
    crossing = replace(proof, rerun=replace(proof.rerun, from_step=5, to_step=15))

    outcome = check_report(builders.envelope(proven.proven_case(crossing, kind="retrained", method="shard_retrain", steps=10)), good_trust)

    assert outcome.refusal is not None
    assert outcome.refusal.found == "a second run that does not lie within one slice"
