"""Measurements of reports up to the third version stay recomputable, whatever becomes of probes, log and arithmetic.

The golden report was signed by the code at commit e102c1a; its log is of the second form.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtbf.errors import ExtraMissing
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.evidence.shape import read_shape
from rtbf.report.check import items_v1
from rtbf.report.check.items_v1 import recheck_items
from rtbf.report.predicate_v3 import PredicateV3, StatementBodyV3
from rtbf.verify.frozen.record_v1 import Interval, ProbeResult

GOLDEN = Path(__file__).parents[2] / "golden" / "report-v3-items"
LOG = (GOLDEN / "items.json").read_bytes()
PROBE_IDS = ["F1", "F2", "F2.em", "F3", "R2", "U1"]


def signed() -> PredicateV3:
    statement = json.loads(base64.b64decode(json.loads((GOLDEN / "report.dsse.json").read_bytes())["payload"]))
    return read_shape(StatementBodyV3, {name: statement[name] for name in ("subject", "predicate")}).predicate


def probe_of(predicate: PredicateV3, probe_id: str) -> ProbeResult:
    return next(probe for probe in predicate.probes if probe.probe_id == probe_id)


def with_probe(predicate: PredicateV3, probe_id: str, **changes: Any) -> PredicateV3:
    probes = tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in predicate.probes)
    return replace(predicate, probes=probes)


def with_planned(predicate: PredicateV3, probe_id: str, **changes: Any) -> PredicateV3:
    probes = tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in predicate.plan.probes)
    return replace(predicate, plan=replace(predicate.plan, probes=probes))


def with_log(predicate: PredicateV3, log: Any) -> tuple[PredicateV3, bytes]:
    raw = canonical_bytes(log)
    return replace(predicate, measured=replace(predicate.measured, item_log_digest=digest_bytes(raw))), raw


def test_every_probe_of_the_golden_report_is_decided_though_their_files_have_moved_on() -> None:
    seen = recheck_items(signed(), LOG)

    assert seen.startswith("6 probe(s) computed again from ")
    assert seen.endswith(": every number agrees")


@pytest.mark.parametrize("probe_id", PROBE_IDS)
@pytest.mark.parametrize(
    "lie",
    [
        {"before": "0.500000"},
        {"after": "0.123457"},
        {"n_records": 999},
        {"witnesses": 50},
        {"items_digest": "sha256:" + "00" * 32},
        {"interval": Interval(low="-0.000001", high="0.000001", level="0.90")},
        {"problem": "NUMERIC"},
        {"not_applicable": "ADAPTER"},
    ],
    ids="-".join,
)
def test_one_number_that_the_log_does_not_give_is_noticed(probe_id: str, lie: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"other numbers for {probe_id}"):
        recheck_items(with_probe(signed(), probe_id, **lie), LOG)


def test_a_token_or_a_hit_changed_in_the_log_is_noticed() -> None:
    log = json.loads(LOG)
    log["items"]["forget"]["original"][5]["log_probs"][1] = "-3.000000000"
    again = json.loads(LOG)
    again["items"]["forget"]["unlearned"][0]["hits"][0] ^= 1

    with pytest.raises(ValueError, match="other numbers for"):
        recheck_items(*with_log(signed(), log))
    with pytest.raises(ValueError, match="other numbers for"):
        recheck_items(*with_log(signed(), again))


def test_code_that_no_release_had_is_undecided_only_when_it_gives_other_numbers() -> None:
    other = "sha256:" + "ab" * 32
    predicate = with_planned(with_probe(signed(), "F3", code_digest=other), "F3", code_digest=other)

    assert "every number agrees" in recheck_items(predicate, LOG)
    with pytest.raises(ExtraMissing, match=other):
        recheck_items(with_probe(predicate, "F3", estimate="0.000000"), LOG)


def test_a_probe_of_somebody_else_is_undecided() -> None:
    predicate = with_planned(with_probe(signed(), "F1", name="theirs"), "F1", name="theirs")

    with pytest.raises(ExtraMissing, match="theirs"):
        recheck_items(predicate, LOG)


def test_a_probe_that_stopped_with_an_error_has_no_numbers_and_is_told_of() -> None:
    stopped = {
        "n_records": 0, "n_items": 0, "n_excluded": 0, "before": None, "after": None, "control": None, "estimate": None,
        "interval": None, "assay": None, "p_leak": None, "p_trace": None, "p_attainable": None, "witnesses": None, "problem": "PROBE_ERROR",
    }  # fmt: skip

    seen = recheck_items(with_probe(signed(), "F2", **stopped), LOG)

    assert seen.endswith("1 stopped with an error and has no numbers")
    with pytest.raises(ValueError, match="other numbers for F2"):
        recheck_items(with_probe(signed(), "F2", **{**stopped, "after": "0.100000"}), LOG)


def test_another_log_other_arms_and_another_repeat_difference_are_refused() -> None:
    predicate = signed()
    renamed = replace(
        predicate, measured=replace(predicate.measured, arms=tuple(replace(arm, name=f"{arm.name}x") for arm in predicate.measured.arms))
    )
    repeated = replace(predicate, measured=replace(predicate.measured, repeat_delta_nats="0.000000000"))

    with pytest.raises(ValueError, match="digest"):
        recheck_items(predicate, LOG + b" ")
    with pytest.raises(ValueError, match="other arms"):
        recheck_items(renamed, LOG)
    with pytest.raises(ValueError, match="repeat difference"):
        recheck_items(repeated, LOG)
    with pytest.raises(ValueError, match="planned"):
        recheck_items(replace(predicate, probes=predicate.probes[1:]), LOG)


def test_a_log_of_the_first_form_is_undecided() -> None:
    with pytest.raises(ExtraMissing, match="first form"):
        recheck_items(*with_log(signed(), {"items": {"forget": {}, "holdout": {}}, "probes": {}}))


def test_without_scipy_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtbf.verify.frozen.measure_v1", None)

    with pytest.raises(ExtraMissing, match="pip install scipy"):
        recheck_items(signed(), LOG)


def test_more_items_than_the_checker_holds_in_memory_are_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_v1, "_MOST_ITEMS", 5)

    with pytest.raises(ExtraMissing, match="more than 5 items"):
        recheck_items(signed(), LOG)
