"""Class exact rests on how the weights came about: what makes the proof hold, contradicts it, or is missing from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtbf.verify.record import Interval
from rtbf.verify.verdict import judge
from tests.results import (
    leaking_probe,
    passing_probes,
    privacy_proof,
    private_proof,
    probe_result,
    sha,
    sharded_proof,
    shards_proof,
    training_proof,
)

AGAIN = training_proof().rerun
ADVERSE_UTILITY: dict[str, Any] = {"estimate": "0.5", "interval": Interval(low="0.4", high="0.6", level="0.90")}


def _judge(probes: Any = None, asked: str = "exact", kind: str = "retrained", proof: Any = training_proof()) -> Any:  # noqa: B008 - frozen
    return judge(passing_probes() if probes is None else probes, class_requested=asked, artefact_kind=kind, qualification=None, proof=proof)


def _replaced(changed: Any) -> Any:
    return tuple(changed if probe.probe_id == changed.probe_id else probe for probe in passing_probes())


def test_a_proof_that_holds_and_probes_that_find_nothing_pass_as_exact() -> None:
    verdict = _judge()

    assert (verdict.status, verdict.class_awarded, verdict.class_cap, verdict.codes) == ("PASS", "exact", "exact", ())


def test_the_claim_says_how_the_weights_came_about_and_what_that_leaves_out() -> None:
    claim = _judge(proof=training_proof(unaudited=(sha(40),))).claim

    assert claim.startswith(f"The weights were made anew by the recorded procedure plain (recipe {sha(31)}). Its 100 training records")
    assert "none of them shares a run of 13 words" in claim
    assert "Steps 11 to 20, run a second time, ended in the same bits." in claim
    assert f"Not covered: the data of the base {sha(40)}, the tokenizer, which was kept, and copies of the records elsewhere." in claim


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"forgotten_inputs": 1}, "FAIL", "PROOF:INPUTS"),
        ({"near_duplicates": 3}, "FAIL", "PROOF:NEAR_DUPLICATE"),
        ({"near_duplicates": None}, "INCONCLUSIVE", "PROOF:NOT_SCANNED"),
        ({"rerun": None}, "INCONCLUSIVE", "PROOF:NOT_RERUN"),
        ({"rerun": replace(AGAIN, found=sha(34))}, "FAIL", "PROOF:RERUN_DIFFERS"),  # type: ignore[type-var]
        ({"rerun": replace(AGAIN, found=sha(34), is_bitwise=False)}, "INCONCLUSIVE", "PROOF:NOT_RERUN"),  # type: ignore[type-var]
    ],
)
def test_what_contradicts_a_proof_fails_and_what_it_lacks_withholds(changes: dict[str, Any], status: str, code: str) -> None:
    verdict = _judge(proof=training_proof(**changes))

    assert (verdict.status, verdict.class_awarded, verdict.codes) == (status, "none", (code,))


def test_a_second_run_with_equal_weights_counts_where_equal_bits_are_not_promised() -> None:
    verdict = _judge(proof=training_proof(rerun=replace(AGAIN, is_bitwise=False)))  # type: ignore[type-var]

    assert verdict.class_awarded == "exact"
    assert "ended in the same weights" in verdict.claim


RESTORED = training_proof(procedure="adapter_drop", inputs=0, rerun=None, restored=sha(41))


def test_a_restored_base_has_nothing_to_run_again_and_its_claim_says_what_is_served() -> None:
    verdict = _judge(proof=RESTORED)

    assert (verdict.status, verdict.class_awarded, verdict.codes) == ("PASS", "exact", ())
    assert verdict.claim.startswith("The adapter that was trained with the ticket's records was taken away (procedure adapter_drop)")
    assert f"the files of its base {sha(41)}, byte for byte. Nothing was trained, and whatever else the adapter had taught is gone." in (
        verdict.claim
    )
    assert "Not covered: and" not in verdict.claim
    assert "tokenizer" not in verdict.claim


def test_a_restored_base_that_nobody_audited_is_named_as_not_covered() -> None:
    assert f"Not covered: the data of the base {sha(41)}, and copies" in _judge(proof=replace(RESTORED, unaudited=(sha(41),))).claim


@pytest.mark.parametrize("probe_id", ["F1", "F4", "R1"])
def test_a_restored_base_that_gives_the_data_out_all_the_same_fails(probe_id: str) -> None:
    assert _judge(_replaced(leaking_probe(probe_id)), proof=RESTORED).status == "FAIL"


def test_how_a_restored_base_ranks_other_peoples_values_proves_nothing_about_the_person() -> None:
    """The controls learned those values and the base did not. Where the weights were trained, the same result fails."""
    probes = (*passing_probes(), leaking_probe("F4.population"))

    assert _judge(probes, proof=RESTORED).codes == ("F4.population:LEAK",)
    assert _judge(probes, proof=RESTORED).status == "INCONCLUSIVE"
    assert _judge(probes).status == "FAIL"


def test_what_a_dropped_adapter_had_taught_of_others_withholds_the_pass_and_is_named() -> None:
    verdict = _judge(_replaced(probe_result("U1", **ADVERSE_UTILITY)), proof=RESTORED)

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", ("U1:UTILITY",))


def test_without_a_proof_nothing_is_exact_whatever_the_probes_say() -> None:
    assert _judge(proof=None).codes == ("PROOF:NO_PROOF",)
    assert _judge(kind="merged").class_awarded == "approximate"


@pytest.mark.parametrize("probe_id", ["F1", "F4", "R1"])
def test_data_that_comes_out_all_the_same_fails(probe_id: str) -> None:
    """Word for word, by rank, or by sampling: then it was in what the training was given, whatever the lists say."""
    verdict = _judge(_replaced(leaking_probe(probe_id)))

    assert (verdict.status, verdict.codes) == ("FAIL", (f"{probe_id}:LEAK",))


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (leaking_probe("F2"), "F2:LEAK"),
        (leaking_probe("R4"), "R4:LEAK"),
        (leaking_probe("R5"), "R5:LEAK"),
        (probe_result("U1", **ADVERSE_UTILITY), "U1:UTILITY"),
    ],
)
def test_another_adverse_probe_has_to_be_explained_first(probe: Any, code: str) -> None:
    verdict = _judge(_replaced(probe))

    assert (verdict.status, verdict.class_awarded, verdict.class_cap, verdict.codes) == ("INCONCLUSIVE", "none", "exact", (code,))


def test_a_person_of_three_records_can_have_an_exact_erasure() -> None:
    """No test of three records can fail, and none has to: the lists speak for each of them. F5 stops at its own gate."""
    few = tuple(replace(probe, n_records=3, p_attainable=None if probe.p_attainable is None else "0.25") for probe in passing_probes())
    gated = tuple(replace(probe, problem="BLIND_GATE") if probe.probe_id == "F5" else probe for probe in few)

    verdict = _judge(gated)

    assert (verdict.status, verdict.class_awarded) == ("PASS", "exact")
    assert judge(gated, class_requested="approximate", artefact_kind="merged", qualification=None).status == "INCONCLUSIVE"


@pytest.mark.parametrize("probe_id", ["F0", "F1", "R1", "U1", "U2", "U4", "U6"])
def test_a_probe_that_class_exact_asks_for_is_missed(probe_id: str) -> None:
    verdict = _judge(tuple(probe for probe in passing_probes() if probe.probe_id != probe_id))

    assert verdict.codes == (f"{probe_id}:NOT_RUN",)


def test_a_probe_that_stopped_with_an_error_is_no_probe_that_found_nothing() -> None:
    broken = replace(probe_result("R4"), problem="PROBE_ERROR", estimate=None, interval=None, witnesses=None)

    assert _judge(_replaced(broken)).codes == ("R4:PROBE_ERROR",)


def test_weights_made_anew_can_be_asked_for_less() -> None:
    assert _judge(asked="approximate").class_awarded == "approximate"
    assert _judge(asked="suppression").class_awarded == "suppression"
    assert _judge(asked="dp").codes == ("PROOF:NO_ACCOUNT",)


def test_a_retraining_in_shards_passes_and_its_claim_names_what_was_done_to_each() -> None:
    verdict = _judge(proof=sharded_proof(together_with=2))

    assert (verdict.status, verdict.class_awarded) == ("PASS", "exact")
    assert "Of the 3 shards (no. 0 to 2) of family 0123456789abcdef: no. 1 trained again (10 of 60 steps); 2 unchanged." in verdict.claim
    assert "In all 50 logged steps that were kept, who took part is what the remaining records give." in verdict.claim
    assert "The records of 2 other tickets left in the same run." in verdict.claim
    assert "Steps 11 to 20 of shard 2, run a second time, ended in the same bits." in verdict.claim
    assert "the tokenizer" not in verdict.claim


FIRST, AGAIN_TRAINED, LAST = shards_proof().changes
OFF = replace(AGAIN_TRAINED, change="switched_off", after=None, first_slice=None, steps=0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"differing_steps": 1}, "PROOF:SHARD_LOG"),
        ({"changes": (replace(FIRST, after=sha(99)), AGAIN_TRAINED, LAST)}, "PROOF:SHARD_CHANGED"),
        ({"changes": (FIRST, replace(AGAIN_TRAINED, after=None), LAST)}, "PROOF:SHARD_CHANGED"),
        ({"changes": (FIRST, replace(AGAIN_TRAINED, first_slice=None), LAST)}, "PROOF:SHARD_CHANGED"),
        ({"changes": (FIRST, replace(OFF, after=sha(53)), LAST)}, "PROOF:SHARD_CHANGED"),
        ({"changes": (FIRST, replace(OFF, change="emptied", after=sha(53)), LAST)}, "PROOF:SHARD_CHANGED"),
        ({"changes": (FIRST, AGAIN_TRAINED)}, "PROOF:SHARD_CHANGED"),
        ({"changes": (FIRST, AGAIN_TRAINED, FIRST)}, "PROOF:SHARD_CHANGED"),
    ],
)
def test_a_shard_that_contradicts_what_was_said_of_it_fails(changes: dict[str, Any], code: str) -> None:
    verdict = _judge(proof=sharded_proof(**changes))

    assert (verdict.status, verdict.codes) == ("FAIL", (code,))


def test_shards_that_were_only_switched_off_have_nothing_to_run_again() -> None:
    off = replace(sharded_proof(changes=(FIRST, OFF, LAST), rerun_shard=None), rerun=None)
    untouched = replace(sharded_proof(changes=(FIRST, replace(LAST, shard=1), LAST), rerun_shard=None), rerun=None)

    assert _judge(proof=off).status == "PASS"
    assert "no. 1 not served any more, with everybody else in it; 2 unchanged." in _judge(proof=off).claim
    # Of a retraining that found nothing to train a slice is run again all the same.
    assert _judge(proof=untouched).codes == ("PROOF:NOT_RERUN",)


def test_whoever_shared_a_shard_that_an_earlier_ticket_switched_off_needs_no_second_run() -> None:
    already = replace(OFF, change="untouched", before=None)
    proof = replace(sharded_proof(changes=(FIRST, already, LAST), rerun_shard=None), rerun=None)

    verdict = _judge(proof=proof)

    assert verdict.status == "PASS"
    assert "family 0123456789abcdef: 3 unchanged, of which 1 served neither before nor now." in verdict.claim


def test_where_the_last_records_of_every_shard_left_there_is_nothing_to_run_again() -> None:
    emptied = tuple(replace(OFF, shard=shard, change="emptied") for shard in range(3))

    assert _judge(proof=replace(sharded_proof(changes=emptied, kept_steps=0, rerun_shard=None), rerun=None)).status == "PASS"


def test_a_shard_that_is_off_beside_one_that_was_trained_again_excuses_no_second_run() -> None:
    proof = replace(sharded_proof(changes=(FIRST, AGAIN_TRAINED, replace(OFF, shard=2)), rerun_shard=None), rerun=None)

    assert _judge(proof=proof).codes == ("PROOF:NOT_RERUN",)


def test_a_shard_that_is_served_again_after_it_was_off_has_not_changed() -> None:
    back = replace(FIRST, before=None)

    verdict = _judge(proof=sharded_proof(changes=(back, AGAIN_TRAINED, LAST)))

    assert verdict.status == "PASS"
    assert "2 unchanged, of which 1 served again." in verdict.claim


def test_a_sharded_procedure_without_its_shards_is_missing_them() -> None:
    assert _judge(proof=training_proof(procedure="sharded")).codes == ("PROOF:NO_SHARDS",)


def test_an_account_that_holds_passes_as_dp_and_its_claim_says_the_bound_and_who_counted() -> None:
    verdict = _judge(asked="dp", kind="private", proof=private_proof(outside_records=2))

    assert (verdict.status, verdict.class_awarded, verdict.class_cap) == ("PASS", "dp", "dp")
    assert "a factor e^0.9987, up to 0.000001, according to the accountant opacus.prv 1.6.0" in verdict.claim
    assert "(20 records, of which the training used 20 at most)" in verdict.claim
    assert "2 further records of the ticket name several people and were left out" in verdict.claim
    assert (
        "(22 of 40 guesses about 100 canaries right) could have detected an epsilon up to 2.2400, at level 0.95, and did not."
        in verdict.claim
    )
    assert "Trained for 3 of 6 epochs, this came to 0.412000 nats" in verdict.claim


STRONG = privacy_proof().audit


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"epsilon_recomputed": "1.0000"}, "FAIL", "PROOF:ACCOUNTANT"),
        ({"epsilon_recomputed": "nan"}, "FAIL", "PROOF:ACCOUNTANT"),
        ({"epsilon": "-1", "epsilon_recomputed": "-1"}, "FAIL", "PROOF:ACCOUNTANT"),
        ({"unit": "record"}, "FAIL", "PROOF:UNIT"),
        ({"audit": replace(STRONG, refuted="1.5000")}, "FAIL", "PROOF:AUDIT_REFUTES"),  # type: ignore[type-var]
        ({"audit": None}, "INCONCLUSIVE", "PROOF:NO_AUDIT"),
        ({"audit": replace(STRONG, best_refutable="0.5000")}, "INCONCLUSIVE", "PROOF:AUDIT_WEAK"),  # type: ignore[type-var]
        ({"audit": replace(STRONG, best_refutable=None)}, "INCONCLUSIVE", "PROOF:AUDIT_WEAK"),  # type: ignore[type-var]
        ({"epsilon": "8", "epsilon_recomputed": "8"}, "INCONCLUSIVE", "PROOF:AUDIT_WEAK"),
    ],
)
def test_what_contradicts_an_account_fails_and_what_it_lacks_withholds(changes: dict[str, Any], status: str, code: str) -> None:
    verdict = _judge(asked="dp", kind="private", proof=private_proof(**changes))

    assert (verdict.status, verdict.class_awarded, verdict.codes) == (status, "none", (code,))


def test_an_audit_that_refutes_less_than_is_claimed_refutes_nothing() -> None:
    weaker = replace(STRONG, refuted="0.4000")  # type: ignore[type-var]

    assert _judge(asked="dp", kind="private", proof=private_proof(audit=weaker)).status == "PASS"


def test_training_on_top_of_a_private_base_still_shows_its_inputs() -> None:
    given = replace(private_proof(), forgotten_inputs=1)

    assert _judge(asked="dp", kind="private", proof=given).codes == ("PROOF:INPUTS",)
    assert _judge(asked="dp", kind="private", proof=replace(private_proof(), rerun=None)).codes == ("PROOF:NOT_RERUN",)


def test_where_nothing_was_done_the_account_alone_speaks_and_only_for_class_dp() -> None:
    """The records are in what the private training was given: that is what the bound is about."""
    alone = replace(private_proof(warm_start=None), procedure="dp", forgotten_inputs=20, near_duplicates=None, rerun=None)

    verdict = _judge(asked="dp", kind="accounted", proof=alone)

    assert (verdict.status, verdict.class_awarded) == ("PASS", "dp")
    assert "made anew" not in verdict.claim
    assert "used 20 at most) on these weights is bounded" in verdict.claim
    assert "Nothing was trained or taken out for this ticket: the weights are those that were served before" in verdict.claim
    assert _judge(asked="exact", kind="accounted", proof=alone).class_awarded == "dp"
    assert _judge(asked="exact", kind="retrained", proof=alone).status == "FAIL"
    assert _judge(asked="dp", kind="accounted", proof=None).codes == ("PROOF:NO_PROOF",)


@pytest.mark.parametrize("probe_id", ["F1", "F4", "R1"])
def test_data_that_comes_out_of_a_private_model_fails(probe_id: str) -> None:
    assert _judge(_replaced(leaking_probe(probe_id)), asked="dp", kind="private", proof=private_proof()).status == "FAIL"
