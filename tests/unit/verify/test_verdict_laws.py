"""Laws of the verdict over drawn results: order plays no part, nothing bad ever helps, and nothing missing ever passes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rtbf.unlearn.record import Rerun
from rtbf.verify.claim import FORBIDDEN
from rtbf.verify.record import Interval, QualificationUse
from rtbf.verify.requirement import NEEDS
from rtbf.verify.verdict import judge
from tests.results import leaking_probe, passing_probes, private_proof, probe_result, sha, sharded_proof, training_proof

if TYPE_CHECKING:
    from rtbf.unlearn.record import TrainingProof
    from rtbf.verify.record import ProbeResult, Verdict

RANK = ("FAIL", "INCONCLUSIVE", "PASS")
STRENGTH = ("none", "suppression", "approximate", "dp", "exact")
ADDED = tuple("F2.em F3.truth F4.population F6.choice F7 R1.cool R3.int8 R4.benign R6 R8 U3 U6.harm G1 S1".split())  # noqa: SIM905
KINDS = ("merged", "retrained", "private", "accounted", "adapter", "unchanged")
CLASSES = ("exact", "dp", "approximate", "suppression", "none")

RERUN = Rerun(from_step=0, to_step=5, expected=sha(33), found=sha(33), is_bitwise=True)

probe_ids = st.sampled_from([*(probe.probe_id for probe in passing_probes()), *ADDED])
effects = st.sampled_from(["-0.40", "-0.06", "-0.02", "0.00", "0.02", "0.06", "0.25", "0.50"])
chances = st.sampled_from([None, "0.000001", "0.0004", "0.002", "0.3", "1"])
reasons = st.sampled_from(["PROBE_ERROR", "TIMED_OUT", "NUMERIC", "BLIND_GATE", "IDENTICAL_ARMS"])
qualifications = st.none() | st.builds(QualificationUse, digest=st.just(sha(30)), is_in_date=st.booleans(), covers=st.booleans())


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Return fields of a result: an effect with its interval, what tests and assay gave, or why there are none."""
    effect = float(draw(effects))
    half = draw(st.sampled_from([0.001, 0.02, 0.2]))
    drawn: dict[str, Any] = {
        "estimate": f"{effect:.2f}",
        "interval": Interval(low=f"{effect - half:.3f}", high=f"{effect + half:.3f}", level="0.90"),
        "p_leak": draw(chances),
        "witnesses": draw(st.sampled_from([None, 0, 0, 0, 2])),
        "role": draw(st.sampled_from(["primary", "primary", "secondary", "reported"])),
        "n_records": draw(st.sampled_from([3, 20, 20])),
        "compared_with": draw(st.sampled_from(["control models", "siblings", "chance", "before", None])),
    }
    if draw(st.booleans()):
        drawn["assay"] = draw(st.sampled_from([None, Interval(low="0.00", high="0.10", level="0.90")]))
    if draw(st.integers(0, 4)) == 0:
        drawn["problem"] = draw(reasons)
    if draw(st.integers(0, 4)) == 0:
        drawn["not_applicable"] = draw(st.sampled_from(["MERGED", "NO_ITEMS", "NO_PACK", "ADAPTER"]))
    return drawn


@st.composite
def results(draw: st.DrawFn) -> tuple[ProbeResult, ...]:
    """Return the passing probes, of which some are changed, some left out, and some others added."""
    altered = draw(st.dictionaries(probe_ids, changes(), max_size=6))
    missing = draw(st.sets(probe_ids, max_size=2))
    plain = {probe.probe_id: probe for probe in passing_probes()}
    made = {**plain, **{probe_id: replace(probe_result(probe_id), **fields) for probe_id, fields in altered.items()}}
    return tuple(probe for probe_id, probe in made.items() if probe_id not in missing)


proofs = st.sampled_from(
    [
        training_proof(),
        training_proof(),
        None,
        training_proof(forgotten_inputs=1),
        training_proof(near_duplicates=2),
        training_proof(near_duplicates=None),
        training_proof(rerun=None),
        training_proof(rerun=replace(RERUN, found=sha(34))),
        training_proof(rerun=replace(RERUN, found=sha(34), is_bitwise=False)),
        sharded_proof(),
        sharded_proof(differing_steps=1),
        sharded_proof(together_with=2),
        private_proof(),
        private_proof(),
        private_proof(audit=None),
        private_proof(epsilon_recomputed="1.2"),
    ]
)

