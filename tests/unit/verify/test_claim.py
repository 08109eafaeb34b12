"""The words a verdict permits: each kind says what it must, and no generated or printed text says what it must not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from rtbf.report import words
from rtbf.report.declarations import SELF_ATTESTED, actors_declared
from rtbf.report.statement import LAPSES_WHEN, build_statement
from rtbf.verify.claim import ALWAYS_STATED, FORBIDDEN, claim_text
from rtbf.verify.codes import CODE_MEANINGS, CODE_REMEDIES
from rtbf.verify.record import Interval, QualificationUse
from rtbf.verify.verdict import judge
from tests import builders
from tests.results import passing_probes, probe_result, sha

if TYPE_CHECKING:
    from rtbf.verify.record import ProbeResult

QUALIFICATION = QualificationUse(digest=sha(30), is_in_date=True, covers=True)


def _claim(*changed: ProbeResult, kind: str = "merged", qualification: QualificationUse | None = None) -> str:
    """Return the claim on the passing probes with some of them changed."""
    probes = {probe.probe_id: probe for probe in (*passing_probes(), *changed)}
    return judge(tuple(probes.values()), class_requested="approximate", artefact_kind=kind, qualification=qualification).claim


def _claims() -> list[str]:
    """Return the claims of every verdict over a grid of results, kinds and classes."""
    few = tuple(builders.probe_result(probe_id, n_records=3) for probe_id in ("F1", "F2", "U1"))
    silent = tuple(replace(probe, assay=None) for probe in builders.passing_probes())
    siblings = tuple(replace(probe, compared_with="siblings") for probe in builders.passing_probes())
    lowered = tuple(
        builders.leaking_probe("R3", estimate="0.2", interval=Interval(low="0.1", high="0.3", level="0.90")) if p.probe_id == "R3" else p
        for p in builders.passing_probes()
    )
    leaking = (builders.leaking_probe("F1"), builders.leaking_probe("R4"), builders.probe_result("U1"))
    sets = ((), builders.passing_probes(), few, lowered, leaking, silent, siblings)
    grid = itertools.product(
        sets, ("merged", "adapter", "unchanged"), ("exact", "dp", "approximate", "suppression", "none"), (None, QUALIFICATION)
    )
    return [judge(probes, class_requested=asked, artefact_kind=kind, qualification=use).claim for probes, kind, asked, use in grid]


def _template_text() -> str:
    return resources.files("rtbf.report.pdf").joinpath("template.typ").read_text(encoding="utf-8")


@pytest.mark.parametrize("phrase", FORBIDDEN)
def test_no_generated_claim_holds_a_forbidden_phrase(phrase: str) -> None:
    every_code = [f"F1:{code}" for code in CODE_MEANINGS]
    explained = [claim_text(status, "none", every_code, (), ()) for status in ("FAIL", "INCONCLUSIVE")]

    claims = [*_claims(), *explained]

    assert [claim for claim in claims if phrase in claim.lower()] == []


@pytest.mark.parametrize("phrase", FORBIDDEN)
def test_no_printed_or_signed_text_holds_a_forbidden_phrase(phrase: str) -> None:
    tables = (words.PROBES, words.FAMILIES, words.CLASSES, words.VERDICTS, words.STATUSES, words.REGIMES, words.STOP_REASONS)
    texts = [
        _template_text(),
        SELF_ATTESTED,
        actors_declared(()),
        actors_declared(builders.case().approvals),
        LAPSES_WHEN,
        *ALWAYS_STATED,
        *CODE_MEANINGS.values(),
    ]
    texts += [str(table) for table in (*tables, words.ARTEFACT_KINDS, CODE_REMEDIES, build_statement(builders.case()))]

    found = [text[:60] for text in texts if phrase in text.lower()]

    assert found == []


def test_an_approximate_pass_says_evidence_and_not_proof() -> None:
    claim = _claim()

    assert claim == (
        "On F1, F2, F3, F4, F5, F6 (±0.050000 share), R1, R2, R3, R4, R5 (+0.050000 share) the 90 % intervals lie inside the margins "
        "fixed before measuring: the model is statistically equivalent there to models made by the same recipe without the records. "
        "On U1, U2, U4, U6 (+0.020000 nats per token) it lost less than the permitted margin. "
        "This is evidence of behavioural removal, not proof that no information remains in the weights."
    )


def test_a_suppression_pass_gives_bounds_and_says_that_the_data_may_remain() -> None:
    claim = _claim(kind="adapter")

    assert "could not be elicited by the probes F1, F6, R1, R5 (" in claim
    assert "R1: 40 items, 95 % upper bound of the excess 0.030000 share" in claim
    assert "may remain in the weights" in claim
    assert "equivalent" not in claim


def test_a_comparison_with_siblings_is_not_called_one_with_other_models() -> None:
    tested = [probe for probe in passing_probes() if probe.family in {"forget", "recovery"} and probe.probe_id != "F4"]
    against_siblings = [replace(probe, compared_with="siblings") for probe in tested]

    claim = _claim(*against_siblings, probe_result("F4", compared_with="chance"))

    assert "as it treats made-up siblings of them that it was not shown; no model made without the records was at hand" in claim
    assert (
        "On F4 (±0.050000 share) the 90 % intervals lie inside the margins fixed before measuring: the true values rank there as" in claim
    )
    assert "statistically equivalent" not in claim


def test_a_claim_names_only_probes_decided_in_favour() -> None:
    """A probe that does not apply shows nothing, so nothing may lean on it."""
    claim = _claim(probe_result("R2", not_applicable="MERGED"), probe_result("F5.loss", role="reported"))

    assert "R1, R3, R4" in claim
    assert "R2" not in claim
    assert "F5.loss" not in claim


def test_an_attack_that_saw_nothing_before_is_said_to_show_little() -> None:
    wide = Interval(low="-0.020000", high="0.300000", level="0.90")

    claim = _claim(probe_result("R1", assay=None), probe_result("R5", interval=wide))

    assert "Of R1 this says little: they did not bring the data out before unlearning either." in claim
    assert "On R5 nothing adverse was found, and equivalence was not shown." in claim


def test_what_leans_on_a_qualification_says_so() -> None:
    claim = _claim(probe_result("F1", n_records=4), qualification=QUALIFICATION)

    assert f"This leans on the method's qualification {QUALIFICATION.digest}" in claim
    assert "established for the method on planted records, not for these records" in claim


def test_a_failure_gives_the_effect_and_counts_what_stays_sealed() -> None:
    claim = _claim(builders.leaking_probe("F2"), probe_result("F1", witnesses=3), probe_result("F0", witnesses=2))

    assert claim.startswith(
        "The artefact does not pass: LEAK (F1, F2): more is remembered than where the records were never shown; MISMATCH (F0)"
    )
    assert "Found: F0: 2 mismatches; F1: 3 items word for word; F2: +0.780000 share." in claim


def test_nothing_to_remove_is_said_in_its_own_words() -> None:
    silent = [replace(probe, assay=None) for probe in passing_probes() if probe.family == "forget"]
    words = "Records were not measurably memorised before; unlearning had nothing measurable to remove."

    assert _claim(*silent) == f"Cannot decide. {words} No conclusion about compliance may be drawn from this report."
    assert f"{words} Besides: PROBE_ERROR (U1)" in _claim(*silent, probe_result("U1", problem="PROBE_ERROR"))
    assert words not in _claim(*silent[1:])


def test_an_inconclusive_claim_explains_each_code_and_what_would_decide() -> None:
    claim = claim_text("INCONCLUSIVE", "none", ("F4:NOT_RUN", "FEW_RECORDS", "R1:NOT_RUN"), (), ())

    assert "NOT_RUN (F4, R1): the class needs this probe and it was not run" in claim
    assert "FEW_RECORDS: fewer records" in claim
    assert "To decide would need at least 18 records and 32 secrets" in claim
    assert claim.endswith("No conclusion about compliance may be drawn from this report.")


def test_no_signal_promises_no_remedy() -> None:
    claim = claim_text("INCONCLUSIVE", "none", ("F1:NO_SIGNAL",), (), ())

    assert "nothing this probe could see go" in claim
    assert "To decide" not in claim


def test_every_remedy_belongs_to_a_known_code() -> None:
    unknown = set(CODE_REMEDIES) - set(CODE_MEANINGS)

    assert unknown == set()


@pytest.mark.parametrize("code", CODE_MEANINGS)
def test_every_code_is_explained_where_it_stands(code: str) -> None:
    assert CODE_MEANINGS[code] in claim_text("INCONCLUSIVE", "none", (f"F1:{code}", "R9:ODD"), (), ())
