"""The list lets through, sets aside or drops; it never lets through silently what it could not check."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput, KeyDestroyed
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret, SecretBytes
from rtbf.vault.suppression import EFFECTS, entries_for
from rtbf.vault.suppression_list import Hits, ListEntry, SuppressionList
from rtbf.vault.tokens import Generation, SuppressionKeys

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
PASSAGE = (
    "On the ninth of March the carpenter from the upper lane sold her blue cart to a man from Torrevale and kept "
    "the receipt in a tin under the stairs until the spring flood"
)
CLEAN = Hits(effect="allow", counts={})


def keys_of(*generations: int, living: tuple[int, ...] | None = None) -> SuppressionKeys:
    return SuppressionKeys(
        generations=tuple(
            Generation(
                number=number,
                created_at=NOON,
                destroyed_at=None if living is None or number in living else NOON,
                key=SecretBytes(bytes([number] * 32)) if living is None or number in living else None,
            )
            for number in generations
        )
    )


def entries_of(keys: SuppressionKeys, *identifiers: tuple[str, str]) -> dict[bytes, ListEntry]:
    entries = {}
    for kind, value in identifiers:
        for spec in entries_for(OpenIdentifier(number=1, kind=kind, value=Secret(value)), "US"):
            token = keys.token(spec.kind, spec.form)
            entries[token.value] = ListEntry(
                kind=spec.kind, words=spec.words, effect=spec.effect, generation=token.generation, normaliser=spec.normaliser
            )
    return entries


def listing(*identifiers: tuple[str, str]) -> SuppressionList:
    keys = keys_of(1)
    return SuppressionList(entries_of(keys, *identifiers), keys, "US")


EVERYTHING = listing(
    ("name", "Inés Varga"),
    ("name", "Jo O'Dorn"),
    ("email", "ines.varga@gmail.com"),
    ("email", "ines@example.org"),
    ("phone", "+1 202 555 0142"),
    ("phone", "+44 20 7946 0958"),
    ("account", "Ines_V92"),
    ("account", "applepie"),
    ("account", "iv9"),
    ("account", "48213377"),
    ("account", "2026"),
    ("account", "Acme\\Ines"),
    ("excerpt", PASSAGE),
    ("excerpt", "the blue cart of Torrevale"),
)


@pytest.mark.parametrize(
    ("text", "effect", "counts"),
    [
        ("Nothing of the kind.", "allow", {}),
        ("", "allow", {}),
        ("Write to Ines@Example.org!", "drop", {"email": 1}),
        ("ines@example.org and ines@example.org", "drop", {"email": 2}),
        ("ines+list@example.org", "quarantine", {"email~provider": 1}),
        ("i.nesvarga@googlemail.com", "quarantine", {"email~provider": 1}),
        ("finesvarga@gmail.com, ines@example.org.uk", "allow", {}),
        ("call 202.555.0142", "drop", {"phone": 1}),
        ("call +44 (0)20 7946 0958", "drop", {"phone": 1, "phone~digits": 2}),  # with and without the trunk digit
        ("call 020 7946 0958", "quarantine", {"phone~digits": 1}),
        ("call 202 555 0143", "allow", {}),
        ("@ines_v92 said", "drop", {"account": 1}),
        ("ines_v92", "drop", {"account": 1}),
        ("ines_v921", "allow", {}),
        ("an applepie", "quarantine", {"account": 1}),
        ("by @applepie", "drop", {"account": 1}),
        ("by @iv9", "quarantine", {"account": 1}),
        ("customer 48213377", "drop", {"account": 1}),
        ("in 2026", "quarantine", {"account": 1}),
        ("acme ines", "quarantine", {"account~words": 1}),
        ("INES VARGA's house", "quarantine", {"name": 1}),
        ("Varga, Inés: see p. 3", "quarantine", {"name": 1}),
        ("Ines M. Varga", "allow", {}),
        ("Ines\n\tVarga; ines varga", "quarantine", {"name": 3}),  # as spoken twice, and "varga ines" across the semicolon
        ("Jo ODorn and O\u2019Dorn, Jo", "quarantine", {"name": 2}),
        ("Vinesvarga", "allow", {}),
        ("He kept \u201cthe BLUE cart, of Torrevale\u201d.", "quarantine", {"excerpt": 1}),
        ("Ines Varga <ines@example.org>", "drop", {"email": 1, "name": 2}),  # the address begins with a word of the name
    ],
)
def test_free_text_is_let_through_set_aside_or_dropped(text: str, effect: str, counts: dict[str, int]) -> None:
    assert EVERYTHING.check_text(text) == Hits(effect=effect, counts=counts)  # type: ignore[arg-type]


def test_every_run_of_twenty_words_of_an_excerpt_is_dropped_wherever_it_stands() -> None:
    words = PASSAGE.split()

    for start in range(len(words) - 19):
        copied = " ".join(words[start : start + 20])
        found = EVERYTHING.check_text(f"Before it, other words. {copied.upper()} - and after it.")
        assert found.effect == "drop", start
        assert found.counts["shingle"] >= 1


def test_a_run_of_twelve_words_is_let_through() -> None:
    assert EVERYTHING.check_text(" ".join(PASSAGE.split()[:12])).counts.get("shingle", 0) == 0


def test_a_record_is_checked_in_every_text_and_whole_number_at_any_depth() -> None:
    deep: object = "ines@example.org"
    for _ in range(50_000):
        deep = [deep]

    assert EVERYTHING.check_record(json.loads('{"a": [{"b": {"c": "by ines@example.org"}}]}')).counts == {"email": 1}
    assert EVERYTHING.check_record({"phone": 12025550142, "id": 48213377}).counts == {"account": 1, "phone": 1}
    assert EVERYTHING.check_record(deep).effect == "drop"
    for clean in (None, True, 1.5, 7, [], {}, "", {"text": "\ud800 half a pair \udfff"}):
        assert EVERYTHING.check_record(clean) == CLEAN


def test_keys_of_objects_are_not_checked_and_fields_are_not_joined() -> None:
    assert EVERYTHING.check_record({"ines@example.org": 1}) == CLEAN
    assert EVERYTHING.check_record({"given": "Ines", "family": "Varga"}) == CLEAN


def test_a_half_surrogate_hides_nothing() -> None:
    assert EVERYTHING.check_record({"text": "\ud800 ines@example.org \udfff Ines Varga"}).counts == {"email": 1, "name": 1}


@pytest.mark.parametrize(
    ("kind", "value", "effect"),
    [
        ("email", "INES@example.org", "drop"),
        ("email", "ines+x@example.org", "quarantine"),
        ("phone", "(202) 555-0142", "drop"),
        ("account", "@applepie", "drop"),
        ("account", "applepie", "drop"),
        ("name", "Varga, Ines", "quarantine"),
        ("excerpt", f"… {PASSAGE} …", "drop"),
        ("email", "other@example.org", "allow"),
        ("name", "Ines", "allow"),
        ("phone", "?", "allow"),
    ],
)
def test_an_identifier_is_held_against_the_list_in_its_own_kind(kind: str, value: str, effect: str) -> None:
    assert EVERYTHING.check_identifier(kind, Secret(value)).effect == effect


def test_a_digest_alone_meets_the_same_token() -> None:
    digest = hashlib.sha256(b"ines@example.org").digest()

    assert EVERYTHING.check_digest("email", digest) == Hits(effect="drop", counts={"email": 1})
    assert EVERYTHING.check_digest("name", hashlib.sha256(b"ines varga").digest()).effect == "quarantine"
    assert EVERYTHING.check_digest("phone", digest) == CLEAN
    assert listing(("name", "Ines Varga")).check_digest("email", digest) == CLEAN


def test_the_list_s_own_effect_counts_and_not_the_kind_s() -> None:
    keys = keys_of(1)
    entries = {
        token: ListEntry(kind=entry.kind, words=entry.words, effect="quarantine", generation=1, normaliser=entry.normaliser)
        for token, entry in entries_of(keys, ("phone", "+1 202 555 0142")).items()
    }

    assert SuppressionList(entries, keys, "US").check_text("202 555 0142").effect == "quarantine"


def test_tokens_of_every_living_generation_hit() -> None:
    old, new = keys_of(1), keys_of(1, 2)
    entries = entries_of(old, ("email", "ines@example.org"), ("name", "Ines Varga")) | entries_of(new, ("email", "jo@example.org"))
    both = SuppressionList(entries, new, "US")

    assert {entry.generation for entry in entries.values()} == {1, 2}
    assert both.check_text("ines@example.org, jo@example.org").counts == {"email": 2}
    assert both.check_text("Ines Varga").counts == {"name": 1}


def test_tokens_that_can_never_match_stop_the_filter_instead_of_passing_everything() -> None:
    entries = entries_of(keys_of(1), ("email", "ines@example.org"))
    foreign = {
        token: ListEntry(kind=entry.kind, words=0, effect=entry.effect, generation=1, normaliser="email/0")
        for token, entry in entries.items()
    }

    with pytest.raises(KeyDestroyed, match="2 token"):
        SuppressionList(entries, keys_of(1, 2, living=(2,)), "US")
    with pytest.raises(BadInput, match="2 token"):
        SuppressionList(foreign, keys_of(1), "US")


def test_another_key_matches_nothing() -> None:
    entries = entries_of(keys_of(1), ("email", "ines@example.org"))
    other = SuppressionKeys(generations=(Generation(number=1, created_at=NOON, destroyed_at=None, key=SecretBytes(bytes(32))),))

    assert SuppressionList(entries, other, "US").check_text("ines@example.org") == CLEAN


def test_an_empty_list_lets_everything_through() -> None:
    empty = SuppressionList({}, keys_of(1), "US")

    assert empty.check_record({"a": "ines@example.org Ines Varga"}) == CLEAN
    assert empty.check_identifier("email", Secret("ines@example.org")) == CLEAN


def test_neither_the_list_nor_its_hits_show_anybody() -> None:
    printed = f"{EVERYTHING!r} {EVERYTHING.check_text('Ines Varga <ines@example.org>')!r}".lower()

    assert "ines" not in printed
    assert "tokens" in printed


@given(st.text(max_size=200))
def test_no_text_whatever_breaks_the_check(text: str) -> None:
    assert EVERYTHING.check_text(text).effect in EFFECTS


@given(st.sampled_from(["ines@example.org", "Ines Varga", "+1 202 555 0142", "@ines_v92"]), st.text(max_size=40), st.text(max_size=40))
def test_what_is_on_the_list_is_found_between_any_two_lines(identifier: str, before: str, after: str) -> None:
    text = f"{before}\nsee {identifier} there\n{after}"

    assert EVERYTHING.check_text(text).effect != "allow"


@pytest.mark.parametrize("unit", ["word ", "a@", "1 ", "王", "é", "x"])
def test_one_long_line_takes_time_in_proportion(unit: str) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        EVERYTHING.check_text(unit * (length // len(unit)))
        return time.process_time() - start

    short, long = min(seconds(4_000) for _ in range(3)), seconds(32_000)

    # Eight times the text: linear is 8, quadratic 64. The constant covers what a busy machine adds to a few milliseconds.
    assert long < 24 * short + 0.05
