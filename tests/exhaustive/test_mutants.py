"""No damaged report passes and none stops the checker: seeded mutants of a good envelope and of its payload."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

from rtbf.report.check.run import check_report
from rtbf.report.statement import build_statement
from tests import builders

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


def test_no_signed_statement_with_a_foreign_value_stops_the_checker() -> None:
    """A signer with the right key may sign any JSON; the checker still ends in a refusal, never in a stray exception."""
    good_trust = builders.trust(NEW_YEAR)
    dice = random.Random(7)
    places = [place for place in _places(build_statement(builders.case())) if place]
    foreign = (None, True, 7, -1, "", "x", "NaN", "1e999", "9" * 50, [], {}, [[]], {"a": []}, "sha256:", "\u0000", "../x")
    statuses = set()

    for _ in range(SIGNED_MUTANTS):
        statement = json.loads(json.dumps(build_statement(builders.case())))
        *way, last = dice.choice(places)
        target = statement
        for key in way:
            target = target[key]
        target[last] = dice.choice(foreign)
        statuses.add(check_report(builders.signed(statement), good_trust).status)

    assert statuses <= {"ok", "bad", "cannot decide"}
    assert "bad" in statuses
