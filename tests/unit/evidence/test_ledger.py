"""A ticket's chain of events holds, and every tampering with it shows."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import LedgerBroken
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.ledger import Link, event_leaf, leaf_hash, log_of, splice_leaf, splice_told, verify_chain
from rtbf.evidence.log_name import is_later, name_parts, next_name

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def chain(length: int) -> list[bytes]:
    leaves: list[bytes] = []
    for number in range(length):
        previous = leaves[-1] if leaves else None
        leaves.append(
            event_leaf(
                idx=number,
                log="rtbf/test",
                ticket="tkt_1",
                previous=previous,
                event_type="plan.frozen",
                actor_id="act_1",
                data={"attempt": number},
                now=NOW,
            )
        )
    return leaves


def edited(leaf: bytes, **changes: Any) -> bytes:
    return canonical_bytes({**json.loads(leaf), **changes})


TAMPERINGS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a field edited in the middle": lambda leaves: [leaves[0], edited(leaves[1], data={"attempt": 7}), *leaves[2:]],
    "an actor edited in the first": lambda leaves: [edited(leaves[0], actor={"id": "act_2"}), *leaves[1:]],
    "a time edited": lambda leaves: [leaves[0], edited(leaves[1], time="2026-03-01T12:00:00.000Z"), *leaves[2:]],
    "an event left out": lambda leaves: [leaves[0], *leaves[2:]],
    "the first left out": lambda leaves: leaves[1:],
    "two swapped": lambda leaves: [leaves[1], leaves[0], *leaves[2:]],
    "one doubled": lambda leaves: [leaves[0], leaves[0], *leaves[1:]],
    "one of another ticket put in": lambda leaves: [leaves[0], chain(2)[1], *leaves[2:]],
    "numbers closed up after a gap": lambda leaves: [leaves[0], edited(leaves[2], tseq=2), edited(leaves[3], tseq=3)],
    "spaces added": lambda leaves: [leaves[0], leaves[1].replace(b",", b", "), *leaves[2:]],
    "a link taken off": lambda leaves: [leaves[0], canonical_bytes({k: v for k, v in json.loads(leaves[1]).items() if k != "tprev"})],
    "no json": lambda leaves: [leaves[0], b"{", *leaves[2:]],
    "no object": lambda leaves: [leaves[0], b"[]", *leaves[2:]],
    "no text": lambda leaves: [leaves[0], b"\xff", *leaves[2:]],
    "a float": lambda leaves: [leaves[0], leaves[1].replace(b'"attempt":1', b'"attempt":1.5'), *leaves[2:]],
    "nested without end": lambda leaves: [leaves[0], b"[" * 100_000, *leaves[2:]],
}


def test_an_untouched_chain_holds() -> None:
    leaves = chain(4)

    assert verify_chain(leaves) == (4, leaf_hash(leaves[-1]))


def test_an_empty_chain_counts_none() -> None:
    assert verify_chain([]) == (0, "")


@pytest.mark.parametrize("tamper", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_every_tampering_ends_in_the_one_named_error(tamper: Callable[[list[bytes]], list[bytes]]) -> None:
    leaves = tamper(chain(4))

    with pytest.raises(LedgerBroken):
        verify_chain(leaves)


def test_an_edit_of_the_last_event_shows_only_against_its_kept_hash() -> None:
    """A chain cannot vouch for its own end; so the report carries (count, last hash), and that is what differs."""
    leaves = chain(3)
    kept = verify_chain(leaves)

    rewritten = [*leaves[:2], edited(leaves[2], data={"attempt": 9})]

    assert verify_chain(rewritten) != kept
    assert verify_chain(leaves[:2]) != kept


def test_a_leaf_hash_has_the_prefix_of_a_leaf() -> None:
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").hexdigest()


def test_two_equal_events_have_different_leaves() -> None:
    first, second = chain(1)[0], chain(1)[0]

    assert first != second


def test_an_event_with_a_float_is_refused() -> None:
    with pytest.raises(ValueError, match="float"):
        event_leaf(idx=0, log="l", ticket=None, previous=None, event_type="t", actor_id="a", data={"p": 0.5}, now=NOW)


def test_an_event_without_ticket_has_no_place_in_a_tickets_chain() -> None:
    leaf = event_leaf(idx=0, log="l", ticket=None, previous=None, event_type="corpus.added", actor_id="a", data={}, now=NOW)

    assert {"ticket", "tseq", "tprev"} & set(json.loads(leaf)) == set()
    with pytest.raises(LedgerBroken):
        verify_chain([leaf])


# No surrogates: they have no UTF-8, and every canonicaliser refuses them.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
CHAINS = st.one_of(st.none(), st.builds(Link, seq=st.integers(1, 2**31), hash=st.text("0123456789abcdef", min_size=64, max_size=64)))


@given(
    idx=st.integers(0, 2**53 - 1), log=TEXTS, ticket=st.one_of(st.none(), TEXTS), link=CHAINS, event_type=TEXTS, actor=TEXTS,
    data=st.dictionaries(TEXTS, VALUES, max_size=4), nonce=TEXTS, time=TEXTS,
)  # fmt: skip
def test_a_spliced_leaf_is_the_canonical_form_of_the_whole_event(
    idx: int, log: str, ticket: str | None, link: Link | None, event_type: str, actor: str, data: dict[str, Any], nonce: str, time: str
) -> None:
    event = {
        "actor": {"id": actor}, "data": data, "idx": idx, "log": log, "nonce": nonce, "time": time, "type": event_type, "v": 1,
    }  # fmt: skip
    if ticket is not None:
        event |= {"ticket": ticket, "tseq": 1} if link is None else {"ticket": ticket, "tseq": link.seq + 1, "tprev": link.hash}

    leaf = splice_leaf(
        idx=idx, log=log, ticket=ticket, link=link, event_type=event_type, actor_id=actor, data=rfc8785.dumps(data), nonce=nonce, time=time,
    )  # fmt: skip

    assert leaf == rfc8785.dumps(event)


@given(
    idx=st.integers(0, 2**53 - 1), ticket=st.one_of(st.none(), TEXTS), event_type=TEXTS, time=TEXTS,
    told=st.dictionaries(st.sampled_from(["from", "to", "outcome", "reason", "kind", "code"]), VALUES),
)  # fmt: skip
def test_what_is_spliced_for_the_outside_is_canonical_too(
    idx: int, ticket: str | None, event_type: str, time: str, told: dict[str, Any]
) -> None:
    body = splice_told(idx=idx, ticket=ticket, event_type=event_type, time=time, told=told)

    assert body == rfc8785.dumps({"data": told, "idx": idx, "ticket": ticket, "time": time, "type": event_type})


def test_text_without_utf8_is_refused_by_splicing_as_by_the_canonicaliser() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        splice_leaf(idx=0, log="l", ticket=None, link=None, event_type="\ud800", actor_id="a", data=b"{}", nonce="n", time="t")


@pytest.mark.parametrize("leaf", [b"{", b"[]", b"{}", b'{"log":1}', b"\xff", b"[" * 100_000])
def test_a_leaf_that_names_no_ledger_ends_in_the_named_error(leaf: bytes) -> None:
    with pytest.raises(LedgerBroken):
        log_of(leaf)


@pytest.mark.parametrize(
    ("origin", "parts", "later"),
    [
        ("rtbf/0123456789abcdef", ("rtbf/0123456789abcdef", 1), "rtbf/0123456789abcdef/2"),
        ("rtbf/0123456789abcdef/2", ("rtbf/0123456789abcdef", 2), "rtbf/0123456789abcdef/3"),
        ("audit.example.org/acme/19", ("audit.example.org/acme", 19), "audit.example.org/acme/20"),
        ("rtbf/1234567890123456", ("rtbf/1234567890123456", 1), "rtbf/1234567890123456/2"),  # sixteen digits are a first name
        ("rtbf/1", ("rtbf/1", 1), "rtbf/1/2"),
        ("rtbf/02", ("rtbf/02", 1), "rtbf/02/2"),
    ],
)
def test_a_restarted_ledger_is_named_by_how_often_it_was_begun(origin: str, parts: tuple[str, int], later: str) -> None:
    assert name_parts(origin) == parts
    assert next_name(origin) == later
    assert is_later(later, origin)
    assert not is_later(origin, later)
    assert not is_later(origin, origin)
    assert not is_later(later, "another/ledger")
