"""The trust file: signed by one root, read strictly, and every rule of it refused by a vector of its own."""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.certificates import create_pdf_ca
from rtbf.evidence.dsse import sign_envelope
from rtbf.evidence.keys import fingerprint, key_id, read_fingerprint, spki_text
from rtbf.evidence.signed_note import COSIGNER_KIND, SIGNER_KIND
from rtbf.evidence.trust_change import (
    changes_between,
    handed_over_at,
    issued_anew,
    require_successor,
    with_end,
    with_handover,
    with_key,
    with_log,
    with_revocation,
)
from rtbf.evidence.trust_file import PAYLOAD_TYPE, LogEntry, draft_bytes, note_keys, read_draft, read_trust, sign_trust
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.evidence.trust_file import Trust

NEW_YEAR, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 4))
ROOT_ID = key_id(builders.root_key().public_key())
LOG_ID = key_id(builders.log_key().public_key())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_ID = key_id(OTHER.public_key())
WITNESSES = (("witness.example.org/w1", builders.witness_key()),)
GOLDEN = Path(__file__).parents[2] / "golden"


def body() -> dict[str, Any]:
    """Return a lawful file's content as JSON."""
    made = {"schema": "rtbf.trust/2", **dataclasses.asdict(builders.trusted(NEW_YEAR, witnesses=WITNESSES))}
    found: dict[str, Any] = json.loads(canonical_bytes(made))
    return found


def signed(payload: Any, key: Ed25519PrivateKey | None = None, keyid: str | None = None, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return an envelope that a root which keeps no rule could make."""
    raw = payload if isinstance(payload, bytes) else canonical_bytes(payload)
    signer = key or builders.root_key()
    return canonical_bytes(sign_envelope(signer, keyid or key_id(signer.public_key()), raw, payload_type=payload_type))


def entry_of(made: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in made["keys"] if entry["role"] == role)
    return found


def test_a_signed_file_says_what_was_signed_and_its_root_and_version_can_be_asked_for() -> None:
    made = builders.trusted(NEW_YEAR, witnesses=WITNESSES, witnesses_needed=1)

    read = read_trust(sign_trust(made, builders.root_key()), root=ROOT_ID, min_version=2)

    assert read == made
    assert [entry.role for entry in read.keys] == ["root", "report-signer", "approver", "log-signer", "witness"]
    # Two years of 365 days after New Year 2026.
    assert (read.version, read.issued, read.expires) == (2, "2026-01-01T00:00:00.000Z", "2028-01-01T00:00:00.000Z")
    assert (read.root, read.logs) == (ROOT_ID, (LogEntry(origin=builders.LOG, key_ids=(LOG_ID,), continues=None),))


@pytest.mark.parametrize(("name", "keys"), [("report-v1", 1), ("report-v2", 1)])
def test_trust_files_of_earlier_releases_are_read_unless_a_root_is_asked_for(name: str, keys: int) -> None:
    raw = (GOLDEN / name / "trust.json").read_bytes()

    read = read_trust(raw)

    assert (read.version, read.root, read.expires, len(read.keys), read.logs) == (1, None, None, keys, ())
    with pytest.raises(ValueError, match="nobody signed"):
        read_trust(raw, root=ROOT_ID)
    with pytest.raises(ValueError, match="older than version 2"):
        read_trust(raw, min_version=2)


def test_an_expired_file_is_still_read() -> None:
    raw = builders.signed_trust(datetime(2001, 1, 1, tzinfo=UTC))

    assert read_trust(raw).expires == "2003-01-01T00:00:00.000Z"


def test_a_role_that_is_unknown_here_is_carried() -> None:
    made = body()
    curve = generate_private_key(SECP256R1()).public_key()
    entry = {**entry_of(made, "approver"), "role": "notary", "alg": "ecdsa-p256"}
    made["keys"].append({**entry, "id": key_id(curve), "spki": spki_text(curve)})

    assert read_trust(signed(made)).keys[-1].role == "notary"


@pytest.mark.parametrize("expected", [{"root": OTHER_ID}, {"min_version": 3}])
def test_another_root_or_an_older_version_than_asked_for_is_refused(expected: dict[str, Any]) -> None:
    raw = builders.signed_trust(NEW_YEAR)

    with pytest.raises(ValueError, match=r"another root|older than version 3"):
        read_trust(raw, **expected)


def _by_somebody_else(made: dict[str, Any]) -> bytes:
    return signed(made, OTHER)


def _under_the_roots_name(made: dict[str, Any]) -> bytes:
    return signed(made, OTHER, ROOT_ID)


def _with_its_own_root_beside(made: dict[str, Any]) -> bytes:
    """Another root calls itself root, but the file's content still names the true one."""
    made["keys"].append({**entry_of(made, "root"), "id": OTHER_ID, "spki": spki_text(OTHER.public_key())})
    return signed(made, OTHER)


def _changed_after(made: dict[str, Any]) -> bytes:
    envelope = json.loads(signed(made))
    envelope["payload"] = base64.standard_b64encode(canonical_bytes({**made, "witnesses_needed": 1})).decode()
    return canonical_bytes(envelope)


def _signed_twice(made: dict[str, Any]) -> bytes:
    envelope = json.loads(signed(made))
    return canonical_bytes({**envelope, "signatures": envelope["signatures"] * 2})


@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (_by_somebody_else, "another key than its root"),
        (_under_the_roots_name, "signature does not fit"),
        (_with_its_own_root_beside, "exactly one root"),
        (_changed_after, "signature does not fit"),
        (_signed_twice, "2 signatures"),
        (lambda made: signed(made, payload_type="application/vnd.in-toto+json"), "no trust file"),
        (lambda made: signed(made).replace(b'","payloadType', b'", "payloadType'), "not in canonical form"),
        (lambda made: signed(made) + b"\n", "not in canonical form"),
        (lambda made: signed(json.dumps(made).encode()), "content is not in canonical form"),
        (lambda made: signed(b'{"schema":"rtbf.trust/2","schema":"rtbf.trust/2"}'), "names a key twice"),
        (lambda made: signed(b"[" * 40 + b"]" * 40), "nested deeper"),
        (canonical_bytes, "unsigned trust file"),
        (lambda made: b"", "not JSON"),
        (lambda made: b"{" + b" " * (1 << 20) + b"}", "larger than"),
    ],
)
def test_a_file_that_its_root_did_not_sign_as_it_stands_is_refused(forge: Callable[[dict[str, Any]], bytes], found: str) -> None:
    raw = forge(body())

    with pytest.raises(ValueError, match=found):
        read_trust(raw)


