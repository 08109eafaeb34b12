"""How reports up to the third version were measured: records before items, missing arms stay missing, a broken probe finds nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.verify.frozen.item_log_v2 import ArmScores
from rtbf.verify.frozen.item_scores_v1 import ItemScores
from rtbf.verify.frozen.measure_v1 import measure, probe_values
from rtbf.verify.frozen.probes_v1 import PROBES
from tests.frozen_results import planned_probes

if TYPE_CHECKING:
    from rtbf.verify.frozen.record_v1 import ProbeResult

PLANNED = planned_probes()
PROBE = {probe.name: probe for probe in PROBES}
ITEMS = "sha256:" + "01" * 32


def _arm(by_record: list[tuple[str, list[float]]]) -> list[ItemScores]:
    """Return one item a number: five tokens, each with that log-probability; above −0.5 every token is a hit."""
    return [
        ItemScores(record_id=record, log_probs=(value,) * 5, hits=(value > -0.5,) * 5, has_end=False)
        for record, values in by_record
        for value in values
    ]


def _even(value: float, records: int = 20) -> list[ItemScores]:
    return _arm([(f"r{place}", [value - place / 1000]) for place in range(records)])


def _arms(
    original: list[ItemScores], unlearned: list[ItemScores], *controls: list[ItemScores], off: list[ItemScores] | None = None
) -> ArmScores:
    return ArmScores(original=original, unlearned=unlearned, controls=controls, adapter_off=off)


def _measure(name: str, arms: ArmScores, probe: Any = None, not_applicable: str | None = None) -> ProbeResult:
    return measure(
        PROBE[name],
        PLANNED[name],
        probe or PROBE[name],
        arms,
        items_digest=ITEMS,
        seed=4,
        not_applicable=not_applicable,
    )


def test_the_effect_is_after_minus_control_and_the_assay_before_minus_control() -> None:
    result = _measure("answer_probability", _arms(_even(-0.2), _even(-1.5), _even(-2.0)))

    assert (result.before, result.after, result.control) == ("-0.209500", "-1.509500", "-2.009500")
    assert result.estimate == "0.500000"
    assert result.assay is not None
    assert float(result.assay.low) == pytest.approx(1.8, abs=1e-6)
    assert (result.n_records, result.n_items, result.n_excluded) == (20, 20, 0)
    assert float(result.p_leak or 1) < 0.001
    assert float(result.p_trace or 0) > 0.99


def test_items_of_a_record_are_averaged_before_records_are() -> None:
    original = _arm([("a", [-0.1, -0.1, -0.1]), ("b", [-0.1])])
    unlearned = _arm([("a", [-1.0, -2.0, -3.0]), ("b", [-6.0])])
    control = _arm([("a", [-4.0, -4.0, -4.0]), ("b", [-4.0])])

    arms = _arms(original, unlearned, control)

    result = _measure("answer_probability", arms)
    values = probe_values(PROBE["answer_probability"], PROBE["answer_probability"], arms)

    assert values.record_ids == ("a", "b")
    assert values.after == [-2.0, -6.0]
    assert result.after == "-4.000000"  # (−2 − 6)/2; over items it would be −3
    assert (result.n_records, result.n_items) == (2, 4)


def test_items_that_cannot_carry_the_score_are_left_out_of_every_arm_and_counted() -> None:
    short = ItemScores(record_id="s", log_probs=(-0.1,), hits=(True,), has_end=False)
    arms = _arms([*_even(-0.2), short], [*_even(-0.2), short], [*_even(-2.0), short])

    result = _measure("extraction_strength", arms)

    assert (result.n_records, result.n_items, result.n_excluded) == (20, 20, 1)
    assert (result.before, result.after, result.control) == ("1.000000", "1.000000", "0.000000")


def test_several_controls_are_averaged_record_by_record() -> None:
    arms = _arms(_even(-0.2, 2), _even(-0.3, 2), _even(-1.0, 2), _even(-3.0, 2))

    values = probe_values(PROBE["answer_probability"], PROBE["answer_probability"], arms)

    assert values.control == pytest.approx([-2.0, -2.001])


def test_without_a_control_there_is_no_effect_no_assay_and_no_p() -> None:
    result = _measure("extraction_strength", _arms(_even(-0.2), _even(-2.0)))

    missing = (result.control, result.estimate, result.interval, result.assay, result.p_leak, result.p_trace, result.p_attainable)
    assert missing == (None,) * 7
    assert (result.before, result.after) == ("1.000000", "0.000000")
    assert result.witnesses is None


def test_utility_is_after_minus_before_and_needs_no_control() -> None:
    result = _measure("retain_loss", _arms(_even(-1.0), _even(-1.25)))

    assert result.estimate == "0.250000"  # a greater loss is worse
    assert (result.p_leak, result.p_trace, result.p_attainable, result.assay) == (None, None, None, None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("arm", [0, 1, 2])
def test_one_number_that_is_not_finite_makes_the_probe_numeric_and_shows_no_mean(bad: float, arm: int) -> None:
    scores = [_even(-0.2), _even(-1.0), _even(-2.0)]
    scores[arm][7] = replace(scores[arm][7], log_probs=(bad,) * 5)

    result = _measure("answer_probability", _arms(*scores))

    assert result.problem == "NUMERIC"
    assert (result.before, result.after, result.estimate, result.interval, result.p_leak) == (None,) * 5


@pytest.mark.parametrize("error", [ValueError("x"), ZeroDivisionError(), OverflowError()])
def test_a_probe_that_raises_is_a_probe_error_and_its_words_are_not_repeated(error: Exception) -> None:
    class Broken:
        @staticmethod
        def value(scores: ItemScores) -> float | None:
            raise error

    result = _measure("extraction_strength", _arms(_even(-0.2), _even(-0.2), _even(-2.0)), probe=Broken)

    assert result.problem == "PROBE_ERROR"
    assert (result.n_records, result.before, result.estimate, result.witnesses) == (0, None, None, None)


def test_a_probe_that_answers_for_one_arm_and_not_for_another_is_numeric() -> None:
    """An item left out of one arm alone would make the means speak of different items."""

    class Choosy:
        @staticmethod
        def value(scores: ItemScores) -> float | None:
            return None if scores.log_probs[0] < -1 else 1.0

    result = _measure("extraction_strength", _arms(_even(-0.2), _even(-2.0), _even(-0.2)), probe=Choosy)

    assert result.problem == "NUMERIC"


def test_a_probe_without_any_usable_item_has_no_numbers() -> None:
    short = [ItemScores(record_id="s", log_probs=(-0.1,), hits=(True,), has_end=False)]

    result = _measure("extraction_strength", _arms(short, short, short))

    assert (result.n_records, result.n_items, result.n_excluded) == (0, 0, 1)
    assert (result.before, result.after, result.control, result.estimate, result.interval, result.p_leak) == (None,) * 6


def test_one_record_gives_an_estimate_and_no_interval() -> None:
    result = _measure("answer_probability", _arms(_even(-0.2, 1), _even(-0.2, 1), _even(-2.0, 1)))

    assert result.estimate == "1.800000"
    assert result.interval is None
    assert result.assay is None
    assert result.p_attainable == "0.500000000"


def test_what_is_not_applicable_is_not_measured() -> None:
    result = _measure("adapter_off", _arms(_even(-0.2), _even(-2.0), _even(-2.0)), not_applicable="MERGED")

    assert (result.not_applicable, result.problem, result.before) == ("MERGED", None, None)


def test_the_adapter_probe_looks_at_the_artefact_with_its_adapter_off() -> None:
    arms = _arms(_even(-0.2), _even(-2.0), _even(-2.0), off=_even(-0.2))

    with_adapter = _measure("answer_probability", arms)
    without = _measure("adapter_off", arms)

    assert with_adapter.estimate == "0.000000"
    assert without.estimate == "1.800000"


def test_a_witness_comes_back_from_the_unlearned_arm_and_from_no_control() -> None:
    knows, other = -0.2, -2.0
    unlearned = _arm([("a", [knows]), ("b", [knows]), ("c", [knows]), ("d", [other])])
    first = _arm([("a", [other]), ("b", [knows]), ("c", [other]), ("d", [other])])
    second = _arm([("a", [other]), ("b", [other]), ("c", [knows]), ("d", [other])])
    original = _arm([(name, [knows]) for name in "abcd"])

    result = _measure("verbatim_completion", _arms(original, unlearned, first, second))

    assert result.witnesses == 1  # "a" alone: each of the others some control can give, or nobody


def test_the_order_of_records_changes_no_mean() -> None:
    original, unlearned, control = _even(-0.2), _arm([(f"r{n}", [-1.0 - n / 50]) for n in range(20)]), _even(-2.0)

    forward = probe_values(PROBE["answer_probability"], PROBE["answer_probability"], _arms(original, unlearned, control))
    backward = probe_values(
        PROBE["answer_probability"],
        PROBE["answer_probability"],
        _arms(original[::-1], unlearned[::-1], control[::-1]),
    )

    assert dict(zip(forward.record_ids, forward.after, strict=True)) == dict(zip(backward.record_ids, backward.after, strict=True))


def test_thresholds_come_from_the_plan_and_not_from_the_card() -> None:
    planned = replace(PLANNED["answer_probability"], margin="0.33", margin_origin="agreed with the client")

    result = measure(
        PROBE["answer_probability"],
        planned,
        PROBE["answer_probability"],
        _arms(_even(-0.2), _even(-2.0), _even(-2.0)),
        items_digest=ITEMS,
        seed=4,
        not_applicable=None,
    )

    assert (result.margin, result.margin_origin) == ("0.33", "agreed with the client")
