"""An export carries tokens and their meaning, no key and no order of arrival, and is read strictly."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BadInput
from rtbf.vault.secret import Secret, SecretBytes
from rtbf.vault.suppression_export import PAYLOAD_TYPE, export_bytes, export_list, read_export
from rtbf.vault.suppression_list import ListEntry, SuppressionList
from rtbf.vault.tokens import Generation, SuppressionKeys

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
KEY = bytes(range(32))
KEYS = SuppressionKeys(generations=(Generation(number=1, created_at=NOON, destroyed_at=None, key=SecretBytes(KEY)),))
ENTRIES = {
    KEYS.token("email", Secret("ines@example.org")).value: ListEntry(
        kind="email", words=0, effect="drop", generation=1, normaliser="email/1"
    ),
    KEYS.token("name", Secret("ines varga")).value: ListEntry(
        kind="name", words=2, effect="quarantine", generation=1, normaliser="words/1"
    ),
}


def exported() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(export_bytes(export_list(ENTRIES, "US", NOON)))
    return body


def test_what_was_exported_is_read_back_and_filters_alike() -> None:
    read = read_export(exported())

    assert read.entries == ENTRIES
    assert (read.created_at, read.phone_region) == (NOON, "US")
    assert SuppressionList(read.entries, KEYS, read.phone_region).check_text("Ines Varga <ines@example.org>").counts == {
        "email": 1,
        "name": 1,
    }


def test_an_export_holds_no_key_no_ticket_and_nothing_of_anybody() -> None:
    text = export_bytes(export_list(ENTRIES, "US", NOON)).decode()

    assert set(json.loads(text)) == {"schema", "created_at", "phone_region", "generations", "normalisers", "tokens"}
    assert set(json.loads(text)["tokens"][0]) == {"token", "kind", "words", "effect", "generation"}
    assert KEY.hex() not in text
    assert "ines" not in text
    assert "tkt" not in text


def test_the_order_of_arrival_cannot_be_seen() -> None:
    backwards = dict(reversed(list(ENTRIES.items())))

    assert export_bytes(export_list(backwards, "US", NOON)) == export_bytes(export_list(ENTRIES, "US", NOON))
    assert export_bytes(export_list(ENTRIES, "US", NOON + timedelta(seconds=1))) != export_bytes(export_list(ENTRIES, "US", NOON))


def test_an_empty_list_can_be_exported() -> None:
    assert read_export(export_list({}, "US", NOON)).entries == {}


def test_the_payload_type_is_our_own() -> None:
    assert PAYLOAD_TYPE == "application/vnd.rtbf.suppression+json"


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another schema": lambda body: body.update(schema="rtbf.suppression-list/2"),
    "no schema": lambda body: body.pop("schema"),
    "a surplus field": lambda body: body.update(key="x"),
    "no time": lambda body: body.update(created_at="soon"),
    "a time in another form": lambda body: body.update(created_at="2026-03-02T12:00:00+00:00"),
    "no region": lambda body: body.update(phone_region="us"),
    "tokens of another kind": lambda body: body.update(tokens={}),
    "a token of another kind": lambda body: body["tokens"].append("x"),
    "a token twice": lambda body: body["tokens"].append(body["tokens"][1]),
    "tokens out of order": lambda body: body["tokens"].reverse(),
    "a short token": lambda body: body["tokens"][0].update(token="00"),
    "a token in capitals": lambda body: body["tokens"][0].update(token=body["tokens"][0]["token"].upper()),
    "an effect that lets through": lambda body: body["tokens"][0].update(effect="allow"),
    "an unknown effect": lambda body: body["tokens"][0].update(effect=["drop"]),
    "an unknown kind": lambda body: body["tokens"][0].update(kind="iris"),
    "a kind of another kind": lambda body: body["tokens"][0].update(kind=[]),
    "words as text": lambda body: body["tokens"][0].update(words="2"),
    "words where there are none": lambda body: [entry.update(words=1) for entry in body["tokens"] if entry["kind"] == "email"],
    "a window without words": lambda body: [entry.update(words=0) for entry in body["tokens"] if entry["kind"] == "name"],
    "a window too long": lambda body: [entry.update(words=14) for entry in body["tokens"] if entry["kind"] == "name"],
    "a generation not named": lambda body: body["tokens"][0].update(generation=2),
    "a generation that no token has": lambda body: body["generations"].append(2),
    "a generation as truth": lambda body: body.update(generations=[True]),
    "another normaliser": lambda body: body["normalisers"].update(email="email/2"),
    "a kind that no token has": lambda body: body["normalisers"].update(phone="phone/1"),
    "no normaliser": lambda body: body["normalisers"].pop("email"),
    "normalisers of another kind": lambda body: body.update(normalisers=[]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_this_release_would_not_write_is_refused(damage: Callable[[dict[str, Any]], object]) -> None:
    body = exported()
    damage(body)

    with pytest.raises(BadInput, match="cannot be read"):
        read_export(body)


@pytest.mark.parametrize("body", [None, [], "x", 7, {}])
def test_what_is_no_export_at_all_is_refused(body: object) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_export(body)
