"""A submission is taken whole or refused, and a refusal never repeats what was submitted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rtbf.errors import BadInput
from rtbf.ticket.intake import MAX_IDENTIFIERS, MAX_VALUE_LENGTH, read_idempotency_key, read_submission

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CANARY = "Canary Quillfeather"


def body(**changes: Any) -> dict[str, Any]:
    return {"subject": [{"kind": "name", "value": CANARY}], **changes}


def one(value: Any, kind: Any = "name") -> dict[str, Any]:
    return {"subject": [{"kind": kind, "value": value}]}


def test_the_smallest_submission_is_a_name() -> None:
    submission = read_submission(body(), NOW)

    assert (submission.regime, submission.channel, submission.received_at, submission.models) == ("eu-gdpr", "api", None, [])
    ((kind, secret),) = submission.secrets()
    assert (kind, secret.reveal()) == ("name", CANARY)


@pytest.mark.parametrize(
    ("refused_body", "field"),
    [
        (None, "body"), ([], "body"), ("x", "body"), ({}, "subject"), ({"subject": []}, "subject"), ({"subject": CANARY}, "subject"),
        ({"subject": [CANARY]}, "subject.0"), (one(""), "subject.0.value"), (one("x"), "subject.0.value"), (one("   "), "subject.0.value"),
        (one("x" * (MAX_VALUE_LENGTH + 1)), "subject.0.value"), (one(f"{CANARY}\x00"), "subject.0.value"),
        (one(f"{CANARY}\x1b[2J"), "subject.0.value"),
        (one("Canary\x85Quillfeather"), "subject.0.value"), (one(f"{CANARY}\ud800"), "subject.0.value"),
        (one("!!"), "subject.0.value"),
        (one("-a-"), "subject.0.value"), (one(7), "subject.0.value"), (one(None), "subject.0.value"), (one([CANARY]), "subject.0.value"),
        (one(CANARY, "face"), "subject.0.kind"), (one(CANARY, None), "subject.0.kind"),
        ({"subject": [{"kind": "name", "value": CANARY, "note": CANARY}]}, "subject.0.(unknown field)"),
        ({"subject": [{"kind": "name", "value": CANARY}] * (MAX_IDENTIFIERS + 1)}, "subject"),
        (body(regime="mars"), "regime"), (body(channel="pigeon"), "channel"), (body(channel=CANARY), "channel"),
        (body(extra=CANARY), "(unknown field)"), (body(**{CANARY: 1}), "(unknown field)"),
        (body(received_at="yesterday"), "received_at"), (body(received_at="2026-03-01T12:00:00"), "received_at"),
        (body(received_at=1772452800), "received_at"), (body(received_at=20260301), "received_at"),
        (body(received_at="20260301"), "received_at"),
        (body(received_at="1772452800"), "received_at"), (body(received_at="2026-02-29T12:00:00Z"), "received_at"),
        (body(received_at="2026-03-01"), "received_at"), (body(received_at=True), "received_at"),
        (body(received_at=[CANARY]), "received_at"),
        (body(requester={"role": CANARY}), "requester.role"), (body(requester={"name": CANARY}), "requester.(unknown field)"),
        (body(requester=CANARY), "requester"), (body(grounds=CANARY), "grounds"), (body(grounds=[CANARY]), "grounds.0"),
        (body(grounds=["A"] * 21), "grounds"), (body(locale=CANARY), "locale"), (body(locale="d"), "locale"), (body(locale=""), "locale"),
        *((one(f"Jo{mark}Quillfeather"), "subject.0.value") for mark in "\u202e\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061c"),
        (one("quill\u200bfeather@example.org", "email"), "subject.0"), (one("quill feather@example.org", "email"), "subject.0"),
        (one("@example.org", "email"), "subject.0"), (one("Quillfeather", "email"), "subject.0"), (one("call me", "phone"), "subject.0"),
        (body(external_ref=CANARY), "external_ref"), (body(external_ref="x" * 201), "external_ref"), (body(models="chat"), "models"),
        (body(identity={"method": CANARY}), "identity.method"),
        (body(identity={"method": "in_person", "document": CANARY}), "identity.(unknown field)"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_its_value_never(refused_body: Any, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_submission(refused_body, NOW)

    told = f"{refused.value} {refused.value!r} {refused.value.__cause__!r}"
    assert field in refused.value.found
    assert "Quillfeather" not in told
    assert refused.value.__cause__ is None


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        read_submission({"subject": [{"kind": "face", "value": ""}], "regime": "mars"}, NOW)

    assert all(field in refused.value.found for field in ("subject.0.kind", "subject.0.value", "regime"))


@pytest.mark.parametrize(("minutes", "is_taken"), [(-60 * 24 * 400, True), (0, True), (5, True), (6, False), (60 * 24, False)])
def test_a_request_is_not_received_in_the_future(minutes: int, *, is_taken: bool) -> None:
    submission = body(received_at=(NOW + timedelta(minutes=minutes)).isoformat())

    if is_taken:
        assert read_submission(submission, NOW).received_at == NOW + timedelta(minutes=minutes)
    else:
        with pytest.raises(BadInput, match="future"):
            read_submission(submission, NOW)


def test_a_received_time_of_another_zone_is_the_same_instant() -> None:
    submission = read_submission(body(received_at="2026-03-02T13:30:00+02:00"), NOW)

    assert submission.received_at == datetime(2026, 3, 2, 11, 30, tzinfo=UTC)


def test_values_are_composed_and_trimmed_and_repeats_are_dropped() -> None:
    subject = [{"kind": "name", "value": value} for value in ("  Ine\u0301s Varga\n", "In\u00e9s Varga", "Otto Lind")]

    submission = read_submission({"subject": subject}, NOW)

    assert [secret.reveal() for _, secret in submission.secrets()] == ["In\u00e9s Varga", "Otto Lind"]


def test_an_excerpt_keeps_its_line_breaks_and_the_longest_value_is_taken() -> None:
    submission = read_submission(one("first\n\tsecond", "excerpt"), NOW)
    longest = read_submission(one("x" * MAX_VALUE_LENGTH, "excerpt"), NOW)

    assert submission.secrets()[0][1].reveal() == "first\n\tsecond"
    assert len(longest.secrets()[0][1].reveal()) == 20_000


def test_a_submission_prints_no_value() -> None:
    submission = read_submission(body(), NOW)

    assert "Quillfeather" not in repr(submission)
    assert "Quillfeather" not in repr(submission.secrets())


RIGHT_TO_LEFT = [
    "\u0645\u062d\u0645\u062f \u0639\u0644\u064a",
    "\u05d9\u05e2\u05dc \u05db\u05d4\u05df",
    "\u06a9\u0627\u0647\u200c\u06a9\u0634",
]
"""Arabic, Hebrew, and Persian with the zero-width non-joiner that its spelling needs."""


@pytest.mark.parametrize("value", RIGHT_TO_LEFT)
def test_names_written_from_right_to_left_are_taken_as_they_are(value: str) -> None:
    submission = read_submission(one(value), NOW)

    assert submission.secrets()[0][1].reveal() == value


@pytest.mark.parametrize("value", ["jo+list@example.org", "p\u0430ul@example.org", "j\u00f6@b\u00fccher.example", "admin@localhost"])
def test_unusual_addresses_are_taken_as_they_are(value: str) -> None:
    submission = read_submission(one(value, "email"), NOW)

    assert submission.secrets()[0][1].reveal() == value


@pytest.mark.parametrize(
    "received_at", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T12:00:00Z"]
)
def test_a_receipt_from_before_our_years_is_refused(received_at: str) -> None:
    with pytest.raises(BadInput, match="before 1970"):
        read_submission(body(received_at=received_at), NOW)


def test_a_receipt_at_the_end_of_time_is_in_the_future() -> None:
    with pytest.raises(BadInput, match="future"):
        read_submission(body(received_at="9999-12-31T23:59:59-14:00"), NOW)


@pytest.mark.parametrize(
    ("text", "key"), [("k", "k"), ('"k-1"', "k-1"), ('"', '"'), ("x" * 200, "x" * 200), ('""k""', '"k"'), ("a:b/c", "a:b/c")]
)
def test_a_key_is_taken_bare_or_quoted(text: str, key: str) -> None:
    assert read_idempotency_key(text) == key


@pytest.mark.parametrize("text", ["", '""', "two words", "x" * 201, "Quillf\u00e4ther", "Quill\nfeather", "Quill\x00feather"])
def test_what_is_no_key_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_idempotency_key(text)

    assert "Quill" not in str(refused.value)
