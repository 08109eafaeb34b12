"""The printed view: deterministic, with the envelope inside, and printable for every kind of outcome."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ExtraMissing
from rtbf.evidence.keys import key_id
from rtbf.plan.card import probe_cards
from rtbf.report.check.pdf import carries
from rtbf.report.pdf import render
from rtbf.report.pdf.view import printed_view
from rtbf.report.predicate import SupersededPart
from rtbf.report.statement import build_statement
from rtbf.verify.record import Part, QualificationUse
from tests import builders

if TYPE_CHECKING:
    from rtbf.plan.card import ProbeCard
    from rtbf.report.statement import Case
    from rtbf.verify.record import ProbeResult

SIGNER = key_id(builders.signing_key().public_key())

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


def _cases() -> dict[str, Case]:
    measured_nothing = NOTHING
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


def _view(probes: tuple[ProbeResult, ...] | None = None) -> dict[str, Any]:
    return printed_view(build_statement(builders.case(probes)), b"", SIGNER)


def _rows(view: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for group in view["families"] for scale in group["scales"] for row in scale["rows"]]


def test_every_test_tells_its_result_under_the_question_it_answers() -> None:
    view = _view((builders.leaking_probe("F1"), builders.probe_result("F2", problem="PROBE_ERROR"), builders.probe_result("U1")))

    told = [
        (group["title"], row["id"], row["status_words"]) for group in view["families"] for scale in group["scales"] for row in scale["rows"]
    ]
    assert told == [
        ("Forgotten?", "F1", "against"),
        ("Forgotten?", "F2", "undecided"),
        ("Is the rest intact?", "U1", "in favour"),
    ]
    assert view["against"] == ["F1 Word-for-word text: given the start of a record, does the model write the rest word for word"]


def test_what_was_not_measured_is_named_once_with_its_reason_and_has_no_row() -> None:
    """Ten empty rows would bury the tests that were made."""
    packs = tuple(builders.probe_result(probe_id, **NOTHING, not_applicable="NO_PACK") for probe_id in ("R6", "U3"))

    view = _view((*packs, builders.probe_result("F2")))

    assert [row["id"] for row in _rows(view)] == ["F2"]
    assert ["NO_PACK", "the operator gave no items for it", "R6 Translation and inference, U3 General knowledge"] in view["not_measured"]
    assert view["not_measured"][0][0] == "NOT_RUN"
    assert "NO_PACK" not in [code for code, _ in view["codes"]]


def test_what_is_only_told_stands_apart_and_is_not_counted() -> None:
    told = builders.probe_result("R10", role="reported", note="made up for this test")

    view = _view((builders.probe_result("F2"), told))

    assert [group["title"] for group in view["families"]] == ["Forgotten?", "Reported only"]
    assert (_rows(view)[-1]["status_words"], _rows(view)[-1]["note"]) == ("told only", "made up for this test")
    assert [entry["title"] for entry in view["tally"]] == ["Forgotten?"]


def test_a_test_that_counts_and_broke_off_keeps_its_row() -> None:
    view = _view((builders.probe_result("F5", **NOTHING, problem="BLIND_GATE"),))

    assert [(row["id"], row["effect"], row["reason"]) for row in _rows(view)] == [("F5", "could not be completed", "BLIND_GATE")]


def test_secondary_tests_stand_below_and_are_marked() -> None:
    beside = builders.probe_result("F2.em", role="secondary", unit="share", compared_with="siblings")

    rows = _rows(_view((beside, builders.probe_result("F3", unit="share"))))

    assert [(row["id"], row["is_secondary"]) for row in rows] == [("F3", False), ("F2.em", True)]
    assert (rows[0]["compared"], rows[1]["compared"]) == ("control 0.140", "siblings 0.140")


@pytest.mark.parametrize("card", probe_cards().values(), ids=lambda card: card.probe_id)
def test_every_probe_can_be_printed(card: ProbeCard) -> None:
    probe = replace(builders.probe_result(card.probe_id.replace("TOFU", "F").replace("MUSE", "F")), probe_id=card.probe_id)
    probe = replace(probe, name=card.name, family=card.family, role=card.role, unit=card.unit, direction=card.direction, margin=card.margin)

    rows = _rows(_view((probe,)))

    assert [row["id"] for row in rows] == [card.probe_id]
    assert rows[0]["asks"] != ""


def test_attacks_by_step_and_forms_are_drawn() -> None:
    steps = tuple(Part(name=f"relearn-rtt@{step}", n_items=9, before="-0.1", after="-3.0", control="-3.1") for step in (0, 5, 50))
    forms = tuple(Part(name=name, n_items=9, before="0.9", after="0.0", control="0.1") for name in ("qa", "cloze", "reversed"))
    made = builders.case((builders.probe_result("R4", parts=steps), builders.probe_result("F6", parts=forms)))

    pdf = render.render_pdf(build_statement(made), builders.envelope(made), SIGNER)

    view = printed_view(build_statement(made), b"", SIGNER)
    assert pdf.startswith(b"%PDF")
    assert [chart["title"] for chart in view["curves"]] == ["R4 Relearning from a part"]
    assert [row["name"] for row in view["pieces"][0]["rows"]] == ["as it was learned", "with a gap to fill", "from the fact to the name"]


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (None, "The method has no qualification on planted records"),
        (QualificationUse(digest=builders.sha(9), is_in_date=True, covers=True), "covers this run"),
        (QualificationUse(digest=builders.sha(9), is_in_date=False, covers=True), "may not be used: it had lapsed"),
        (QualificationUse(digest=builders.sha(9), is_in_date=True, covers=False), "may not be used: it does not cover this run"),
    ],
)
def test_the_qualification_is_told_in_a_sentence(used: QualificationUse | None, said: str) -> None:
    statement = build_statement(builders.case())
    statement["predicate"]["measured"]["qualification"] = None if used is None else asdict(used)

    assert said in printed_view(statement, b"", SIGNER)["measured"]["qualification"]


def test_sets_tell_what_was_planned_and_what_was_used() -> None:
    statement = build_statement(builders.case())
    statement["predicate"]["plan"]["sets"] = [
        {"name": "jailbreaks", "reads": "reply", "items": 20, "samples": 1, "left_out": []},
        {"name": "earlier", "reads": "score", "items": 0, "samples": 1, "left_out": []},
        {"name": "forms", "reads": "reply", "items": 9, "samples": 1, "left_out": [["cloze: no such form", 2], ["not in the sample", 5]]},
    ]
    statement["predicate"]["measured"]["sets"] = [
        {"name": "jailbreaks", "items": 20, "passes": 3, "planned_tokens": 48177, "tokens": 48000},
        {"name": "relearning steps", "items": 9, "passes": 4, "planned_tokens": 99, "tokens": 99},
    ]

    told = printed_view(statement, b"", SIGNER)["measured"]

    assert told["sets"] == [
        ["jailbreak prompts", "20", "answered", "3", "48,177", "48,000"],
        ["the relearning attacks' training", "9", "trained on", "4", "99", "99"],
    ]
    assert told["left_out"] == [
        ["records that earlier tickets removed",
         "nothing was asked: no earlier ticket removed records from these weights that may still be read"],
        ["the same facts asked in other forms", "2 that cannot be put in this form (with a gap to fill)"],
    ]  # fmt: skip


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
