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
from tests.item_logs import ARMS, honest, item_log, probe_of, signed_statement, with_log, with_probe

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("records", "kind"), [(20, "merged"), (8, "merged"), (1, "merged"), (20, "adapter")])
def test_an_honest_statement_follows_from_its_log(records: int, kind: str) -> None:
    predicate, log = honest(records, kind)

    seen = recheck_items(predicate, log)

    assert seen.startswith(f"{len(predicate.probes)} probe(s) computed again from ")
    assert seen.endswith("in 4 arms: every number agrees")


def test_a_plain_recomputation_of_two_probes_gives_what_the_statement_says() -> None:
    """F3 and EM by nothing but the log's text and school arithmetic; eight records, so that t and all 2^8 signs can be listed."""
    predicate, raw = honest(8)
    items = json.loads(raw)["items"]["forget"]

    def answer_probability(item: Any) -> float | None:
        return sum(float(text) for text in item["log_probs"]) / len(item["log_probs"])

    def exact_memorisation(item: Any) -> float | None:
        hits = item["hits"][:-1] if item["has_end"] else item["hits"]
        return sum(hits) / len(hits) if len(hits) >= 5 else None

    for probe_id, value in (("F3", answer_probability), ("F2.em", exact_memorisation)):
        means = {arm: _by_record(items[arm], value) for arm in ARMS}
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


def _by_record(items: list[Any], value: Callable[[Any], float | None]) -> list[float]:
    grouped: dict[str, list[float]] = {}
    for item in items:
        if (found := value(item)) is not None:
            grouped.setdefault(item["record_id"], []).append(found)
    return [sum(values) / len(values) for values in grouped.values()]


def test_a_log_that_the_statement_does_not_name_is_refused() -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match="digest"):
        recheck_items(predicate, log.replace(b'"r0001"', b'"r0002"'))


@pytest.mark.parametrize("arm", ["original", "unlearned", "control-101", "control-102"])
def test_one_wrong_token_in_any_arm_is_noticed(arm: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    log["items"]["forget"][arm][5]["log_probs"][2] = "-3.000000000"

    with pytest.raises(ValueError, match=r"F3|repeat difference"):
        recheck_items(*with_log(predicate, log))


def test_one_wrong_hit_is_noticed() -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    place = next(place for place, item in enumerate(log["items"]["forget"]["unlearned"]) if len(item["hits"]) >= 6)
    hits = log["items"]["forget"]["unlearned"][place]["hits"]
    hits[0] = 1 - hits[0]

    with pytest.raises(ValueError, match=r"F1|F2"):
        recheck_items(*with_log(predicate, log))


@pytest.mark.parametrize("side", ["forget", "holdout"])
def test_an_item_left_out_of_every_arm_is_noticed(side: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    for arm in log["items"][side].values():
        del arm[3]

    with pytest.raises(ValueError, match=r"other numbers for .*items_digest"):
        recheck_items(*with_log(predicate, log))


def test_an_item_left_out_of_one_arm_is_noticed() -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    del log["items"]["forget"]["control-101"][3]

    with pytest.raises(ValueError, match="different items"):
        recheck_items(*with_log(predicate, log))


@pytest.mark.parametrize(("first", "second"), [("original", "unlearned"), ("unlearned", "control-101"), ("original", "control-102")])
def test_two_swapped_arms_are_noticed(first: str, second: str) -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    forget = log["items"]["forget"]
    forget[first], forget[second] = forget[second], forget[first]

    with pytest.raises(ValueError, match=r"other numbers for|repeat difference"):
        recheck_items(*with_log(predicate, log))


def test_arms_under_other_names_and_an_adapter_without_its_other_state_are_refused() -> None:
    predicate, raw = honest(8)
    log = json.loads(raw)
    renamed = log | {"arms": [*ARMS[:3], "control-9"]}
    renamed["items"] = {
        side: {("control-9" if arm == ARMS[3] else arm): scores for arm, scores in arms.items()} for side, arms in log["items"].items()
    }
    adapter = replace(predicate, measured=replace(predicate.measured, artefact_kind="adapter"))

    with pytest.raises(ValueError, match="other arms"):
        recheck_items(*with_log(predicate, renamed))
    with pytest.raises(ValueError, match="adapter states"):
        recheck_items(adapter, raw)


@pytest.mark.parametrize("probe_id", ["F1", "F2", "F2.em", "F3", "U1"])
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
def test_one_number_that_the_log_does_not_give_is_noticed(probe_id: str, lie: dict[str, Any]) -> None:
    predicate, log = honest(8)

    with pytest.raises(ValueError, match=f"other numbers for {probe_id}|stated number"):
        recheck_items(with_probe(predicate, probe_id, **lie), log)


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
