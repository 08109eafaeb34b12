"""A token says "equal normal form" under its key and nothing without it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput, UnknownName, VaultBroken
from rtbf.vault.normalise import VERSIONS, normalise
from rtbf.vault.secret import Secret, SecretBytes
from rtbf.vault.tokens import (
    Generation,
    IndexKey,
    SuppressionKeys,
    Token,
    create_index_key,
    create_suppression_keys,
    destroy_generation,
    load_index_key,
    load_suppression_keys,
    new_generation,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=365)
KEY = bytes(range(32))
KEYS = SuppressionKeys(generations=(Generation(number=1, created_at=NOON, destroyed_at=None, key=SecretBytes(KEY)),))
INDEX = IndexKey(key=SecretBytes(KEY))


def test_a_suppression_token_is_the_documented_hmac() -> None:
    inner = hashlib.sha256(b"ines@example.org").digest()

    token = KEYS.token("email", Secret("ines@example.org"))

    assert token == Token(generation=1, value=hmac.new(KEY, b"email\x00" + inner, "sha256").digest())
    # Frozen: a list made by an earlier release must go on matching. Computed once with OpenSSL's command line tool.
    assert token.value.hex() == "677527cbf8b085f5e24b5ef3bfe9885eb99447af365d4d43526a23b2d61b6fe5"
    assert token == KEYS.token_of_digest("email", inner)


@given(st.text(), st.text(), st.sampled_from(sorted(VERSIONS)))
def test_tokens_are_equal_exactly_when_normal_forms_are(first: str, second: str, kind: str) -> None:
    forms = [normalise(kind, value, "US") for value in (first, second, first)]

    one, two, again = (KEYS.token(kind, Secret(form)) for form in forms)

    assert (one == two) == (forms[0] == forms[1])
    assert one == again


@given(
    st.text(st.characters(codec="ascii"), min_size=1, max_size=20), st.sampled_from([str.upper, str.title, lambda text: f" {text}\u200b "])
)
def test_spellings_of_one_name_give_one_token(name: str, respell: Callable[[str], str]) -> None:
    one, other = (KEYS.token("words", Secret(normalise("words", spelling, "US"))) for spelling in (name, respell(name)))

    assert one == other


def test_kinds_generations_and_keys_part_equal_values() -> None:
    other = SuppressionKeys(
        generations=(*KEYS.generations, Generation(number=2, created_at=LATER, destroyed_at=None, key=SecretBytes(bytes(32))))
    )
    form = Secret("ines")
    digest = hashlib.sha256(b"ines").digest()

    values = [KEYS.token("name", form).value, KEYS.token("account", form).value, other.token("name", form).value]

    assert len({*values, INDEX.token("name", form), digest}) == 5
    assert other.token("name", form).generation == 2
    assert [token.generation for token in other.tokens_of_digest("name", digest)] == [1, 2]
    assert other.tokens_of_digest("name", digest)[0] == KEYS.token("name", form)


@pytest.mark.parametrize(("kind", "digest"), [("", bytes(32)), ("a\x00b", bytes(32)), ("email", bytes(31)), ("email", b"")])
def test_what_would_blur_the_border_between_kind_and_digest_is_refused(kind: str, digest: bytes) -> None:
    with pytest.raises(ValueError, match=r"kind|32 bytes"):
        KEYS.token_of_digest(kind, digest)


def test_no_record_of_keys_shows_one() -> None:
    printed = repr(KEYS) + repr(INDEX)

    assert "***" in printed
    assert repr(KEY)[2:-1] not in printed
    assert KEY.hex() not in printed


def test_the_key_file_is_private_and_holds_no_digest_of_anything(tmp_path: Path) -> None:
    path = tmp_path / "suppression.json"
    create_suppression_keys(path, NOON)
    keys = load_suppression_keys(path)
    keys.token("email", Secret("ines@example.org"))

    body = json.loads(path.read_bytes())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(body) == {"schema", "generations"}
    assert set(body["generations"][0]) == {"number", "created_at", "destroyed_at", "key"}
    assert base64.b64decode(body["generations"][0]["key"]) == keys.living_keys()[1].reveal()
    assert len(keys.living_keys()[1].reveal()) == 32


def test_an_existing_key_file_is_never_overwritten(tmp_path: Path) -> None:
    create_suppression_keys(tmp_path / "suppression.json", NOON)
    create_index_key(tmp_path / "index.key")

    with pytest.raises(FileExistsError):
        create_suppression_keys(tmp_path / "suppression.json", NOON)
    with pytest.raises(FileExistsError):
        create_index_key(tmp_path / "index.key")


def test_a_fresh_generation_makes_tokens_and_the_earlier_one_still_checks(tmp_path: Path) -> None:
    path = tmp_path / "suppression.json"
    create_suppression_keys(path, NOON)
    before = load_suppression_keys(path).token("email", Secret("ines@example.org"))

    number = new_generation(path, LATER)

    keys = load_suppression_keys(path)
    assert number == keys.token("email", Secret("ines@example.org")).generation == 2
    assert before in keys.tokens_of_digest("email", hashlib.sha256(b"ines@example.org").digest())
    assert [generation.created_at for generation in keys.generations] == [NOON, LATER]


def test_a_destroyed_generation_checks_nothing_and_its_key_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "suppression.json"
    create_suppression_keys(path, NOON)
    key = json.loads(path.read_bytes())["generations"][0]["key"]
    new_generation(path, NOON)

    destroy_generation(path, 1, LATER)
    destroy_generation(path, 1, LATER + timedelta(days=1))

    keys = load_suppression_keys(path)
    assert key not in path.read_text(encoding="utf-8")
    assert [token.generation for token in keys.tokens_of_digest("email", bytes(32))] == [2]
    assert keys.generations[0].destroyed_at == LATER


def test_the_last_generation_and_one_that_never_was_cannot_be_destroyed(tmp_path: Path) -> None:
    path = tmp_path / "suppression.json"
    create_suppression_keys(path, NOON)

    with pytest.raises(BadInput):
        destroy_generation(path, 1, NOON)
    for number in (0, 2):
        with pytest.raises(UnknownName):
            destroy_generation(path, number, NOON)


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda body: body.update(schema="rtbf.suppression-keys/2"),
    "no generation": lambda body: body.update(generations=[]),
    "generations of another kind": lambda body: body.update(generations=None),
    "a short key": lambda body: body["generations"][0].update(key="AAAA"),
    "no key": lambda body: body["generations"][0].update(key=None),
    "a number out of order": lambda body: body["generations"][0].update(number=2),
    "a surplus field": lambda body: body["generations"][0].update(note="x"),
    "no time": lambda body: body["generations"][0].update(created_at="yesterday"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_suppression_key_file_is_named(tmp_path: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    path = tmp_path / "suppression.json"
    create_suppression_keys(path, NOON)
    body = json.loads(path.read_bytes())
    damage(body)
    path.write_text(json.dumps(body), encoding="utf-8")

    with pytest.raises(VaultBroken, match=r"suppression\.json") as refused:
        load_suppression_keys(path)

    assert refused.value.__context__ is None


def test_a_missing_or_short_index_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultBroken, match="no readable index key"):
        load_index_key(tmp_path / "index.key")
    (tmp_path / "index.key").write_bytes(b"short")
    with pytest.raises(VaultBroken, match="5 bytes"):
        load_index_key(tmp_path / "index.key")


def test_an_index_key_file_is_private_and_gives_the_same_tokens_each_time(tmp_path: Path) -> None:
    path = tmp_path / "index.key"
    create_index_key(path)

    first, again = (load_index_key(path).token("email", Secret("ines@example.org")) for _ in range(2))

    assert first == again
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_index_tokens_and_keyed_digests_are_the_documented_hmacs_and_never_collide() -> None:
    token = INDEX.token("email", Secret("ines@example.org"))
    digest = INDEX.keyed_digest(b'{"subject": []}')

    assert token == hmac.new(KEY, b"rtbf.index/1\x00email\x00ines@example.org", "sha256").digest()
    assert digest == hmac.new(KEY, b'rtbf.keyed-digest/1\x00{"subject": []}', "sha256").digest()
    assert token != INDEX.keyed_digest(b"email\x00ines@example.org")
    assert token != INDEX.token("account", Secret("ines@example.org"))