cases = st.fixed_dictionaries(
    {
        "probes": results(),
        "kind": st.sampled_from(KINDS),
        "asked": st.sampled_from(CLASSES),
        "qualification": qualifications,
        "proof": proofs,
    }
)


def _judge(
    probes: tuple[ProbeResult, ...], kind: str, asked: str, qualification: QualificationUse | None, proof: TrainingProof | None
) -> Verdict:
    return judge(probes, class_requested=asked, artefact_kind=kind, qualification=qualification, proof=proof)


def _is_proven(case: dict[str, Any]) -> bool:
    """Return whether the class aimed at rests on how the weights came about: the weaker of what was asked and what the kind can be."""
    caps = {"retrained": {"exact", "dp"}, "private": {"exact", "dp"}, "accounted": {"exact", "dp"}}
    return case["asked"] in caps.get(case["kind"], set())


def _rank(verdict: Verdict) -> int:
    return RANK.index(verdict.status)


def _passes(probes: tuple[ProbeResult, ...], case: dict[str, Any]) -> bool:
    return _judge(**{**case, "probes": probes}).status == "PASS"


@settings(max_examples=100, deadline=None)
@given(case=cases, seed=st.integers(0, 999))
def test_order_of_probes_plays_no_part(case: dict[str, Any], seed: int) -> None:
    shuffled = list(case["probes"])
    random.Random(seed).shuffle(shuffled)

    assert _judge(**{**case, "probes": tuple(shuffled)}) == _judge(**case)


@settings(max_examples=100, deadline=None)
@given(case=cases)
def test_a_pass_is_of_a_class_that_artefact_and_request_allow_and_only_a_pass_awards_one(case: dict[str, Any]) -> None:
    caps = {
        "retrained": "exact",
        "private": "dp",
        "accounted": "dp",
        "merged": "approximate",
        "adapter": "suppression",
        "unchanged": "none",
    }
    cap = caps[case["kind"]]

    verdict = _judge(**case)

    assert (verdict.status == "PASS") == (verdict.class_awarded != "none") == (verdict.codes == ())
    assert STRENGTH.index(verdict.class_awarded) <= min(STRENGTH.index(cap), STRENGTH.index(case["asked"]))
    assert STRENGTH.index(verdict.class_cap) <= STRENGTH.index(cap)


@settings(max_examples=100, deadline=None)
@given(case=cases)
def test_an_adverse_finding_never_stands_beside_a_pass_of_removal(case: dict[str, Any]) -> None:
    verdict = _judge(**case)

    adverse = {finding.probe_id[0] for finding in verdict.findings if finding.status == "adverse"}
    assert verdict.class_awarded not in {"approximate", "dp", "exact"} or adverse == set()
    assert verdict.status != "PASS" or adverse <= {"R"}
    # A class that is proven by how the weights came about fails by fewer probes, and no other adverse one lets it pass.
    assert verdict.status == "FAIL" or not adverse & {"F", "U", "G", "S"} or _is_proven(case)


@settings(max_examples=100, deadline=None)
@given(case=cases, place=st.integers(0, 99), reason=reasons)
def test_an_error_never_turns_into_a_pass_what_was_none(case: dict[str, Any], place: int, reason: str) -> None:
    """Of a primary or reported probe, whatever it said before; of a secondary one, unless it had spoken against the artefact."""
    probes = case["probes"]
    assume(probes)
    broken = probes[place % len(probes)]
    finding = next(one for one in _judge(**case).findings if one.probe_id == broken.probe_id)
    assume(broken.role != "secondary" or finding.status != "adverse")
    # An adverse attack that suppression claims nothing about, and that then breaks, leaves the class as it was before the attack.
    assume(finding.status != "adverse" or broken.family != "recovery")
    # Where the class is proven otherwise, a membership test that cannot be made is not missed.
    assume(finding.status != "adverse" or broken.probe_id.partition(".")[0] != "F5" or not _is_proven(case))
    # Nor is, where only suppression is claimed, a measurement of forgetting that it does not ask for; speaking against it still fails.
    is_unasked = broken.family == "forget" and broken.probe_id.partition(".")[0] not in {"F1", "F6"}
    assume(finding.status != "adverse" or not is_unasked or (case["kind"] != "adapter" and case["asked"] != "suppression"))

    changed = replace(
        broken, problem=reason, not_applicable=None, estimate=None, interval=None, assay=None, p_leak=None, p_trace=None, witnesses=None
    )
    after = tuple(changed if probe is broken else probe for probe in probes)

    assert not _passes(after, case) or _passes(probes, case)


