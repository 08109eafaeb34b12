"""The printed view: deterministic, with the envelope inside, and printable for every kind of outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ExtraMissing
from rtbf.evidence.keys import key_id
from rtbf.report.check.pdf import carries
from rtbf.report.pdf import render
from rtbf.report.pdf.view import printed_view
from rtbf.report.predicate import SupersededPart
from rtbf.report.statement import build_statement
from tests import builders

if TYPE_CHECKING:
    from rtbf.report.statement import Case

SIGNER = key_id(builders.signing_key().public_key())


def _cases() -> dict[str, Case]:
    measured_nothing: dict[str, Any] = dict.fromkeys(
        ("before", "after", "control", "estimate", "interval", "assay", "p_leak", "p_trace", "p_attainable", "witnesses")
    )
    broken = builders.probe_result("F2", problem="PROBE_ERROR", **measured_nothing)
    alone = builders.probe_result("F3", **{**measured_nothing, "before": "-0.2", "after": "-3.1"})
    second = builders.probe_result("F2.em", name="exact_memorisation")
    bare = builders.case((builders.probe_result("U1"),))
    return {
        "pass": builders.case(),
        "fail": builders.case((builders.leaking_probe("F1", witnesses=2), builders.probe_result("U1"))),
        "undecided": builders.case((broken, alone, second)),
        "no probes": builders.case(()),
        "superseding": replace(
            builders.case(), supersedes=SupersededPart(report_id="rep_00test", envelope_sha256="ee" * 32), time_stamp="asked"
        ),
        "empty lists": replace(
            bare,
            identity=(),
            notices=(),
            unlearned=replace(bare.unlearned, curve=(), steps=0, stop_reason="nothing_to_train"),
        ),
    }


@pytest.mark.parametrize("kind", ["pass", "fail", "undecided", "no probes", "superseding", "empty lists"])
def test_every_kind_of_outcome_is_printed_with_its_envelope_inside(kind: str) -> None:
    made = _cases()[kind]
    envelope = builders.envelope(made)

    pdf = render.render_pdf(build_statement(made), envelope, SIGNER)

    assert pdf.startswith(b"%PDF-1.7")
    assert carries(pdf, envelope)


def test_the_same_statement_gives_the_same_bytes() -> None:
    statement, envelope = build_statement(builders.case()), builders.envelope()

    first, second = (render.render_pdf(statement, envelope, SIGNER) for _ in range(2))

    assert first == second


def test_text_of_a_record_never_becomes_markup() -> None:
    """A corpus name is the operator's; it must not be able to read files or to change the page."""
    hostile = '#read("/etc/passwd") *bold* $x$ \\ " ] }'
    made = builders.case()
    searched = replace(made.footprint.searched[0], corpus=hostile)
    footprint = replace(made.footprint, searched=(searched,))
    statement = build_statement(made)
    statement["predicate"]["footprint"]["searched"][0]["corpus"] = footprint.searched[0].corpus

    pdf = render.render_pdf(statement, builders.envelope(), SIGNER)

    view = printed_view(statement, b"", SIGNER)
    assert pdf.startswith(b"%PDF")
    assert view["searched"]["corpora"][0][0] == hostile


def test_letters_that_no_font_has_do_not_stop_the_report() -> None:
    """PDF/A refuses a document with one missing letter; a corpus may be called anything."""
    statement = build_statement(builders.case())
    statement["predicate"]["footprint"]["searched"][0]["corpus"] = "客户 Ελλάδα \u202eabc"

    pdf = render.render_pdf(statement, builders.envelope(), SIGNER)

    view = printed_view(statement, b"", SIGNER)
    assert pdf.startswith(b"%PDF")
    assert view["searched"]["corpora"][0][0] == "[U+5BA2][U+6237] Ελλάδα [U+202E]abc"


def test_page_one_names_tree_head_digest_and_signing_key() -> None:
    view = printed_view(build_statement(builders.case()), b"{}", SIGNER)

    # sha256 of the two bytes "{}"
    assert view["envelope"] == "44136fa3 55b3678a 1146ad16 f7e8649e 94fb4fc2 1fe77e83 10c060f6 1caaff8a"
    assert view["head"] == {"size": "12 leaves", "root": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="}
    assert view["attestation"] == "self-attested"
    assert view["signer"].replace(" ", "") == SIGNER.removeprefix("sha256:")


@pytest.mark.parametrize(
    ("changes", "word", "rest"),
    [
        ({}, "RUNNING", "An answer is due by 20 March 2026; none had been sent when this report was issued."),
        ({"answered_on": "2026-03-02", "standing": "kept"}, "KEPT", "Answered on 2 March 2026, due by 20 March 2026."),
        ({"answered_on": "2026-03-22", "standing": "missed"}, "MISSED", "Answered on 22 March 2026, due by 20 March 2026."),
    ],
)
def test_page_one_tells_the_deadline_in_one_word_and_one_sentence(changes: dict[str, Any], word: str, rest: str) -> None:
    statement = build_statement(builders.case())
    statement["predicate"]["clock"].update(changes)

    told = printed_view(statement, b"", SIGNER)["deadline"]

    assert (told["word"], told["rest"]) == (word, rest)


def test_report_that_stands_in_for_another_says_so_on_page_one_and_in_the_trail() -> None:
    earlier = SupersededPart(report_id="rep_00test", envelope_sha256="ee" * 32)
    first, second = (printed_view(build_statement(replace(builders.case(), supersedes=part)), b"", SIGNER) for part in (None, earlier))

    assert first["supersedes"] is None
    assert second["supersedes"]["short"].startswith("This report stands in for report rep_00test, ")
    assert second["supersedes"]["facts"] == [["Report", "rep_00test"], ["Its signed file, SHA-256", " ".join(["ee" * 4] * 8)]]


@pytest.mark.parametrize(
    ("time_stamp", "expected"),
    [
        ("none", "none: no outside time-stamp authority is set up, so the times are the operator's word"),
        ("asked", "an outside authority was asked to stamp the signed file; its token lies beside it as report.dsse.json.tsr"),
    ],
)
def test_trail_says_whether_an_outside_time_stamp_was_asked_for(time_stamp: Any, expected: str) -> None:
    view = printed_view(build_statement(replace(builders.case(), time_stamp=time_stamp)), b"", SIGNER)

    assert ["Time-stamp", expected] in view["trail"]["words"]


def test_every_chart_tells_its_result() -> None:
    made = builders.case((builders.leaking_probe("F1"), builders.probe_result("F2", problem="PROBE_ERROR"), builders.probe_result("U1")))

    groups = printed_view(build_statement(made), b"", SIGNER)["charts"]

    told = [(chart["title"][:2], chart["status_words"]) for group in groups for chart in group["charts"]]
    assert told == [("F1", "against"), ("F2", "undecided"), ("U1", "in favour")]


def test_interval_levels_are_told_as_percentages() -> None:
    view, bare = (printed_view(build_statement(builders.case(probes)), b"", SIGNER) for probes in (None, ()))

    assert view["levels"] == ", with its 90 % interval"
    assert bare["levels"] == ""


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [number for entry in (value.values() if isinstance(value, dict) else value) for number in _numbers(entry)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_view_holds_no_bare_number() -> None:
    """The template would print a number as it likes: 0.0 came out as 0."""
    view = printed_view(build_statement(builders.case()), b"", SIGNER)

    numbers = _numbers(view)

    assert numbers == []


def test_without_the_renderer_the_refusal_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "typst", None)

    with pytest.raises(ExtraMissing, match=r"rtbf\[pdf\]"):
        render.render_pdf(build_statement(builders.case()), builders.envelope(), SIGNER)
