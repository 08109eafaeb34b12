"""Rulings from words and files: lawful ones are taken whole, and a refusal names lines and fields, never values."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput
from rtbf.plan.rulings import MAX_FILE_BYTES, MAX_REASONING, Ruling, read_decisions_file, read_ruling, rule, ruled
from rtbf.vault.secret import Secret
from tests import builders

FOOTPRINT = builders.footprint()
CANARY = "Wilhelmina Canarybird"
CODES = {("ground", "NonNecessity"): builders.GROUND, ("exemption", "LegalClaims"): builders.EXEMPTION}


def _code_of(kind: str, code: str) -> str:
    try:
        return CODES[(kind, code)]
    except KeyError:
        raise BadInput(found=f"no {kind} code of eu-gdpr", expected="one of its codes", remedy="see the list") from None


def _rule(**fields: Any) -> Ruling:
    return rule(FOOTPRINT, read_ruling(fields), _code_of)


def _read(*lines: Any) -> tuple[Ruling, ...]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return read_decisions_file(text.encode("utf-8", "surrogatepass"), FOOTPRINT, _code_of)


ERASE = {"item": "1-3", "verdict": "erase", "code": "NonNecessity"}
RETAIN = {"item": "record:4", "verdict": "retain", "code": "LegalClaims", "reasoning": "Court file is open."}


def test_a_ruling_has_its_items_its_full_code_and_its_reasoning_wrapped() -> None:
    made = _rule(**RETAIN)

    assert (made.items, made.verdict, made.code) == (("record:4",), "retain", builders.EXEMPTION)
    assert made.reasoning is not None
    assert made.reasoning.reveal() == "Court file is open."
    assert "Court" not in repr(made)


@pytest.mark.parametrize(
    "fields",
    [
        {**ERASE, "code": None},
        {**ERASE, "code": "LegalClaims"},
        {**RETAIN, "code": None},
        {**RETAIN, "code": "NonNecessity"},
        {**RETAIN, "reasoning": None},
        {**RETAIN, "reasoning": "   "},
        {**RETAIN, "reasoning": "-- !"},
        {**RETAIN, "reasoning": "x" * (MAX_REASONING + 1)},
        {**RETAIN, "reasoning": "bell \x07 rings"},
        {"item": "5", "verdict": "restrict"},
        {"item": "5", "verdict": "restrict", "code": "LegalClaims", "reasoning": "Accuracy is contested."},
        {"item": "5", "verdict": "not_about_subject", "code": "NonNecessity"},
        {"item": "21", "verdict": "not_about_subject"},
        {"item": "5", "verdict": "forget"},
        {"verdict": "erase", "code": "NonNecessity"},
        {**ERASE, CANARY: "x"},
        [CANARY],
        CANARY,
        None,
    ],
)
def test_what_a_verdict_lacks_or_does_not_take_is_refused(fields: Any) -> None:
    with pytest.raises(BadInput) as refused:
        rule(FOOTPRINT, read_ruling(fields), _code_of)

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("fields", [ERASE, RETAIN, {"item": "5", "verdict": "restrict", "reasoning": "Accuracy is contested."}])
def test_what_each_verdict_needs_is_enough(fields: dict[str, Any]) -> None:
    assert _rule(**fields).verdict == fields["verdict"]
    assert _rule(item="all", verdict="not_about_subject").items[-1] == "model:assistant"


def test_a_ruling_becomes_one_decision_for_each_item_with_one_commitment() -> None:
    made = ruled(_rule(**RETAIN), reasoning_commitment=builders.sha(3), decided_by="act_officer", decided_at="2026-03-01T09:00:00.000Z")
    several = ruled(_rule(**ERASE), reasoning_commitment=None, decided_by="act_officer", decided_at="2026-03-01T09:00:00.000Z")

    assert [(d.item, d.verdict, d.code, d.reasoning_commitment, d.decided_by) for d in made] == [
        ("record:4", "retain", builders.EXEMPTION, builders.sha(3), "act_officer")
    ]
    assert [d.item for d in several] == ["record:1", "record:2", "record:3"]


@pytest.mark.parametrize(("fields", "commitment"), [(RETAIN, None), (ERASE, builders.sha(3))])
def test_a_reasoning_that_nobody_sealed_is_not_lost_silently(fields: dict[str, Any], commitment: str | None) -> None:
    with pytest.raises(BadInput, match="seal the reasoning"):
        ruled(_rule(**fields), reasoning_commitment=commitment, decided_by="act_officer", decided_at="2026-03-01T09:00:00.000Z")


def test_a_file_is_read_line_by_line_in_its_order_and_blank_lines_do_not_count() -> None:
    rulings = _read("\ufeff" + json.dumps(ERASE), "", RETAIN, "  ", {"item": "models", "verdict": "not_about_subject"})

    assert [ruling.items for ruling in rulings] == [("record:1", "record:2", "record:3"), ("record:4",), ("model:assistant",)]


def test_one_wrong_line_takes_nothing_and_every_wrong_line_is_named_without_its_values() -> None:
    with pytest.raises(BadInput) as refused:
        _read(
            ERASE,
            {"item": CANARY, "verdict": "erase", "code": "NonNecessity"},
            RETAIN,
            {"item": "5", "verdict": "retain", "code": CANARY, "reasoning": "x y"},
            "{" + CANARY,
            {"item": "2", "verdict": "not_about_subject"},
            {"item": "6", "verdict": "erase", "code": "NonNecessity", CANARY: 1},
            '{"item": "7", "verdict": "erase", "verdict": "not_about_subject"}',
            "[" * 100_000,
            "7",
        )

    text = str(refused.value)
    assert CANARY not in text
    assert "8 faulty line(s)" in text
    for number in (2, 4, 5, 6, 7, 8, 9, 10):
        assert f"line {number}:" in text
    assert "line 6: an item that line 1 decides already" in text
    assert "line 1:" not in text
    assert "line 3:" not in text
    assert "no line was taken" in text


def test_of_many_faults_the_first_twenty_are_told_and_all_are_counted() -> None:
    with pytest.raises(BadInput, match=r"50 faulty line\(s\).*line 20: .*; and 30 more"):
        _read(*["nonsense"] * 50)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe", b" " * (MAX_FILE_BYTES + 1)])
def test_a_file_that_is_empty_too_long_or_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput):
        read_decisions_file(content, FOOTPRINT, _code_of)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_rulings_or_a_refusal(content: bytes) -> None:
    try:
        rulings = read_decisions_file(content, FOOTPRINT, _code_of)
    except BadInput:
        return
    assert rulings


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["item", "verdict", "code", "reasoning", "x"]), inner),
        max_leaves=6,
    )
)
def test_no_json_ends_in_anything_but_a_ruling_or_a_refusal(body: Any) -> None:
    try:
        made = rule(FOOTPRINT, read_ruling(body), _code_of)
    except BadInput:
        return
    assert made.items


def test_reasoning_cannot_leave_the_process_by_accident() -> None:
    made = _rule(**RETAIN)

    assert isinstance(made.reasoning, Secret)
    with pytest.raises(TypeError):
        pickle.dumps(made)