@settings(max_examples=100, deadline=None)
@given(
    case=cases,
    probe_id=st.sampled_from(["F2.x", "F9", "R3.x", "R5.x", "R8.x", "U2.x", "G1.x"]),
    shown_by=st.sampled_from(["witness", "test"]),
    role=st.sampled_from(["primary", "secondary"]),
)
def test_adding_an_adverse_probe_never_improves_the_verdict(case: dict[str, Any], probe_id: str, shown_by: str, role: str) -> None:
    # The first measurement of an attack that removal asks for decides what was undecided for want of it: for the weaker class.
    measured = {probe.probe_id.partition(".")[0] for probe in case["probes"] if probe.role == "primary" and probe.not_applicable is None}
    assume(probe_id != "R3.x" or "R3" in measured)
    worse = {"estimate": "0.5", "interval": Interval(low="0.4", high="0.6", level="0.90")}
    if probe_id[0] == "U":
        adverse = probe_result(probe_id, role=role, **worse)
    elif shown_by == "witness":
        adverse = probe_result(probe_id, role=role, witnesses=1)
    else:
        adverse = leaking_probe(probe_id, role=role)

    before, after = _judge(**case), _judge(**{**case, "probes": (*case["probes"], adverse)})

    assert _rank(after) <= _rank(before)
    assert STRENGTH.index(after.class_awarded) <= STRENGTH.index(before.class_awarded)


@settings(max_examples=60, deadline=None)
@given(case=cases, award=st.sampled_from(sorted(NEEDS)))
def test_leaving_out_a_required_group_never_passes(case: dict[str, Any], award: str) -> None:
    fixed = {**case, "kind": "retrained", "asked": award, "qualification": None}
    for need in NEEDS[award]:
        rest = tuple(probe for probe in case["probes"] if probe.probe_id.partition(".")[0] != need.group)

        verdict = _judge(**{**fixed, "probes": rest})

        assert need.is_asked_if_run or verdict.status != "PASS"


@settings(max_examples=60, deadline=None)
@given(case=cases)
def test_a_qualification_that_does_not_hold_changes_no_status(case: dict[str, Any]) -> None:
    for lapsed in (
        QualificationUse(digest=sha(30), is_in_date=False, covers=True),
        QualificationUse(digest=sha(30), is_in_date=True, covers=False),
    ):
        without, with_lapsed = (_judge(**{**case, "qualification": one}) for one in (None, lapsed))

        assert (with_lapsed.status, with_lapsed.class_awarded) == (without.status, without.class_awarded)
        assert set(with_lapsed.codes) - {"OUT_OF_ENVELOPE"} == set(without.codes)


@settings(max_examples=60, deadline=None)
@given(case=cases)
def test_a_qualification_never_changes_what_fails(case: dict[str, Any]) -> None:
    holds = QualificationUse(digest=sha(30), is_in_date=True, covers=True)
    without, leaning = (_judge(**{**case, "qualification": one}) for one in (None, holds))

    assert (without.status == "FAIL") == (leaning.status == "FAIL")
    assert without.findings == leaning.findings


@settings(max_examples=60, deadline=None)
@given(case=cases, probe_id=probe_ids)
def test_reported_probes_decide_nothing(case: dict[str, Any], probe_id: str) -> None:
    family = probe_result(probe_id).family
    told = leaking_probe(f"{probe_id}.told", role="reported", family=family, witnesses=3)

    before, after = _judge(**case), _judge(**{**case, "probes": (*case["probes"], told)})

    assert (after.status, after.codes, after.claim) == (before.status, before.codes, before.claim)


@settings(max_examples=150, deadline=None)
@given(case=cases)
def test_no_combination_of_findings_yields_a_forbidden_phrase(case: dict[str, Any]) -> None:
    verdict = _judge(**case)

    assert [phrase for phrase in FORBIDDEN if phrase in verdict.claim.lower()] == []
    assert verdict.claim.endswith(".")
    assert "  " not in verdict.claim
    assert "None" not in verdict.claim


@pytest.mark.parametrize("award", sorted(NEEDS))
def test_the_passing_results_pass(award: str) -> None:
    """Else the laws above would hold for want of a PASS."""
    assert _judge(passing_probes(), "retrained", award, None, private_proof()).class_awarded == award
