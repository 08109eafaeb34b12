"""Time-stamps: an honest token is read as OpenSSL reads it, and no dishonest answer gives a time."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from rtbf.errors import BadInput, ExtraMissing, TimeStampUnavailable
from rtbf.evidence import timestamp
from rtbf.evidence.timestamp import MAX_TOKEN_BYTES, http_post, read_time_stamp, request_time_stamp
from tests.authority import FROM, REFUSED, UNTIL, URL, Authority, make_authority, time_by_openssl, verified_by_openssl

CONTENT = b'{"payload":"e30="}'
MARCH = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
EXPIRED = (FROM, datetime(2001, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests here."""
    return make_authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A second one, under a root of the same name and another key."""
    return make_authority(tmp_path_factory.mktemp("tsa2"))


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    """A good token of CONTENT."""
    return request_time_stamp(CONTENT, URL, 5, authority.post)


def test_a_token_is_read_as_openssl_reads_it(authority: Authority, token: bytes) -> None:
    stamped_at = read_time_stamp(token, CONTENT, authority.roots)

    assert verified_by_openssl(token, CONTENT, authority)
    assert stamped_at == time_by_openssl(token, authority)
    assert stamped_at.utcoffset() is not None


def test_each_query_has_a_nonce_of_its_own_and_the_digest_only(authority: Authority) -> None:
    asked = replace(authority, asked=[])

    for _ in range(2):
        request_time_stamp(CONTENT, URL, 5, asked.post)

    assert asked.asked[0] != asked.asked[1]
    assert {len(query) <= 80 for query in asked.asked} == {True}
    assert [query for query in asked.asked if CONTENT in query] == []


def test_a_token_of_one_content_is_none_of_another(authority: Authority, token: bytes) -> None:
    with pytest.raises(ValueError, match="other content"):
        read_time_stamp(token, CONTENT + b" ", authority.roots)

    assert not verified_by_openssl(token, CONTENT + b" ", authority)


def test_a_token_under_another_root_of_the_same_name_is_refused(authority: Authority, another: Authority, token: bytes) -> None:
    with pytest.raises(ValueError, match="does not verify"):
        read_time_stamp(token, CONTENT, another.roots)

    assert read_time_stamp(token, CONTENT, another.roots + authority.roots) is not None


def test_a_token_that_does_not_name_its_signers_certificate_is_refused(authority: Authority) -> None:
    """RFC 3161 section 2.4.2: the signing-certificate attribute MUST be there. `openssl ts -verify` refuses it as well."""
    nameless, named = (authority.by_hand(CONTENT, names_signer=names) for names in (False, True))

    with pytest.raises(ValueError, match="does not name its signer's certificate"):
        read_time_stamp(nameless, CONTENT, authority.roots)

    assert read_time_stamp(named, CONTENT, authority.roots) == MARCH
    assert [verified_by_openssl(token, CONTENT, authority) for token in (nameless, named)] == [False, True]


def test_a_token_with_another_certificate_of_the_same_key_is_refused(authority: Authority) -> None:
    """Same key, name and number, other dates: only the digest in the token tells the two certificates apart."""
    key = ec.generate_private_key(ec.SECP256R1())
    first = authority.issue(key, serial=7_777)
    token = authority.signed(CONTENT, key, first, at="20260302120000Z")
    old = first.public_bytes(serialization.Encoding.DER)
    # The issuer's signature has 70 to 72 bytes; one of the same length keeps the token well-formed.
    others = (authority.issue(key, serial=7_777, valid=(FROM, UNTIL - timedelta(days=number))) for number in range(1, 100))
    new = next(der for other in others if len(der := other.public_bytes(serialization.Encoding.DER)) == len(old))

    with pytest.raises(ValueError, match="names another certificate than its signer's"):
        read_time_stamp(token.replace(old, new), CONTENT, authority.roots)

    assert token.count(old) == 1


@pytest.mark.parametrize("roots", [(), (b"no certificate",)])
def test_without_a_root_that_can_be_read_nothing_is_believed(token: bytes, roots: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="root"):
        read_time_stamp(token, CONTENT, roots)


def test_the_certificate_is_judged_at_the_stamped_time_and_not_today(authority: Authority) -> None:
    """A token outlives the certificate that signed it; one from after its end is refused."""
    valid = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))

    within = authority.by_hand(CONTENT, at="20260302120000Z", valid=valid)
    after = authority.by_hand(CONTENT, at="20260402120000Z", valid=valid)

    assert read_time_stamp(within, CONTENT, authority.roots) == MARCH
    with pytest.raises(ValueError, match="does not verify"):
        read_time_stamp(after, CONTENT, authority.roots)


@pytest.mark.parametrize(
    "changes",
    [
        {"usages": ()},
        {"usages": (ExtendedKeyUsageOID.CODE_SIGNING,)},
        {"is_critical": False},
    ],
    ids=["no usage", "another usage", "not critical"],
)
def test_a_certificate_that_is_not_for_time_stamps_signs_none(authority: Authority, changes: Any) -> None:
    """RFC 3161 section 2.3: the extended key usage must be there, be critical and name id-kp-timeStamping."""
    forged = authority.by_hand(CONTENT, **changes)

    with pytest.raises(ValueError, match=r"unsuitable certificate purpose|EKU extension is not critical"):
        read_time_stamp(forged, CONTENT, authority.roots)


def test_an_ordinary_certificate_does_not_pass_by_the_usage_of_a_forged_one_beside_it(authority: Authority, another: Authority) -> None:
    """Both carry the same issuer and number: the library reads the usage of one, OpenSSL verifies by the other."""
    key = ec.generate_private_key(ec.SECP256R1())
    ordinary = authority.issue(key, usages=(), serial=7)
    forged = another.issue(key, serial=7, padding=40)

    tokens = [
        authority.signed(CONTENT, key, ordinary, at="20260302120000Z", beside=(forged,)),
        authority.signed(CONTENT, key, forged, at="20260302120000Z", beside=(ordinary,)),
    ]

    for pair in tokens:
        with pytest.raises(ValueError, match=r"could be the signer's|DER order|does not verify"):
            read_time_stamp(pair, CONTENT, authority.roots)


def test_a_chain_that_openssl_wrote_unsorted_is_named(authority: Authority) -> None:
    """The known trap: the root sorts before the signer's longer certificate, and OpenSSL 3.0 writes it after."""

    def chained(_url: str, query: bytes, _timeout_s: int) -> bytes:
        return authority.answer(query, chain=True)

    with pytest.raises(TimeStampUnavailable, match="DER order, as OpenSSL"):
        request_time_stamp(CONTENT, URL, 5, chained)