def _of(role: str, **changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda made: entry_of(made, role).update(changes)


def _file(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda made: made.update(changes)


def _doubled(made: dict[str, Any]) -> None:
    made["keys"].append(dict(entry_of(made, "approver")))


def _two_roles(made: dict[str, Any]) -> None:
    made["keys"].append({**entry_of(made, "report-signer"), "role": "approver"})


def _unknown_role_of_a_known_key(made: dict[str, Any]) -> None:
    made["keys"].append({**entry_of(made, "report-signer"), "role": "notary", "id": "sha256:" + "0" * 64})


def _stray_bits(made: dict[str, Any]) -> None:
    """The last character of this base64 carries two bits that decoding drops: another text for the same key."""
    entry = entry_of(made, "report-signer")
    entry["spki"] = entry["spki"].removesuffix("=")[:-1] + chr(ord(entry["spki"].removesuffix("=")[-1]) + 1) + "="


def _logs(*logs: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    return _file(logs=list(logs))


def _log(origin: str, *keys: str, continues: str | None = None) -> dict[str, Any]:
    return {"origin": origin, "key_ids": list(keys), "continues": continues}


@pytest.mark.parametrize(
    ("break_rule", "found"),
    [
        (_file(schema="rtbf.trust/3"), "schema is none of"),
        (_file(version=1), "version before 2"),
        (_file(version=True), "not of type int"),
        (_file(extra=1), "unknown field"),
        (lambda made: made.pop("tsa_roots"), "lacks the field"),
        (_file(expires=None), "expires is not of type str"),
        (_file(expires="2026-01-01T00:00:00.000Z"), "expires before"),
        (_file(issued="2026-01-01T01:00:00.000+01:00"), "UTC with milliseconds"),
        (_file(issued="yesterday"), "not RFC 3339"),
        (_file(root=OTHER_ID), "exactly one root"),
        (_file(root=key_id(builders.signing_key().public_key())), "exactly one root"),
        (_of("root", revoked_at="2026-02-01T00:00:00.000Z"), "root that is revoked"),
        (_of("root", not_before="2026-01-01T00:00:00.001Z"), "outside its root's window"),
        (_of("root", not_before="2025-01-01T00:00:00.000Z", not_after="2025-12-31T23:59:59.999Z"), "outside its root's window"),
        (_of("report-signer", alg="ecdsa-p256"), "another algorithm"),
        (_of("report-signer", spki=spki_text(generate_private_key(SECP256R1()).public_key())), "not Ed25519"),
        (_of("report-signer", spki=spki_text(OTHER.public_key())), "not the digest"),
        (_of("report-signer", spki="AAAA"), "cannot be read"),
        (_of("report-signer", spki="é"), "not standard base64"),
        (_stray_bits, "not canonical base64"),
        (_of("report-signer", name="signer"), "name for a key that is no witness"),
        (_of("witness", name=None), "witness without a name"),
        (_of("witness", name="w 1"), "no signed note can carry"),
        (_of("witness", name="w+1"), "no signed note can carry"),
        (_of("report-signer", not_after="2025-12-31T23:59:59.999Z"), "ends before it begins"),
        (_of("report-signer", revoked_at="soon"), "not RFC 3339"),
        (_of("approver", not_before="0001-01-01T00:00:00+14:00"), "not RFC 3339"),
        (_doubled, "a key twice"),
        (_two_roles, "a key twice"),
        (_unknown_role_of_a_known_key, "not the digest"),
        (_logs(_log("a", LOG_ID), _log("a", LOG_ID)), "a log twice"),
        (_logs(_log("a")), "without a key"),
        (_logs(_log("a", LOG_ID, LOG_ID)), "a key of a log twice"),
        (_logs(_log("a", key_id(builders.signing_key().public_key()))), "no log signer's"),
        (_logs(_log("a b", LOG_ID)), "no tree head can carry"),
        (_logs(_log("", LOG_ID)), "no tree head can carry"),
        (_logs(_log("a", LOG_ID, continues="a")), "continues none"),
        (_logs(_log("b", LOG_ID, continues="a"), _log("a", LOG_ID)), "continues none"),
        (_logs(_log("a", LOG_ID), _log("b", LOG_ID, continues="a"), _log("c", LOG_ID, continues="a")), "as continued twice"),
        (_file(witnesses_needed=2), "more witnesses"),
        (_file(witnesses_needed=-1), "more witnesses"),
        (_file(pdf_roots=["AAAA"]), "certificate that cannot be read"),
        (_file(tsa_roots=["!"]), "certificate that cannot be read"),
    ],
)
def test_a_root_that_signs_an_unlawful_file_is_not_believed(break_rule: Callable[[dict[str, Any]], Any], found: str) -> None:
    made = body()
    break_rule(made)

    with pytest.raises(ValueError, match=found):
        read_trust(signed(made))


def test_a_certificate_stands_once() -> None:
    key = generate_private_key(SECP256R1())
    text = base64.standard_b64encode(create_pdf_ca(key, "Example Models", NEW_YEAR)).decode()

    assert read_trust(signed({**body(), "pdf_roots": [text]})).pdf_roots == (text,)
    with pytest.raises(ValueError, match="a certificate twice"):
        read_trust(signed({**body(), "pdf_roots": [text, text]}))


def test_no_unlawful_file_is_signed_nor_by_another_root() -> None:
    lawful = builders.trusted(NEW_YEAR)

    with pytest.raises(ValueError, match="not the one the trust file names"):
        sign_trust(lawful, OTHER)
    with pytest.raises(ValueError, match="more witnesses"):
        sign_trust(replace(lawful, witnesses_needed=1), builders.root_key())


def test_a_draft_is_no_trust_file() -> None:
    draft = draft_bytes(builders.trusted(NEW_YEAR))

    assert read_draft(draft) == builders.trusted(NEW_YEAR)
    with pytest.raises(ValueError, match="unsigned trust file"):
        read_trust(draft)


def test_note_keys_are_the_logs_own_signers_and_the_witnesses_but_no_revoked_ones() -> None:
    made = builders.trusted(NEW_YEAR, witnesses=WITNESSES)
    made = with_log(with_key(made, OTHER.public_key(), "log-signer", NEW_YEAR), "rtbf/other", OTHER_ID)

    own, other = note_keys(made, builders.LOG), note_keys(made, "rtbf/other")
    after = note_keys(with_revocation(with_end(made, LOG_ID, MARCH), OTHER_ID, MARCH), "rtbf/other")

    assert [(key.name, key.kind) for key in own] == [(builders.LOG, SIGNER_KIND), (WITNESSES[0][0], COSIGNER_KIND)]
    assert own[0].key == builders.log_key().public_key()
    assert other[0].key == OTHER.public_key()
    assert [key.kind for key in after] == [COSIGNER_KIND]


def test_a_handover_ends_the_old_key_begins_the_new_one_and_is_made_once() -> None:
    made = builders.trusted(NEW_YEAR)

    after = with_handover(made, OTHER.public_key(), "log-signer", MARCH)

    assert [(entry.id, entry.not_before[:10], entry.not_after) for entry in after.keys if entry.role == "log-signer"] == [
        (LOG_ID, "2026-01-01", "2026-03-01T00:00:00.000Z"),
        (OTHER_ID, "2026-03-01", None),
    ]
    assert after.logs[-1].key_ids == (LOG_ID, OTHER_ID)
    assert with_handover(after, OTHER.public_key(), "log-signer", APRIL) == after
    assert with_handover(made, builders.approver_key().public_key(), "log-signer", APRIL) == made


def test_a_handover_that_waited_counts_from_its_signature() -> None:
    made = builders.trusted(NEW_YEAR)
    drafted = with_handover(made, OTHER.public_key(), "report-signer", MARCH)

    after = handed_over_at(drafted, made, "report-signer", OTHER_ID, APRIL)

    assert [(entry.not_before[:7], (entry.not_after or "")[:7]) for entry in after.keys if entry.role == "report-signer"] == [
        ("2026-01", "2026-04"),
        ("2026-04", ""),
    ]


def test_the_first_end_and_the_first_revocation_stand() -> None:
    made = with_revocation(with_end(builders.trusted(NEW_YEAR), LOG_ID, MARCH), LOG_ID, MARCH)

    assert with_revocation(with_end(made, LOG_ID, APRIL), LOG_ID, APRIL) == made


def _without_a_key(made: Trust) -> Trust:
    return replace(made, keys=made.keys[:-1], logs=())


@pytest.mark.parametrize(
    ("take_back", "found"),
    [
        (lambda made: replace(made, version=3), "no later one"),
        (lambda made: replace(made, issued="2025-01-01T00:00:00.000Z"), "no later one"),
        (lambda made: replace(made, root=OTHER_ID), "another root"),
        (_without_a_key, "lost a key"),
        (lambda made: replace(made, keys=tuple(replace(entry, revoked_at=None) for entry in made.keys)), "takes back"),
        (lambda made: replace(made, keys=tuple(replace(entry, not_after=None) for entry in made.keys)), "takes back"),
        (
            lambda made: replace(made, keys=tuple(replace(entry, not_before="2020-01-01T00:00:00.000Z") for entry in made.keys)),
            "takes back",
        ),
        (lambda made: replace(made, logs=()), "of a log"),
        (lambda made: replace(made, logs=(replace(made.logs[0], key_ids=(OTHER_ID,)),)), "of a log"),
    ],
)
def test_a_later_file_takes_nothing_back(take_back: Callable[[Trust], Trust], found: str) -> None:
    before = with_revocation(with_end(replace(builders.trusted(NEW_YEAR), version=3), LOG_ID, MARCH), LOG_ID, MARCH)
    after = issued_anew(before, before, MARCH)
    require_successor(before, after)

    with pytest.raises(ValueError, match=found):
        require_successor(before, take_back(after))


def test_changes_are_told_one_by_one_to_whoever_signs_them() -> None:
    before = builders.trusted(NEW_YEAR)
    after = with_revocation(with_handover(before, OTHER.public_key(), "log-signer", MARCH), LOG_ID, APRIL)

    assert changes_between(before, before) == ()
    assert changes_between(before, after) == (
        f"log-signer {LOG_ID} ends at 2026-03-01T00:00:00.000Z",
        f"log-signer {LOG_ID} is revoked at 2026-04-01T00:00:00.000Z",
        f"log-signer {OTHER_ID} counts from 2026-03-01T00:00:00.000Z",
        f"log {builders.LOG} is signed by {LOG_ID}, {OTHER_ID}",
    )


def test_a_fingerprint_is_read_as_it_is_printed_and_said() -> None:
    printed = fingerprint("sha256:" + "0123456789abcdef" * 4)

    assert printed == " ".join(["0123", "4567", "89ab", "cdef"] * 4)
    assert read_fingerprint(printed) == read_fingerprint(f" SHA256:{printed.upper()}\n") == "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("text", ["", "sha256:", "0123", "0" * 63, "0" * 65, "g" * 64, "sha1:" + "0" * 64])
def test_a_part_of_a_fingerprint_names_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        read_fingerprint(text)
