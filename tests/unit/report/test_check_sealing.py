"""Step 10: the ledger names exactly the files at hand, and says when another report stands in this one's place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.report.check.outcome import outcome_as_text, result_line
from rtbf.report.check.run import check_bundle
from rtbf.report.predicate import SupersededPart
from tests import builders, bundles
from tests.bundles import Told, story

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

GOOD = bundles.good_bundle()
TRUST = bundles.trust_bytes()
HEX = "ab" * 32
EARLIER = SupersededPart(report_id="rep_00test", envelope_sha256=HEX)
LATER = "2026-03-05T09:00:00.000Z"
BEFORE = "2026-03-02T11:00:00.000Z"


def printed(envelope: bytes) -> bytes:
    """Return what passes for a PDF where no certificate is named: something that carries the envelope."""
    return b"%PDF-1.7\nstream\n" + envelope + b"\nendstream"


def token(_envelope: bytes) -> bytes:
    """Return what passes for a time-stamp where no authority is named."""
    return b"a token"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def step(outcome: CheckOutcome) -> tuple[str, str]:
    return outcome.status, "" if outcome.refusal is None else outcome.refusal.step


def refused(files: dict[str, bytes], **asked: Any) -> str:
    """Return what step 10 says of a bundle that it refuses."""
    outcome = check_bundle(files, TRUST, **asked)
    assert step(outcome) == ("bad", "sealing"), outcome.refusal
    return outcome.steps[9].detail


def sealed_anew(**changes: Any) -> Told:
    """Return a sealing event of a later report."""
    data = {"attempt": 1, "report": "rep_02test", "envelope": HEX, "pdf": None, "token": None, "supersedes": "rep_01test"}
    return Told(type="report.sealed", time=LATER, data={**data, **changes})


def test_every_file_is_named() -> None:
    outcome = check_bundle(bundles.bundle(pdf=printed, token=token), TRUST)

    assert outcome.status == "ok"
    assert outcome.steps[9].detail == "event 10 names envelope, PDF, time-stamp by digest"


@pytest.mark.parametrize(
    "lie",
    [
        {"envelope": HEX}, {"envelope": None}, {"pdf": HEX}, {"pdf": 7}, {"pdf": []}, {"token": HEX}, {"token": {}}, {"attempt": 2},
        {"attempt": "1"}, {"attempt": True}, {"report": "rep_02test"}, {"supersedes": "rep_00test"}, {"supersedes": []}, {"more": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_an_event_that_names_another_thing_is_refused(lie: dict[str, Any]) -> None:
    refused(bundles.bundle(seal=lie))


def test_a_pdf_made_again_quietly_is_refused() -> None:
    again = {**bundles.bundle(pdf=printed), "report.pdf": printed(GOOD["report.dsse.json"]) + b"\n"}

    said = refused(again)

    assert "report.pdf that the ledger does not name" in said


@pytest.mark.parametrize(("name", "made"), [("report.pdf", {"pdf": printed}), ("report.dsse.json.tsr", {"token": token})])
def test_a_file_that_the_ledger_names_must_be_there(name: str, made: Any) -> None:
    whole = bundles.bundle(**made)
    lacking = {other: content for other, content in whole.items() if other != name}

    said = refused(lacking)

    assert f"no {name}" in said


@pytest.mark.parametrize("name", ["report.pdf", "report.dsse.json.tsr"])
def test_a_file_that_the_ledger_does_not_name_is_refused(name: str) -> None:
    said = refused({**GOOD, name: b"slipped in"})

    assert "does not name" in said


def test_a_second_copy_of_the_pdf_is_held_against_the_ledger() -> None:
    whole = bundles.bundle(pdf=printed)

    same, other = check_bundle(whole, TRUST, pdf=whole["report.pdf"]), check_bundle(whole, TRUST, pdf=whole["report.pdf"] + b" ")

    assert (step(same), step(other)) == (("ok", ""), ("bad", "sealing"))


def test_a_report_that_nobody_sealed_is_refused() -> None:
    """A report by a stolen key, which never got into the ledger."""
    told = [*story(), Told(type="letter.franked", time=LATER)]

    said = refused({**GOOD, **bundles.packed(told, 12)})

    assert "0 events that seal" in said


def test_a_report_sealed_twice_is_refused() -> None:
    said = refused(bundles.bundle(after=[sealed_anew(report="rep_01test", supersedes=None)]))

    assert "2 events that seal" in said


def test_a_report_sealed_before_the_head_that_it_names_is_refused() -> None:
    """The event is older than the report: it was sealed once, and another report shown under its id."""
    case = builders.case()
    early = [*story(), bundles.sealing(case, GOOD["report.dsse.json"], None, None)]

    made = bundles.bundle(before=early)
    files = {**made, **bundles.packed([*early, Told(type="letter.franked", time=LATER)], 13)}

    said = refused(files)

    assert "before the tree head" in said


def test_a_token_that_came_later_is_named_by_a_later_event() -> None:
    stamped = Told(type="report.stamped", time=LATER, data={"report": "rep_01test", "token": digest(b"a late token")})
    made = bundles.bundle(after=[stamped])

    with_token, without, with_other = (
        check_bundle(files, TRUST)
        for files in (
            {**made, "report.dsse.json.tsr": b"a late token"},
            made,
            {**made, "report.dsse.json.tsr": b"another token"},
        )
    )

    assert (step(with_token), step(without), step(with_other)) == (("ok", ""), ("ok", ""), ("bad", "sealing"))
    assert without.remarks == ("the ledger names a time-stamp that came later and is not in this bundle",)


def test_a_later_token_of_another_report_is_not_this_ones() -> None:
    stamped = Told(type="report.stamped", time=LATER, data={"report": "rep_02test", "token": digest(b"a late token")})

    refused({**bundles.bundle(after=[stamped]), "report.dsse.json.tsr": b"a late token"})


def test_a_superseded_report_is_what_it_was_and_says_loudly_that_another_stands_in_its_place() -> None:
    outcome = check_bundle(bundles.bundle(after=[sealed_anew()]), TRUST)

    assert (outcome.status, outcome.superseded_by) == ("ok", "rep_02test")
    assert result_line(outcome).startswith("ok, but SUPERSEDED by rep_02test")
    assert outcome_as_text(outcome).splitlines()[-1].startswith("result     ok, but SUPERSEDED by rep_02test")


def test_the_last_of_several_superseding_reports_is_named() -> None:
    after = [
        sealed_anew(),
        sealed_anew(report="rep_03test", supersedes="rep_02test"),
        sealed_anew(report="rep_09test", supersedes="rep_08test"),
    ]

    outcome = check_bundle(bundles.bundle(after=after), TRUST)

    assert outcome.superseded_by == "rep_03test"


def before_it(**changes: Any) -> list[Told]:
    return [*story(), replace(sealed_anew(report="rep_00test", supersedes=None, **changes), time=BEFORE)]


def test_a_superseding_report_names_one_that_was_sealed_before() -> None:
    made = builders.case(supersedes=EARLIER)

    outcome = check_bundle(bundles.bundle(made, before=before_it()), TRUST)

    assert (outcome.status, outcome.superseded_by) == ("ok", None)


@pytest.mark.parametrize(
    ("before", "seal"),
    [
        (before_it(), {"supersedes": None}),
        (before_it(), {"supersedes": "rep_07test"}),
        (before_it(envelope="cd" * 32), {}),
        (story(), {}),
    ],
    ids=["silent", "another", "other-envelope", "unknown"],
)
def test_a_report_that_supersedes_otherwise_than_the_ledger_says_is_refused(before: list[Told], seal: dict[str, Any]) -> None:
    made = builders.case(supersedes=EARLIER)

    refused(bundles.bundle(made, before=before, seal=seal))


def test_a_second_report_on_one_attempt_says_which_it_supersedes() -> None:
    """A failed report was sealed; the work was measured again until it passed, and the result handed out as if it were the first."""
    said = refused(bundles.bundle(before=before_it()))

    assert "does not say which it supersedes" in said


def test_a_report_on_another_attempt_supersedes_none() -> None:
    outcome = check_bundle(bundles.bundle(before=before_it(attempt=2)), TRUST)

    assert outcome.status == "ok"


def test_a_report_supersedes_the_last_one_on_its_attempt() -> None:
    made = builders.case(supersedes=EARLIER)
    between = replace(sealed_anew(report="rep_005test", supersedes="rep_00test"), time=BEFORE)

    refused(bundles.bundle(made, before=[*before_it(), between]))


def test_a_later_report_that_names_none_is_remarked_on_and_no_fault_of_this_one() -> None:
    outcome = check_bundle(bundles.bundle(after=[sealed_anew(supersedes=None)]), TRUST)

    assert outcome.status == "ok"
    assert outcome.remarks == ("the ledger names 1 more report(s) on this attempt that do not say which they supersede",)


def test_a_report_dated_after_its_sealing_is_refused() -> None:
    """The event that seals it is of 2 March, 12:00:01."""
    made = builders.case(issued_at="2026-03-02T12:05:02.000Z")

    said = refused(bundles.bundle(made))

    assert "dated forward" in said


@pytest.mark.parametrize(
    ("issued_at", "remarks"),
    [
        ("2026-03-01T12:00:02.000Z", ()),
        (
            "2026-03-01T12:00:01.000Z",
            ("the ledger sealed the report 1 day(s) after its stated time of issue: nothing shows that it is older",),
        ),
    ],
)
def test_a_report_sealed_a_day_after_its_date_is_remarked_on(issued_at: str, remarks: tuple[str, ...]) -> None:
    made = builders.case(issued_at=issued_at, clock=builders.clock_part(as_of_on="2026-03-01"))
    early = [replace(event, time="2026-03-01T11:00:00.000Z") if event.type == "unlearning.finished" else event for event in story(made)]

    outcome = check_bundle(bundles.bundle(made, before=early), TRUST)

    assert (outcome.status, outcome.remarks) == ("ok", remarks)


def test_a_report_superseded_by_an_earlier_one_is_refused() -> None:
    made = builders.case(supersedes=EARLIER)

    refused(bundles.bundle(made, after=[replace(sealed_anew(), data={**sealed_anew(report="rep_00test", supersedes=None).data})]))
