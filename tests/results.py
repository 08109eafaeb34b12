"""Probe results, each with replaceable parts: `probe_result("F3", n_records=5)`. The numbers are plain and made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rtbf.unlearn.record import CanaryFigures, PrivacyProof, Rerun, ShardChange, ShardsProof, TrainingProof, WarmStart
from rtbf.verify.record import Interval, ProbeResult


def sha(number: int) -> str:
    """Return a made-up digest that differs for each number."""
    return "sha256:" + f"{number:02x}" * 32


def probe_result(probe_id: str = "F2", **changes: Any) -> ProbeResult:
    """Return a primary result that is equivalent by itself; the family follows the id."""
    families = {"F": "forget", "R": "recovery", "S": "restoration", "U": "utility", "G": "regression", "X": "forget"}
    family: Any = "gate" if probe_id == "F0" else families[probe_id[0]]
    if family == "gate":
        return replace(gate_result(), **changes)
    is_utility = family in {"utility", "restoration"}
    is_against_before = is_utility or family == "regression"
    made = ProbeResult(
        probe_id=probe_id,
        name=f"probe_{probe_id.lower()}",
        family=family,
        role="primary",
        code_digest=sha(6),
        unit="nats per token" if is_utility else "share",
        higher_is="worse utility" if is_utility else "more remembered",
        direction="non_inferior" if is_utility else "two_sided" if family == "forget" else "lower_is_better",
        n_records=20,
        n_items=40,
        n_excluded=0,
        before="2.100000" if is_utility else "0.920000",
        after="2.104000" if is_utility else "0.150000",
        control=None if is_against_before else "0.140000",
        compared_with="before" if is_against_before else "control models",
        estimate="0.004000" if is_utility else "0.010000",
        interval=Interval(low="-0.002000", high="0.010000", level="0.90")
        if is_utility
        else Interval(low="-0.020000", high="0.030000", level="0.90"),
        assay=None if is_against_before else Interval(low="0.700000", high="0.850000", level="0.90"),
        p_leak=None if is_utility else "0.300000",
        p_trace="0.700000" if family == "forget" else None,
        p_attainable=None if is_utility else "0.000001",
        power="0.990000",
        witnesses=None if is_utility else 0,
        margin="0.020000" if is_utility else "0.050000",
        margin_origin="PROTOCOL §1",
        items_digest=sha(7),
        seed=17,
        parts=(),
        note="",
        not_applicable=None,
        problem=None,
    )
    return replace(made, **changes)


def gate_result() -> ProbeResult:
    """Return an F0 that found nothing amiss."""
    return ProbeResult(
        probe_id="F0",
        name="probe_f0",
        family="gate",
        role="primary",
        code_digest=sha(6),
        unit="mismatches",
        higher_is="worse",
        direction="lower_is_better",
        n_records=0,
        n_items=40,
        n_excluded=0,
        before=None,
        after=None,
        control=None,
        compared_with=None,
        estimate="0",
        interval=None,
        assay=None,
        p_leak=None,
        p_trace=None,
        p_attainable=None,
        power=None,
        witnesses=0,
        margin="0",
        margin_origin="PROTOCOL §1",
        items_digest=sha(7),
        seed=17,
        parts=(),
        note="",
        not_applicable=None,
        problem=None,
    )


def training_proof(**changes: Any) -> TrainingProof:
    """Return a proof that holds: 100 records without the ticket's, and a stretch that was run again with equal bits."""
    made = TrainingProof(
        procedure="plain",
        recipe_digest=sha(31),
        inputs=100,
        inputs_digest=sha(32),
        forgotten_inputs=0,
        near_duplicates=0,
        run_words=13,
        rerun=Rerun(from_step=10, to_step=20, expected=sha(33), found=sha(33), is_bitwise=True),
        unaudited=(),
        restored=None,
        shards=None,
        privacy=None,
    )
    return replace(made, **changes)


def shards_proof(**changes: Any) -> ShardsProof:
    """Return what became of three shards of two slices: the second was trained again from its last slice, the others stayed."""
    made = ShardsProof(
        family="0123456789abcdef",
        shards=3,
        slices=2,
        slice_steps=10,
        state_before=sha(50),
        state_after=sha(51),
        changes=(
            ShardChange(shard=0, change="untouched", before=sha(52), after=sha(52), first_slice=None, steps=0),
            ShardChange(shard=1, change="retrained", before=sha(53), after=sha(54), first_slice=2, steps=10),
            ShardChange(shard=2, change="untouched", before=sha(55), after=sha(55), first_slice=None, steps=0),
        ),
        kept_steps=50,
        differing_steps=0,
        together_with=0,
        rerun_shard=2,
    )
    return replace(made, **changes)


def sharded_proof(**changes: Any) -> TrainingProof:
    """Return a proof of a retraining in shards that holds; `changes` are those of its shards' part."""
    return training_proof(procedure="sharded", shards=shards_proof(**changes))


def privacy_proof(**changes: Any) -> PrivacyProof:
    """Return an account that holds: epsilon 1 per data subject, and an audit that could have refuted 2.2 and refuted nothing."""
    made = PrivacyProof(
        certificate=sha(60),
        unit="data subject",
        epsilon="0.9987",
        epsilon_recomputed="0.9986",
        delta="0.000001",
        accountant="opacus.prv 1.6.0",
        k_max=20,
        subject_records=20,
        outside_records=0,
        audit=CanaryFigures(canaries=100, guesses=40, right=22, level="0.95", refuted=None, best_refutable="2.2400"),
        warm_start=WarmStart(epochs=3, full_epochs=6, private_nll_nats="0.412000", untrained_nll_nats="0.437000"),
    )
    return replace(made, **changes)


def private_proof(**changes: Any) -> TrainingProof:
    """Return a proof of a training on a private base that holds; `changes` are those of its account."""
    return training_proof(privacy=privacy_proof(**changes))


def passing_probes() -> tuple[ProbeResult, ...]:
    """Return every probe that the approximate class needs, each equivalent."""
    ids = ("F0", "F1", "F2", "F3", "F4", "F5", "F6", "R1", "R2", "R3", "R4", "R5", "U1", "U2", "U4", "U6")
    return tuple(probe_result(probe_id) for probe_id in ids)


def leaking_probe(probe_id: str = "F2", **changes: Any) -> ProbeResult:
    """Return a result that shows the data is still there, as `noop` would."""
    leak: dict[str, Any] = {
        "after": "0.920000",
        "estimate": "0.780000",
        "interval": Interval(low="0.700000", high="0.850000", level="0.90"),
        "p_leak": "0.000001",
        "p_trace": "1.000000",
    }
    return probe_result(probe_id, **{**leak, **changes})