def request_of(content: bytes, authority: Authority) -> bytes:
    """Return a fresh query for `content`, as the authority got it."""
    fresh = replace(authority, asked=[])
    request_time_stamp(content, URL, 5, fresh.post)
    return fresh.asked[0]


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        ("another request", lambda authority, query: authority.answer(request_of(CONTENT, authority))),
        ("other content", lambda authority, query: authority.answer(request_of(b"another", authority))),
        ("not granted as asked .status 2", lambda authority, query: REFUSED),
        ("not granted as asked .status 1", lambda authority, query: authority.answer(query).replace(b"\x02\x01\x00", b"\x02\x01\x01", 1)),
        ("not a time-stamp response", lambda authority, query: authority.answer(query)[:-1]),
        ("not a time-stamp response", lambda authority, query: authority.answer(query) + b"\x00"),
        ("not a time-stamp response", lambda authority, query: b"<html>Service Unavailable</html>"),
        ("not a time-stamp response", lambda authority, query: b""),
        ("larger than", lambda authority, query: b"\x30" * (10 << 20)),
        ("Missing SignedData", lambda authority, query: bytes.fromhex("30053003020100")),
    ],
    ids=["nonce", "imprint", "rejected", "with mods", "truncated", "trailing", "html", "empty", "10 MB", "granted without token"],
)  # fmt: skip
def test_an_answer_that_is_not_to_the_question_is_no_time_stamp(authority: Authority, found: str, answer: Any) -> None:
    with pytest.raises(TimeStampUnavailable, match=found) as refused:
        request_time_stamp(CONTENT, URL, 5, lambda _url, query, _timeout_s: answer(authority, query))

    assert "tsa.example.org" in str(refused.value)


def test_an_expired_authority_is_found_out_when_its_token_is_read(tmp_path: Any) -> None:
    expired = make_authority(tmp_path / "expired", valid=EXPIRED)
    token = request_time_stamp(CONTENT, URL, 5, expired.post)

    with pytest.raises(ValueError, match="does not verify"):
        read_time_stamp(token, CONTENT, expired.roots)

    assert not verified_by_openssl(token, CONTENT, expired)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://tsa.example.org/", "tsa.example.org", "http://[", "http://u:p4ss@tsa.example.org/"]
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        http_post(url, b"query", 1)

    assert "p4ss" not in str(refused.value)


def test_without_the_extra_both_ways_say_which_one(monkeypatch: pytest.MonkeyPatch, authority: Authority, token: bytes) -> None:
    monkeypatch.setattr(timestamp, "rfc3161_client", None)

    with pytest.raises(ExtraMissing, match=r"rtbf\[time\]"):
        request_time_stamp(CONTENT, URL, 5, authority.post)
    with pytest.raises(ExtraMissing, match=r"rtbf\[time\]"):
        read_time_stamp(token, CONTENT, authority.roots)


def test_no_changed_token_gives_another_time_and_none_a_stray_error(authority: Authority, token: bytes) -> None:
    """A few bytes are outside every signature (the status's free text, unsigned fields): they may change, the time may not."""
    rng = random.Random("tokens")
    stamped_at = read_time_stamp(token, CONTENT, authority.roots)
    refused = 0

    for _ in range(600):
        mutant = bytearray(token)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            mutant[rng.randrange(len(mutant))] ^= rng.randrange(1, 256)
        cut = bytes(mutant[: rng.randrange(len(mutant))]) if rng.random() < 0.1 else bytes(mutant)
        try:
            assert read_time_stamp(cut, CONTENT, authority.roots) == stamped_at
        except ValueError:
            refused += 1
        with pytest.raises(ValueError, match=r"."):
            read_time_stamp(cut, b"other content", authority.roots)

    assert refused > 500


def test_more_than_a_token_may_hold_is_refused_unread(authority: Authority) -> None:
    with pytest.raises(ValueError, match="larger than"):
        read_time_stamp(b"\x30" * (MAX_TOKEN_BYTES + 1), CONTENT, authority.roots)
