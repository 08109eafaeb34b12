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
        "empty lists": replace(
            bare,
            identity=(),
            notices=(),
            unlearned=replace(bare.unlearned, curve=(), steps=0, stop_reason="nothing_to_train"),
        ),
    }


@pytest.mark.parametrize("kind", ["pass", "fail", "undecided", "no probes", "empty lists"])
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
