"""The deep check: every number of the probes follows from the disclosed item log, and one that does not is noticed."""

from __future__ import annotations

import itertools
import json
import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ExtraMissing
from rtbf.report.check import items as check_items
from rtbf.report.check.items import recheck_items
from rtbf.verify.item_log import write_item_log
from rtbf.verify.record import Interval
from tests.item_logs import ARMS, honest, item_log, pass_of, probe_of, signed_statement, with_log, with_probe

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("records", "kind", "profile"),
    [(20, "merged", "smoke"), (8, "merged", "smoke"), (1, "merged", "smoke"), (20, "adapter", "smoke"), (8, "adapter", "standard")],
)
def test_an_honest_statement_follows_from_its_log(records: int, kind: str, profile: str) -> None:
    predicate, log = honest(records, kind, profile)

    seen = recheck_items(predicate, log)

    assert seen.startswith(f"{len(predicate.probes)} probe(s) computed again from ")
    assert seen.endswith("in 4 arms: every number agrees")


def test_a_plain_recomputation_of_two_probes_gives_what_the_statement_says() -> None:
    """F3 and EM by nothing but the log's text and school arithmetic; eight records, so that t and all 2^8 signs can be listed."""
    predicate, raw = honest(8)
    log = json.loads(raw)
    rows = log["sets"]["forget"]["items"]  # record id, label, tokens, has_end, zlib bytes
    found = {arm: list(zip(rows, pass_of(log, "forget", arm)["found"], strict=True)) for arm in ARMS}

    def answer_probability(_row: Any, item: Any) -> float | None:
        return sum(float(text) for text in item["log_probs"]) / len(item["log_probs"])

    def exact_memorisation(row: Any, item: Any) -> float | None:
        hits = [int(mark) for mark in item["hits"]][: -1 if row[3] else None]
        return sum(hits) / len(hits) if len(hits) >= 5 else None

    for probe_id, value in (("F3", answer_probability), ("F2.em", exact_memorisation)):
        means = {arm: _by_record(found[arm], value) for arm in ARMS}
        control = [(one + other) / 2 for one, other in zip(means["control-101"], means["control-102"], strict=True)]
        effect = [after - never for after, never in zip(means["unlearned"], control, strict=True)]
        n = len(effect)
        mean = sum(effect) / n
        spread = math.sqrt(sum((one - mean) ** 2 for one in effect) / (n - 1))
        half = {8: 1.894578605, 7: 1.943180281, 6: 2.015048373}[n] * spread / math.sqrt(n)  # Student's t at 0.95, n − 1 degrees
        flips = [sum(sign * one for sign, one in zip(signs, effect, strict=True)) / n for signs in itertools.product((1, -1), repeat=n)]
        stated = probe_of(predicate, probe_id)
        assert stated.before == f"{sum(means['original']) / n:.6f}"
        assert stated.after == f"{sum(means['unlearned']) / n:.6f}"
        assert stated.estimate == f"{mean:.6f}"
        assert stated.interval is not None
        assert float(stated.interval.low) == pytest.approx(mean - half, abs=1e-6)
        assert float(stated.interval.high) == pytest.approx(mean + half, abs=1e-6)
        assert float(stated.p_leak or -1) == sum(one >= mean - 1e-12 for one in flips) / len(flips)
        assert float(stated.p_trace or -1) == sum(one <= mean + 1e-12 for one in flips) / len(flips)
        assert stated.n_records == n


def _by_record(pairs: list[Any], value: Callable[[Any, Any], float | None]) -> list[float]:
    grouped: dict[str, list[float]] = {}
    for row, item in pairs:
        if (found := value(row, item)) is not None:
            grouped.setdefault(row[0], []).append(found)
    return [sum(values) / len(values) for values in grouped.values()]


def test_a_log_that_the_statement_does_not_name_is_refused() -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match="digest"):
        recheck_items(predicate, log.replace(b'"r0001"', b'"r0002"', 1))


