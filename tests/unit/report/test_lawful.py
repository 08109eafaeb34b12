"""The lawful parts of a statement: the deadline's standing, and lies about it that the checker notices."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from rtbf.report.check.run import check_report
from rtbf.report.lawful import standing_of
from rtbf.report.pdf.lawful_view import (
    approved_words,
    clock_view,
    code_words,
    day,
    deadline_words,
    decisions_view,
    identity_rows,
    key_words,
    recipients_words,
    residual_rows,
)
from rtbf.report.residuals import RESIDUALS, residual
from rtbf.report.statement import build_statement
from tests import builders

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answered_on", "as_of_on", "standing"),
    [
        (None, "2026-03-19", "running"),
        # The deadline's own day still counts.
        (None, "2026-03-20", "running"),
        (None, "2026-03-21", "missed"),
        ("2026-03-20", "2026-03-25", "kept"),
        ("2026-03-21", "2026-03-25", "missed"),
    ],
)
def test_the_deadline_is_kept_until_its_day_is_over(answered_on: str | None, as_of_on: str, standing: str) -> None:
    found = standing_of(deadline_on="2026-03-20", answered_on=answered_on, as_of_on=as_of_on)

    assert found == standing


@pytest.mark.parametrize(
    ("part", "change", "found"),
    [
        ("clock", {"standing": "kept"}, "stands otherwise"),
        ("clock", {"deadline_on": "2026-02-28"}, "deadline before the one it extends"),
        ("clock", {"strict_deadline_on": "2026-02-19"}, "before the receipt"),
        ("clock", {"deadline_on": "20 March 2026"}, "not written as year-month-day"),
        ("clock", {"deadline_on": "2026-02-30"}, "no calendar knows"),
        ("clock", {"regime": "voluntary"}, "clock of another regime"),
        ("clock", {"as_of_on": "2026-02-25"}, "another day than the report"),
        ("clock", {"events": []}, "do not begin with a start"),
        ("clock", {"events": [{"on": "2026-02-20", "kind": "resume", "code": None}]}, "do not begin with a start"),
        ("clock", {"answered_on": "2026-03-01", "standing": "kept"}, "did not stop it"),
        ("clock", {"regime_digest": "none"}, "neither SHA-256"),
        ("decisions", {"digest": builders.sha(88)}, "not those of the plan"),
        ("decisions", {"deciders": []}, "decisions without deciders"),
        ("decisions", {"deciders": ["act_a", "act_a"]}, "decider twice"),
        ("plan", {"held_items": 1}, "and no hold"),
        ("unlearned", {"withheld_records": -1}, "less than none"),
        ("recipients", {"due": -1}, "less than none"),
        ("key", {"state": "due"}, "do not fit"),
        ("key", {"destruction_on": "2026-06-01"}, "do not fit"),
        ("key", {"appeal_window_days": -1}, "do not fit"),
    ],
)
def test_a_lie_about_the_ticket_s_lawful_life_is_refused(part: str, change: dict[str, Any], found: str, good_trust: bytes) -> None:
    statement = build_statement(builders.case())
    statement["predicate"][part].update(change)

    outcome = check_report(builders.signed(statement), good_trust)

    assert outcome.refusal is not None
    assert outcome.refusal.step == "content"
    assert found in str(outcome.refusal)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda said: said["notices"][0].update(sent_at="2026-03-02T12:00:00.001Z"), "after the report"),
        (lambda said: said["notices"][0].update(sent_at="2026-03-01"), "no known time"),
        (lambda said: said["notices"][0].update(template_digest=""), "neither SHA-256"),
        (lambda said: said["residuals"][0].update(owner=""), "without an owner"),
        (lambda said: said["residuals"][0].update(due_on="soon"), "not written as"),
        (lambda said: said["declarations"].pop(), "who is self-declared"),
        (lambda said: said["approvals"][0].update(signature=None), "who is self-declared"),
        (lambda said: said["holds"].append({"scope_kind": "corpus", "ground": "x", "until": "never"}), "not written as"),
        (lambda said: said["clock"]["events"].append({"on": "2026-02-28", "kind": "extend", "code": None}), "extension without a code"),
        (lambda said: said["clock"]["events"].append({"on": "2026-02-19", "kind": "suspend", "code": None}), "out of order"),
    ],
)
def test_a_lie_in_a_list_of_the_lawful_parts_is_refused(change: Any, found: str, good_trust: bytes) -> None:
    statement = build_statement(builders.case())
    change(statement["predicate"])

    outcome = check_report(builders.signed(statement), good_trust)

    assert outcome.refusal is not None
    assert outcome.refusal.step == "content"
    assert found in str(outcome.refusal)


def test_what_was_not_recorded_is_accepted_as_said(good_trust: bytes) -> None:
    """An older ticket has no calendar digest; saying so is no fault."""
    made = builders.case(clock=builders.clock_part(calendar_digest="not recorded: the ticket is older than the clock"))

    outcome = check_report(builders.envelope(made), good_trust)

    assert outcome.status == "ok"


def test_an_answered_and_extended_ticket_checks(good_trust: bytes) -> None:
    events = [{"on": "2026-02-20", "kind": "start", "code": None}, {"on": "2026-02-28", "kind": "extend", "code": "x"}]
    events.append({"on": "2026-03-01", "kind": "stop", "code": None})
    statement = build_statement(builders.case())
    statement["predicate"]["clock"].update(events=events, deadline_on="2026-05-20", answered_on="2026-03-01", standing="kept")

    outcome = check_report(builders.signed(statement), good_trust)

    assert outcome.status == "ok"


@pytest.mark.parametrize(
    ("changes", "words", "tone"),
    [
        ({}, "Deadline running: an answer is due by 20 March 2026; none had been sent when this report was issued.", "open"),
        (
            {"standing": "kept", "answered_on": "2026-03-19"},
            "Deadline kept: answered on 19 March 2026, due by 20 March 2026.",
            "good",
        ),
        (
            {"standing": "missed", "answered_on": "2026-03-21"},
            "Deadline missed: answered on 21 March 2026, due by 20 March 2026.",
            "bad",
        ),
        (
            {"standing": "missed"},
            "Deadline missed: an answer was due by 20 March 2026, and none had been sent when this report was issued.",
            "bad",
        ),
        (
            {"strict_deadline_on": "2026-03-16"},
            (
                "Deadline running: an answer is due by 20 March 2026; none had been sent when this report was issued. "
                "Without suspension or extension it would have been 16 March 2026."
            ),
            "open",
        ),
    ],
)
def test_the_first_page_says_in_words_how_the_deadline_stands(changes: dict[str, Any], words: str, tone: str) -> None:
    told = deadline_words(asdict(builders.clock_part(**changes)))

    assert (told["text"], told["tone"]) == (words, tone)


def test_the_first_page_says_how_many_approved_and_how_many_signed() -> None:
    made = builders.case()
    digest = builders.digest_of(made.plan)
    signed, plain = builders.approval(digest, key=builders.approver_key()), builders.approval(digest, "act_second")

    told = [
        approved_words(build_statement(replace(made, approvals=given))["predicate"]) for given in ((signed,), (plain,), (signed, plain))
    ]

    assert told == [
        "2026-03-01 08:15 UTC, by 1 person, signed",
        "2026-03-01 08:15 UTC, by 1 person, self-declared",
        "2026-03-01 08:15 UTC, by 2 people, 1 of 2 signed",
    ]


def test_codes_are_told_in_words_and_unknown_ones_as_they_are() -> None:
    assert code_words("eu-gdpr:JustificationA17LegalClaims") == "needed to establish, exercise or defend legal claims (Art. 17(3)(e))"
    assert code_words("eu-gdpr:JustificationA17Nonsense") == "eu-gdpr:JustificationA17Nonsense"


def test_dates_are_told_in_words_and_other_texts_as_they_are() -> None:
    assert [day(text) for text in ("2026-03-02", "2026-13-02", "no date set")] == ["2 March 2026", "2026-13-02", "no date set"]


def test_what_was_held_back_is_said_and_so_is_that_nothing_was() -> None:
    said = build_statement(builders.case())["predicate"]
    held = {**said, "plan": {**said["plan"], "held_items": 2}, "unlearned": {**said["unlearned"], "withheld_records": 1}}

    told = [decisions_view(entry)["kept_out"] for entry in (said, held)]

    assert told == [
        "Nothing that was to be erased was held back.",
        (
            "2 item(s) were left out of the plan because of a hold. 1 record(s) of the approved plan were kept after all: a hold or a "
            "decision came later."
        ),
    ]


def test_a_check_that_did_not_pass_reaches_no_level() -> None:
    said = build_statement(builders.case())["predicate"]
    failed = {"method": "email_code", "level": "not recorded: the check is failed", "result": "failed"}

    rows = identity_rows({**said, "ticket": {**said["ticket"], "identity": [failed, *said["ticket"]["identity"]]}})

    assert rows == [["Email code", "none", "failed"], ["Email code", "low: the address or account answers", "passed"]]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({}, "will be destroyed 90 days after the ticket is closed"),
        ({"state": "due", "destruction_on": "2026-06-30"}, "is to be destroyed on 30 June 2026"),
        ({"state": "destroyed", "destruction_on": "2026-06-30"}, "was destroyed on 30 June 2026"),
    ],
)
def test_the_key_s_end_and_the_bound_for_backups_are_printed(key: dict[str, Any], words: str) -> None:
    said = build_statement(builders.case())["predicate"]

    told = key_words({**said, "key": {**said["key"], **key}})

    assert words in told
    assert "Until 60 days after that, a backup of the key store" in told


def test_recipients_are_counted_or_said_to_be_none() -> None:
    said = build_statement(builders.case())["predicate"]
    nobody = dict.fromkeys(said["recipients"], 0)

    assert "confirmed 2; told, without an answer yet 1; still to be told 0" in recipients_words(said)
    assert recipients_words({**said, "recipients": nobody}) == "No recipient of this data is registered here."


def test_every_residual_is_printed_with_owner_and_date() -> None:
    made = builders.case()
    extra = (residual("hold", "community", None, None), residual("seen_nowhere_before", "x", "act_o", date(2026, 5, 1)))

    rows = residual_rows(build_statement(replace(made, residuals=(*made.residuals, *extra)))["predicate"])

    assert ["Under a hold: community", RESIDUALS["hold"][1], "not assigned", "no date set"] in rows
    assert ["x", "seen nowhere before", "act_o", "1 May 2026"] in rows
    assert len(rows) == len(made.residuals) + 2


def test_clock_events_are_told_in_words_with_their_reason() -> None:
    part = asdict(builders.clock_part())
    extended = {"on": "2026-03-01", "kind": "extend", "code": "justifications:ComplexityOfProcess"}

    rows = clock_view({**part, "events": [*part["events"], extended]})["events"]

    assert rows[0] == ["20 February 2026", "the clock started"]
    assert rows[1][0] == "1 March 2026"
    assert rows[1][1].startswith("the deadline was extended: the request is complex")
