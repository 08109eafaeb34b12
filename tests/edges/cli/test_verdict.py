"""The verdict on the terminal: by question, in 80 columns, the same without colour; and nothing measured is left unsaid."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from rtbf.cli.effect_bar import WIDTH, effect_bar
from rtbf.cli.probe_table import number_text
from rtbf.cli.verdict_table import verification_table
from rtbf.plan.card import probe_cards
from rtbf.verify.record import Interval, Part
from tests import builders

if TYPE_CHECKING:
    from rtbf.verify.record import ProbeResult

NOTHING: dict[str, Any] = dict.fromkeys(
    (
        "before",
        "after",
        "control",
        "estimate",
        "interval",
        "assay",
        "p_leak",
        "p_trace",
        "p_attainable",
        "power",
        "witnesses",
        "compared_with",
    )
)


def drawn(probes: tuple[ProbeResult, ...], **changes: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=80, no_color=True, highlight=False).print(verification_table(builders.verification(probes, **changes)))
    return out.getvalue()


def bar(estimate: str, low: str, high: str, **changes: Any) -> str:
    interval = Interval(low=low, high=high, level="0.90")
    return effect_bar(builders.probe_result("F2", estimate=estimate, interval=interval, margin="0.04", **changes)).plain


def test_the_limits_of_every_effect_stand_four_cells_from_zero() -> None:
    # One margin is four cells: 0.01 is one cell.
    assert bar("0.00", "-0.02", "0.02") == "       ░░━━●━━░░       "
    assert bar("0.08", "0.07", "0.09") == "       ░░░░│░░░░  ━●━  "
    assert bar("-0.02", "-0.03", "0.01", direction="lower_is_better") == "░░░░░░░░━●━━━░░░       "


def test_what_goes_on_beyond_the_drawing_is_marked_on_its_side() -> None:
    assert bar("0.90", "0.80", "0.95") == "       ░░░░│░░░░      ▶"
    assert bar("-0.90", "-0.95", "0.00") == "◀━━━━━━━━━━━░░░░       "
    assert {len(bar("0.0", low, high)) for low, high in (("-9", "9"), ("0", "0"), ("-0.02", "9"))} == {WIDTH}


@pytest.mark.parametrize("changes", [{"estimate": None}, {"margin": "0"}])
def test_without_effect_or_limit_nothing_is_drawn(changes: dict[str, Any]) -> None:
    assert effect_bar(builders.probe_result("F2", **changes)).plain == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [("0.1234", "0.123"), ("-3.3513", "−3.351"), ("-19.8956", "−19.90"), ("-0.0001", "0.000"), ("0", "0.000"), (None, "–")],
)
def test_numbers_are_rounded_for_reading(text: str | None, said: str) -> None:
    assert number_text(text) == said


def test_verdict_and_claim_come_first_and_every_question_has_a_table() -> None:
    text = drawn((*builders.passing_probes(), builders.probe_result("G1"), builders.probe_result("R10", role="reported")))

    titles = [
        "Verdict PASS", "The model is statistically", "Forgotten?", "Can it be brought back?", "Is the rest intact?",
        "Are earlier tickets still good?", "Are the models what they are said to be?", "Reported only",
    ]  # fmt: skip
    places = [" ".join(text.split()).lower().find(title.lower()) for title in titles if title != "The model is statistically"]
    assert -1 not in places
    assert places == sorted(places)
    assert text.index("the 90 % intervals lie") < text.index("Forgotten?")


@pytest.mark.parametrize(
    ("compared_with", "said"),
    [("control models", "control 0.140"), ("siblings", "siblings 0.140"), ("chance", "guessing 0.140"), ("before", "against before")],
)
def test_it_is_said_what_was_compared_with(compared_with: Any, said: str) -> None:
    text = drawn((builders.probe_result("F2", compared_with=compared_with, control=None if compared_with == "before" else "0.140000"),))

    assert said in text
    assert "2 models made by the same recipe and never shown the records" in " ".join(text.split())


def test_tests_that_lack_a_pack_are_one_line_and_not_ten_rows() -> None:
    packs = [builders.probe_result(probe_id, **NOTHING, not_applicable="NO_PACK") for probe_id in ("R6", "R8", "U3", "U5")]

    text = drawn((builders.probe_result("F2"), *packs))

    rows = [line for line in text.splitlines() if line.startswith(("R6", "R8", "U3", "U5"))]
    assert rows == []
    assert "R6 Translation and inference, R8 Steering, U3 General knowledge, U5" in " ".join(text.split())
    assert "docs/reference/item-packs.md" in text


def test_a_leak_names_its_test_before_the_tables_and_counts_what_came_back() -> None:
    text = drawn((builders.leaking_probe("F1", witnesses=3), builders.probe_result("F2")))

    assert text.index("✗ F1 Word-for-word text: given the start of a record") < text.index("Forgotten?")
    assert "3 came back word for word" in text
    assert "✗ against" in text


def test_secondary_results_stand_under_a_line_that_says_so() -> None:
    text = drawn((builders.probe_result("F2"), builders.probe_result("F2.em", role="secondary")))

    assert text.index("F2 Memorised") < text.index("can speak against a PASS, never for one") < text.index("F2.em Words put first")


def test_forms_and_steps_are_told_piece_by_piece() -> None:
    forms = tuple(Part(name=name, n_items=5, before="0.9", after="0.25", control="0.1") for name in ("qa", "cloze", "my_own"))
    steps = tuple(Part(name=f"relearn-rtt@{step}", n_items=5, before="-0.1", after=f"-{step}.5", control="-4.0") for step in (1, 2))

    text = drawn((builders.probe_result("F6", parts=forms), builders.probe_result("R4", parts=steps)))

    assert "as it was learned     0.90  0.25 0.10   with a gap to fill     0.90  0.25 0.10" in text
    assert "my own" in text
    assert "this model        −1.500 −2.500" in text


def test_every_code_says_what_it_means_and_what_it_would_take() -> None:
    text = " ".join(drawn((builders.probe_result("F2", n_records=4, p_attainable="0.06"),)).split())

    assert "UNDERPOWERED too few records, or too wide an interval, to decide" in text
    assert "to decide: more records, more control models or less noise" in text
    assert "NOT_RUN the class needs this probe and it was not run" in text


@pytest.mark.parametrize("role", ["primary", "secondary", "reported"])
def test_no_line_of_any_probe_is_wider_than_the_terminal_or_cut(role: Any) -> None:
    probes = tuple(
        replace(
            builders.probe_result("F2"), probe_id=card.probe_id, name=card.name, family=card.family, role=role, unit=card.unit,
            before="-0.001163", after="-28.041872", control="-27.421119", margin=card.margin,
            interval=Interval(low="-3.134500", high="2.610449", level="0.90"), estimate="-0.620753",
        )
        for card in probe_cards().values()
    )  # fmt: skip

    text = drawn(tuple(sorted(probes, key=lambda probe: probe.probe_id)))

    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for probe in probes:
        assert probe.probe_id in text
