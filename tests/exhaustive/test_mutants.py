"""No damaged report passes and none stops the checker: seeded mutants of a good envelope and of its payload."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.report.check.run import check_report
from rtbf.report.statement import build_statement
from tests import builders, proven

if TYPE_CHECKING:
    from rtbf.report.statement import Case

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MUTANTS = 2000
SIGNED_MUTANTS = 300


def _mutated(original: bytes, dice: random.Random) -> bytes:
    mutant = bytearray(original)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        place = dice.randrange(len(mutant))
        act = dice.randrange(4)
        if act == 0:
            mutant[place] ^= 1 << dice.randrange(8)
        elif act == 1:
            mutant[place] = dice.randrange(256)
        elif act == 2:
            mutant.insert(place, dice.randrange(256))
        else:
            del mutant[place]
    return bytes(mutant)


def test_no_byte_mutant_of_an_envelope_is_accepted() -> None:
    """Most of an envelope is payload; half the mutants are aimed at its frame, where the parser works."""
    good_envelope, good_trust = builders.envelope(), builders.trust(NEW_YEAR)
    dice = random.Random(20260302)
    frame = len(good_envelope) - 400
    accepted, tried = [], 0

    while tried < MUTANTS:
        start = frame if dice.random() < 0.5 else 0
        mutant = good_envelope[:start] + _mutated(good_envelope[start:], dice)
        if mutant == good_envelope:
            continue
        tried += 1
        if check_report(mutant, good_trust).status != "bad":
            accepted.append(mutant)

    assert accepted == []


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, entry in inner for place in _places(entry, (*path, key)))] if path or inner else [path]


FOREIGN = (None, True, 7, -1, "", "x", "NaN", "sNaN", "1e999", "9" * 50, [], {}, [[]], {"a": []}, "sha256:", "\u0000", "../x")

NO_STATE = "sha256:" + "00" * 32
OTHER = (None, 7, -1, "x", "sNaN", NO_STATE, [], {})
"""Fewer, for every place in turn; the digest is well-formed and of nothing."""
UNREPEATED = [
    (("shards", "changes", 1, "before"), None),
    *((("shards", "changes", 1, end), NO_STATE) for end in ("before", "after")),
    *((("shards", name), NO_STATE) for name in ("state_before", "state_after")),
]


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _signed_mutant_status(case: Case, place: tuple[Any, ...], value: Any, trust: bytes) -> str:
    statement = json.loads(json.dumps(build_statement(case)))
    *way, last = place
    _at(statement, tuple(way))[last] = value
    return check_report(builders.signed(statement), trust).status


def test_no_signed_statement_with_a_foreign_value_stops_the_checker() -> None:
    """A signer with the right key may sign any JSON; the checker still ends in a refusal, never in a stray exception."""
    case, good_trust = builders.case(), builders.trust(NEW_YEAR)
    dice = random.Random(7)
    places = [place for place in _places(build_statement(case)) if place]

    statuses = {_signed_mutant_status(case, dice.choice(places), dice.choice(FOREIGN), good_trust) for _ in range(SIGNED_MUTANTS)}

    assert statuses <= {"ok", "bad", "cannot decide"}
    assert "bad" in statuses


@pytest.mark.parametrize(
    ("case", "accepted"),
    [(proven.sharded_case(), UNREPEATED), (proven.private_case(), [])],
    ids=["shards", "bound"],
)
def test_no_proof_with_another_value_fits_the_claim_that_was_signed(case: Case, accepted: list[Any]) -> None:
    """Each value of a proof in turn, replaced: what the verdict does not notice, the generated claim does.

    But for the digests of states, which the claim does not repeat: `rtbf model replay` holds them against the weights. And a shard that
    was trained again may lawfully have been off before.
    """
    good_trust = builders.trust(NEW_YEAR)
    way = ("predicate", "unlearned", "proof")
    proof = build_statement(case)["predicate"]["unlearned"]["proof"]

    found = [
        (place, value)
        for place in _places(proof)
        for value in OTHER
        if place and json.dumps(_at(proof, place)) != json.dumps(value)
        if _signed_mutant_status(case, (*way, *place), value, good_trust) == "ok"
    ]

    assert [one for one in found if one not in accepted] == []
    assert len(found) == len(accepted)
