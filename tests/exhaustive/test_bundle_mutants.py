"""No damaged bundle passes, none stops the checker, and every refusal names its step: 21 300 seeded mutants.

An archive's checksums refuse most damage before any rule of ours is asked, so most mutants are of the unpacked files, and
archives are damaged where their structure lies.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.report.bundle import PDF_NAME, TOKEN_NAME, read_bundle
from rtbf.report.check.run import STEPS, check_archive, check_bundle
from tests.attacks.record import bundle, tale

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

GOLDEN = Path(__file__).parents[1] / "golden"
SMALL, WHOLE = GOLDEN / "bundle-v4-small", GOLDEN / "bundle-v4-whole"
ARCHIVE, TRUST = (SMALL / "bundle.zip").read_bytes(), (SMALL / "trust.json").read_bytes()
ROOT = json.loads((SMALL / "expected.json").read_text(encoding="utf-8"))["options"]["root"]
FILES = read_bundle(ARCHIVE)

ARCHIVE_MUTANTS, FILE_MUTANTS, TRUST_MUTANTS, ATTACHED_MUTANTS = 2500, 2500, 1000, 150
"""Of each seed: four seeds of archives and of files, one of trust files, two of token and PDF."""


def mutated(original: bytes, dice: random.Random, first: int = 0) -> bytes:
    """Return the bytes damaged once, or a few times, from `first` on: a bit or byte changed, lost, added, moved, or an end cut off."""
    mutant = bytearray(original)
    for _ in range(dice.choice((1, 1, 1, 1, 2, 8))):
        place = dice.randrange(min(first, len(mutant)), len(mutant) + 1)
        here = slice(place, place + 1)
        act = dice.randrange(7)
        if act == 0 and place < len(mutant):
            mutant[place] ^= 1 << dice.randrange(8)
        elif act == 1:
            mutant[here] = bytes((dice.randrange(256),))
        elif act == 2:
            mutant[place:place] = bytes((dice.randrange(256),))
        elif act == 3:
            del mutant[place : place + dice.choice((1, 1, 1, 40))]
        elif act == 4:
            mutant[place : place + 2] = mutant[place : place + 2][::-1]
        elif act == 5:
            mutant[place:place] = mutant[place : place + dice.choice((1, 8, 60))]
        elif act == 6 and dice.random() < 0.2:
            del mutant[place:]
    return bytes(mutant)


def faults(outcome: CheckOutcome) -> list[str]:
    """Return what is wrong with a refusal: nothing, when it refuses at one named step and shows no verdict before that held."""
    if outcome.status == "ok" or outcome.refusal is None:
        return ["accepted"]
    place = STEPS.index(outcome.refusal.step)
    is_told = outcome.steps[place].status != "ok" and {step.status for step in outcome.steps[place + 1 :]} <= {"not decided"}
    return [] if is_told else [f"refused at {outcome.refusal.step}, told otherwise"]


@pytest.mark.parametrize("seed", range(4))
def test_no_mutant_of_an_archive_is_accepted(seed: int) -> None:
    """Three of four are damaged in the directory or in its end, a fortieth of the file, where readers differ."""
    dice = random.Random(f"archive {seed}")
    directory = ARCHIVE.index(b"PK\x01\x02")
    found, tried = [], 0

    while tried < ARCHIVE_MUTANTS:
        mutant = mutated(ARCHIVE, dice, directory if dice.random() < 0.75 else 0)
        if mutant != ARCHIVE:
            tried += 1
            found += faults(check_archive(mutant, TRUST, root=ROOT))

    assert found == []


def _with_a_file_mutated(files: dict[str, bytes], dice: random.Random) -> dict[str, bytes]:
    """Return the bundle with one file damaged; one in twenty lost, swapped for another, or under another's name."""
    mutant = dict(files)
    name, other = dice.sample(sorted(files), 2)
    act = dice.randrange(60)
    if act == 0:
        del mutant[name]
    elif act == 1:
        mutant[name], mutant[other] = mutant[other], mutant[name]
    elif act == 2:
        mutant[mutated(name.encode(), dice).decode("utf-8", "replace")] = mutant.pop(name)
    else:
        mutant[name] = mutated(files[name], dice)
    return mutant


@pytest.mark.parametrize("seed", range(4))
def test_no_bundle_with_a_mutated_file_is_accepted(seed: int) -> None:
    dice = random.Random(f"files {seed}")
    found, tried, refusing = [], 0, set()

    while tried < FILE_MUTANTS:
        mutant = _with_a_file_mutated(FILES, dice)
        if mutant != FILES:
            tried += 1
            outcome = check_bundle(mutant, TRUST, root=ROOT)
            found += faults(outcome)
            refusing.add(outcome.refusal.step if outcome.refusal else None)

    assert found == []
    # The mutants reach past the first parser: these five read what a bundle's files say.
    assert refusing >= {"form", "trust", "signature", "heads", "events"}


def test_no_mutated_trust_file_of_the_auditors_own_is_used() -> None:
    dice = random.Random("trust")
    found, tried = [], 0

    while tried < TRUST_MUTANTS:
        mutant = mutated(TRUST, dice)
        if mutant != TRUST:
            tried += 1
            outcome = check_archive(ARCHIVE, mutant, root=ROOT)
            found += [*faults(outcome), *([] if outcome.status == "cannot decide" else ["decided"])]

    assert found == []


@pytest.mark.parametrize("name", [TOKEN_NAME, PDF_NAME])
def test_no_mutated_token_or_pdf_is_accepted(name: str) -> None:
    files, trust = read_bundle((WHOLE / "bundle.zip").read_bytes()), (WHOLE / "trust.json").read_bytes()
    dice = random.Random(name)
    found, tried = [], 0

    while tried < ATTACHED_MUTANTS:
        mutant = mutated(files[name], dice)
        if mutant != files[name]:
            tried += 1
            found += faults(check_bundle({**files, name: mutant}, trust, root=ROOT))

    assert found == []


FOREIGN: tuple[Any, ...] = (
    None, True, False, 0, -1, (1 << 53) - 1, "", "x", "\0", "sha256:" + "0" * 64, "9999-99-99T00:00:00.000Z", [], ["a"], [[]], {}, {"a": 1},
)  # fmt: skip


def test_no_foreign_value_in_an_event_stops_the_checker() -> None:
    """Whoever has the ledger's key may write any JSON into an event, and sign a tree over it with every proof in order."""
    names = ("attempt", "report", "envelope", "pdf", "token", "supersedes", "more")
    sealed = [bundle(seal={name: value}) for name in names for value in FOREIGN]
    told = [
        bundle(before=[replace(event, data={**event.data, name: value}) if place == at else event for place, event in enumerate(tale())])
        for at in (1, 2, 4, 7, 8, 9, 11)
        for name in sorted({*tale()[at].data, "from", "to"})
        for value in ("x", ["a"], {"a": 1})
    ]

    outcomes = [check_bundle(files, TRUST, root=ROOT) for files in (*sealed, *told)]

    assert {outcome.status for outcome in outcomes} == {"ok", "bad"}
    assert {outcome.refusal.step for outcome in outcomes if outcome.refusal} == {"events", "sealing"}
    # The one good value of a field, and what no rule reads: neither is a lie about the report.
    assert sum(outcome.status == "ok" for outcome in outcomes[: len(sealed)]) == len(("pdf: null", "token: null", "supersedes: null"))