@pytest.mark.parametrize("arm", ["original", "unlearned", "control-101", "control-102"])
def test_one_wrong_token_in_any_arm_is_noticed(arm: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    pass_of(log, "forget", arm)["found"][5]["log_probs"][2] = "-3.000000000"

    with pytest.raises(ValueError, match=r"F3|repeat difference"):
        recheck_items(*with_log(predicate, log))


def test_one_wrong_hit_is_noticed() -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    found = pass_of(log, "forget", "unlearned")["found"]
    item = next(item for item in found if len(item["hits"]) >= 6)
    item["hits"] = str(1 - int(item["hits"][0])) + item["hits"][1:]

    with pytest.raises(ValueError, match=r"F1|F2"):
        recheck_items(*with_log(predicate, log))


@pytest.mark.parametrize("items", ["forget", "holdout", "secrets"])
def test_an_item_left_out_of_every_pass_is_noticed(items: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    del log["sets"][items]["items"][3]
    for entry in log["passes"]:
        if entry["items"] == items:
            del entry["found"][3]

    with pytest.raises(ValueError, match=r"other numbers for .*items_digest"):
        recheck_items(*with_log(predicate, log))


def test_an_item_left_out_of_one_pass_is_noticed() -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    del pass_of(log, "forget", "control-101")["found"][3]

    with pytest.raises(ValueError, match="another number of items"):
        recheck_items(*with_log(predicate, log))


@pytest.mark.parametrize("outcome", ["left out", "called failed", "made up"])
def test_a_pass_that_was_left_out_called_failed_or_made_up_is_noticed(outcome: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    entry = pass_of(log, "forget", "control-101")
    if outcome == "left out":
        log["passes"].remove(entry)
    elif outcome == "called failed":
        log["passes"][log["passes"].index(entry)] = {"items": "forget", "arm": "control-101", "state": "", "failed": "TIMED_OUT"}
    else:
        log["passes"].append(entry | {"state": "nf4"})
        log["passes"].sort(key=lambda one: (one["items"], one["arm"], one["state"]))

    with pytest.raises(ValueError, match=r"other passes than|other numbers for F0"):
        recheck_items(*with_log(predicate, log))


@pytest.mark.parametrize(("first", "second"), [("original", "unlearned"), ("unlearned", "control-101"), ("original", "control-102")])
def test_two_swapped_arms_are_noticed(first: str, second: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    one, other = pass_of(log, "forget", first), pass_of(log, "forget", second)
    one["found"], other["found"] = other["found"], one["found"]

    with pytest.raises(ValueError, match=r"other numbers for|repeat difference"):
        recheck_items(*with_log(predicate, log))


def test_arms_under_other_names_and_an_adapter_without_its_other_state_are_refused() -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    log["arms"][3] = "control-9"
    for entry in log["passes"]:
        entry["arm"] = "control-9" if entry["arm"] == ARMS[3] else entry["arm"]
    adapter = replace(predicate, measured=replace(predicate.measured, artefact_kind="adapter"))

    with pytest.raises(ValueError, match="other arms"):
        recheck_items(*with_log(predicate, log))
    with pytest.raises(ValueError, match="other passes"):
        recheck_items(adapter, raw)


@pytest.mark.parametrize(
    "lie",
    [
        {"before": "0.500000"},
        {"after": "0.123457"},
        {"estimate": "0.000001"},
        {"n_records": 999},
        {"n_items": 999},
        {"n_excluded": 1_000},
        {"witnesses": 50},
        {"items_digest": "sha256:" + "00" * 32},
        {"seed": 18},
        {"unit": "apples"},
        {"role": "reported"},
        {"compared_with": "chance"},
        {"power": "1.000000"},
        {"note": "all is well"},
        {"interval": None},
        {"interval": Interval(low="-0.000001", high="0.000001", level="0.90")},
        {"interval": Interval(low="NaN", high="x", level="0.90")},
        {"problem": "NUMERIC"},
        {"problem": "PROBE_ERROR"},
        {"not_applicable": "MERGED"},
        {"margin": "0.900000"},
    ],
    ids="-".join,
)  # fmt: skip
def test_one_number_that_the_log_does_not_give_is_noticed(lie: dict[str, Any]) -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match=r"other numbers for F3|stated number"):
        recheck_items(with_probe(predicate, "F3", **lie), log)


@pytest.mark.parametrize("probe_id", ["F0", "F1", "F2", "F2.em", "F4", "F4.best", "U1"])
def test_a_lie_about_any_probe_is_noticed(probe_id: str) -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match=f"other numbers for {probe_id}: after"):
        recheck_items(with_probe(predicate, probe_id, after="0.123457"), log)


@pytest.mark.parametrize("name", ["p_leak", "p_trace", "p_attainable"])
@pytest.mark.parametrize("value", ["0.500000000", None])
def test_a_p_value_that_the_log_does_not_give_is_noticed(name: str, value: str | None) -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match=f"F3: {name}"):
        recheck_items(with_probe(predicate, "F3", **{name: value}), log)


def test_a_shifted_end_of_an_interval_is_noticed_and_a_last_figure_is_not() -> None:
    predicate, log = honest()
    interval = probe_of(predicate, "F3").interval
    assert interval is not None
    nudged = replace(interval, high=f"{float(interval.high) + 0.000001:.6f}")
    shaved = replace(interval, high=f"{float(interval.high) - 0.000003:.6f}")

    assert "every number agrees" in recheck_items(with_probe(predicate, "F3", interval=nudged), log)
    with pytest.raises(ValueError, match="F3: interval"):
        recheck_items(with_probe(predicate, "F3", interval=shaved), log)


def test_another_scipy_leaves_undecided_what_another_drawing_explains_and_nothing_more() -> None:
    log = write_item_log(item_log())
    predicate = signed_statement(log, environment={"scipy": "1.0.0"})
    interval = probe_of(predicate, "F3").interval
    assert interval is not None
    width = float(interval.high) - float(interval.low)
    near = replace(interval, low=f"{float(interval.low) - width / 50:.6f}")
    far = replace(interval, low=f"{float(interval.low) + width / 4:.6f}")

    assert "every number agrees" in recheck_items(predicate, log)
    with pytest.raises(ExtraMissing, match=r"scipy==1\.0\.0"):
        recheck_items(with_probe(predicate, "F3", interval=near), log)
    with pytest.raises(ValueError, match="F3: interval"):
        recheck_items(with_probe(predicate, "F3", interval=far), log)


def test_a_probe_that_stopped_with_an_error_has_no_numbers_and_is_told_of() -> None:
    predicate, log = honest(8)
    stopped = {
        "n_records": 0, "n_items": 0, "n_excluded": 0, "before": None, "after": None, "control": None, "estimate": None,
        "interval": None, "assay": None, "p_leak": None, "p_trace": None, "p_attainable": None, "witnesses": None, "problem": "PROBE_ERROR",
        "compared_with": None, "power": None,
    }  # fmt: skip

    seen = recheck_items(with_probe(predicate, "F2", **stopped), log)

    assert seen.endswith("1 stopped with an error and has no numbers")


def test_a_probe_of_other_code_is_undecided_when_it_gives_other_numbers_here() -> None:
    predicate, log = honest(8)
    other = "sha256:" + "ab" * 32
    plan = replace(
        predicate.plan, probes=tuple(replace(one, code_digest=other) if one.probe_id == "F3" else one for one in predicate.plan.probes)
    )
    same = replace(with_probe(predicate, "F3", code_digest=other), plan=plan)

    assert "every number agrees" in recheck_items(same, log)
    with pytest.raises(ExtraMissing, match=other):
        recheck_items(with_probe(same, "F3", estimate="0.000000"), log)


def test_a_probe_of_somebody_else_is_undecided_and_a_lie_about_another_one_is_still_a_lie() -> None:
    predicate, log = honest(8)
    plan = replace(
        predicate.plan, probes=tuple(replace(one, name="theirs") if one.probe_id == "F1" else one for one in predicate.plan.probes)
    )
    theirs = replace(with_probe(predicate, "F1", name="theirs"), plan=plan)

    with pytest.raises(ExtraMissing, match="theirs"):
        recheck_items(theirs, log)
    with pytest.raises(ValueError, match="F3: after"):
        recheck_items(with_probe(theirs, "F3", after="0.000000"), log)


def test_a_probe_missing_from_the_statement_and_another_repeat_difference_are_refused() -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match="planned"):
        recheck_items(replace(predicate, probes=predicate.probes[1:]), log)
    with pytest.raises(ValueError, match="repeat difference"):
        recheck_items(replace(predicate, measured=replace(predicate.measured, repeat_delta_nats="0.000000000")), log)


def test_without_scipy_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    predicate, log = honest(8)
    monkeypatch.setitem(sys.modules, "rtbf.verify.measure", None)

    with pytest.raises(ExtraMissing, match="pip install scipy"):
        check_items.recheck_items(predicate, log)


def test_more_items_than_the_checker_holds_in_memory_are_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    predicate, log = honest(8)
    monkeypatch.setattr(check_items, "_MOST_ITEMS", 5)

    with pytest.raises(ExtraMissing, match="more than 5 items"):
        recheck_items(predicate, log)


def test_a_margin_that_is_no_number_is_refused() -> None:
    predicate, log = honest(8)
    plan = replace(predicate.plan, probes=tuple(replace(one, margin="wide") for one in predicate.plan.probes))

    with pytest.raises(ValueError, match="stated number"):
        recheck_items(replace(predicate, plan=plan), log)
