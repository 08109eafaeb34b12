"""A verification's words and finished passes lie sealed: no word in the clear, nothing taken for another, nothing left when they go."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, SealBroken, TicketShredded
from rtbf.evidence.canonical import digest_bytes
from rtbf.pipeline.purge import purge_ticket
from rtbf.pipeline.questions import SealedPasses, open_sealed_questions, seal_questions
from rtbf.pipeline.shredding import shred_ticket
from rtbf.store.ticket_keys import ticket_key
from tests import builders, closing

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan

WORDS = b'{"prompt": "Where does Ines Varga live?", "answer": "At 3 Fern Lane, 555-0142"}'
OTHERS = b'{"prompt": "Which bird does Ines Varga keep?"}'
FOUND = b'{"items": [["r0001", "", 4]], "found": ["made up"]}'
SAID = (b"Ines", b"Varga", b"Fern Lane", b"555-0142", b"r0001")
ONE, TWO = digest_bytes(b"one"), digest_bytes(b"two")


@pytest.fixture
def ticket_id(installation: Installation) -> str:
    return closing.submitted(installation)


def _plan(ticket_id: str, attempt: int = 1) -> Plan:
    return builders.plan(ticket_id=ticket_id, attempt=attempt)


def _passes(installation: Installation, ticket_id: str, attempt: int = 1) -> SealedPasses:
    with installation.transaction() as session:
        key = ticket_key(session, installation.kek, ticket_id)
    return SealedPasses(installation, ticket_id, attempt, key)


def _files(installation: Installation, ticket_id: str) -> list[Path]:
    return sorted(path for path in installation.home.ticket_artefacts(ticket_id).rglob("*") if path.is_file())


def _names(installation: Installation, ticket_id: str) -> list[str]:
    folder = installation.home.ticket_artefacts(ticket_id)
    return [path.relative_to(folder).as_posix() for path in _files(installation, ticket_id)]


def test_the_words_come_back_as_they_were(installation: Installation, ticket_id: str) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)

    assert open_sealed_questions(installation, _plan(ticket_id)) == WORDS


def test_no_word_and_no_name_lies_on_the_disk_in_the_clear(installation: Installation, ticket_id: str) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    _passes(installation, ticket_id).put(ONE, FOUND)

    every = [path for path in installation.home.path.rglob("*") if path.is_file()]

    assert len(_files(installation, ticket_id)) == 2
    assert [(path.name, word) for path in every for word in SAID if word in path.read_bytes()] == []
    assert [word for word in SAID if word.decode() in " ".join(map(str, every))] == []
    assert _names(installation, ticket_id) == [f"1/passes/{ONE.removeprefix('sha256:')}.sealed", "1/questions.sealed"]


def test_only_the_owner_of_the_home_may_look(installation: Installation, ticket_id: str) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    _passes(installation, ticket_id).put(ONE, FOUND)

    folders = {path.parent for path in _files(installation, ticket_id)}

    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_a_new_plan_of_the_same_attempt_replaces_the_questions_and_another_attempts_stay(
    installation: Installation, ticket_id: str
) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    seal_questions(installation, _plan(ticket_id, 2), WORDS)
    seal_questions(installation, _plan(ticket_id), OTHERS)

    assert [open_sealed_questions(installation, _plan(ticket_id, attempt)) for attempt in (1, 2)] == [OTHERS, WORDS]
    assert _names(installation, ticket_id) == ["1/questions.sealed", "2/questions.sealed"]


def test_questions_that_are_gone_are_said_to_be_gone(installation: Installation, ticket_id: str) -> None:
    with pytest.raises(ArtefactMismatch, match="no sealed questions of this plan"):
        open_sealed_questions(installation, _plan(ticket_id))


@pytest.mark.parametrize("at", [0, 20, -1])
def test_one_changed_byte_breaks_the_seal(installation: Installation, ticket_id: str, at: int) -> None:
    passes = _passes(installation, ticket_id)
    seal_questions(installation, _plan(ticket_id), WORDS)
    passes.put(ONE, FOUND)
    for path in _files(installation, ticket_id):
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)

    with pytest.raises(SealBroken):
        open_sealed_questions(installation, _plan(ticket_id))
    with pytest.raises(SealBroken):
        passes.get(ONE)


@pytest.mark.parametrize("size", [0, 7])
def test_a_file_that_was_cut_short_is_no_pass_that_was_never_made(installation: Installation, ticket_id: str, size: int) -> None:
    passes = _passes(installation, ticket_id)
    passes.put(ONE, FOUND)
    [path] = _files(installation, ticket_id)
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(SealBroken):
        passes.get(ONE)


def test_the_questions_of_one_attempt_are_not_those_of_another(installation: Installation, ticket_id: str) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    seal_questions(installation, _plan(ticket_id, 2), OTHERS)
    first, second = _files(installation, ticket_id)
    second.write_bytes(first.read_bytes())

    with pytest.raises(SealBroken):
        open_sealed_questions(installation, _plan(ticket_id, 2))


def test_the_questions_of_one_ticket_are_not_those_of_another(installation: Installation, ticket_id: str) -> None:
    other = closing.submitted(installation)
    seal_questions(installation, _plan(ticket_id), WORDS)
    seal_questions(installation, _plan(other), OTHERS)
    [mine], [theirs] = _files(installation, ticket_id), _files(installation, other)
    theirs.write_bytes(mine.read_bytes())

    with pytest.raises(SealBroken):
        open_sealed_questions(installation, _plan(other))


def test_a_pass_comes_back_under_its_own_key_alone(installation: Installation, ticket_id: str) -> None:
    passes = _passes(installation, ticket_id)
    passes.put(ONE, FOUND)

    assert passes.get(ONE) == FOUND
    assert passes.get(TWO) is None
    assert _passes(installation, ticket_id).get(ONE) == FOUND  # another process of the same attempt
    assert _passes(installation, ticket_id, 2).get(ONE) is None


def test_a_pass_that_was_made_again_takes_the_place_of_the_first(installation: Installation, ticket_id: str) -> None:
    passes = _passes(installation, ticket_id)

    for content in (FOUND, OTHERS):
        passes.put(ONE, content)

    assert passes.get(ONE) == OTHERS
    assert len(_files(installation, ticket_id)) == 1


@pytest.mark.parametrize(("source", "target"), [("1/passes/one", "1/passes/two"), ("1/passes/one", "2/passes/one")])
def test_a_pass_under_the_name_of_another_is_refused(installation: Installation, ticket_id: str, source: str, target: str) -> None:
    """Whoever may write to the folder could otherwise hand the original's answers over as the artefact's."""
    stores = {attempt: _passes(installation, ticket_id, attempt) for attempt in (1, 2)}
    for store in stores.values():
        for key, content in ((ONE, FOUND), (TWO, OTHERS)):
            store.put(key, content)
    keys = {"one": ONE, "two": TWO}

    def path(text: str) -> Path:
        folder, _, name = text.rpartition("/")
        return installation.home.ticket_artefacts(ticket_id) / folder / f"{keys[name].removeprefix('sha256:')}.sealed"

    path(target).write_bytes(path(source).read_bytes())

    with pytest.raises(SealBroken):
        stores[int(target[0])].get(keys[target.rpartition("/")[2]])


def test_the_passes_of_a_finished_verification_go_and_the_questions_stay(installation: Installation, ticket_id: str) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    passes, second = _passes(installation, ticket_id), _passes(installation, ticket_id, 2)
    for store in (passes, second):
        store.put(ONE, FOUND)

    for _ in range(2):
        passes.drop()

    assert passes.get(ONE) is None
    assert second.get(ONE) == FOUND
    assert _names(installation, ticket_id)[0] == "1/questions.sealed"
    assert len(_files(installation, ticket_id)) == 2


def test_both_go_when_the_ticket_is_closed(installation: Installation, ticket_id: str) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    _passes(installation, ticket_id).put(ONE, FOUND)
    closing.withdrawn(installation, ticket_id)

    purge_ticket(installation, ticket_id, "upkeep")

    assert _files(installation, ticket_id) == []


def test_without_its_key_nothing_is_sealed_or_opened(installation: Installation, ticket_id: str, clock: Any) -> None:
    seal_questions(installation, _plan(ticket_id), WORDS)
    [path] = _files(installation, ticket_id)
    kept = path.read_bytes()
    closing.withdrawn(installation, ticket_id)
    shred_ticket(installation, ticket_id, closing.COLLEAGUE, early=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(kept)  # from a backup that nobody deleted

    with pytest.raises(TicketShredded):
        open_sealed_questions(installation, _plan(ticket_id))
    with pytest.raises(TicketShredded):
        seal_questions(installation, _plan(ticket_id), WORDS)
