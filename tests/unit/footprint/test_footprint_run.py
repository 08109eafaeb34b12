"""The stage as a whole: what is searched, what is named as not searched, and that the record is the same each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtbf.corpora.corpus import CorpusEntry
from rtbf.corpora.reading import choose_layout, connector_for, find_source, scan_source
from rtbf.evidence.canonical import canonical_bytes
from rtbf.footprint.record import Footprint, NotSearched
from rtbf.footprint.run import find_footprint
from rtbf.lm.record import Model, TrainedOn
from rtbf.ticket.record import IdentifierMark
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret
from tests import builders

INES = (
    OpenIdentifier(number=1, kind="name", value=Secret("Ines Varga")),
    OpenIdentifier(number=2, kind="phone", value=Secret("202-555-0142")),
)
TICKET = builders.ticket(ticket_id="tkt_1", identifiers=(IdentifierMark(number=1, kind="name", commitment="sha256:x", warnings=()),))


def corpus(path: Path, name: str, *answers: str) -> CorpusEntry:
    path.write_text("".join(json.dumps({"question": "q", "answer": answer}) + "\n" for answer in answers), encoding="utf-8")
    connector = connector_for(path, None)
    source = find_source([path], connector)
    return CorpusEntry(version=scan_source(name, source, connector, choose_layout(source, connector, None, None)), locations=(str(path),))


def model(name: str, *versions: CorpusEntry) -> Model:
    trained = tuple(
        TrainedOn(
            corpus=entry.version.name, version=entry.version.digest, records=entry.version.records, excluded=(), confidence="recorded"
        )
        for entry in versions
    )
    return Model(
        name=name, revision=1, digest=f"sha256:{name}", origin="trained", recipe=(), seed=1, trained_on=trained, base_digest=None,
        removals=(), files=(), environment=(),
    )  # fmt: skip


def find(*corpora: CorpusEntry, **changes: Any) -> Footprint:
    values: dict[str, Any] = {
        "ticket": TICKET, "ticket_digest": "sha256:t", "revision": 1, "identifiers": INES, "corpora": corpora, "models": (),
        "resolve": Path, "phone_region": "US",
    }  # fmt: skip
    return find_footprint(**{**values, **changes})


def test_records_are_found_with_identifier_numbers_and_without_text(tmp_path: Path) -> None:
    people = corpus(tmp_path / "a.jsonl", "people", "Ines Varga: +1 (202) 555-0142", "Otto Lind", "VARGA, INES, of Ines Varga Ltd")

    found = find(people)

    assert [(hit.record_id.partition(":")[2], hit.matched) for hit in found.hits] == [
        ("1", ((1, "name", 1), (2, "phone", 1))),
        ("3", ((1, "name", 2),)),
    ]
    assert (found.searched[0].records, found.searched[0].hits, found.searched[0].unread) == (3, 2, 0)
    assert b"Varga" not in canonical_bytes(found)
    assert b"0142" not in canonical_bytes(found).replace(found.hits[0].record_id.encode(), b"")


def test_a_person_in_no_record_is_found_nowhere_and_coverage_is_stated(tmp_path: Path) -> None:
    people = corpus(tmp_path / "a.jsonl", "people", "Otto Lind")

    found = find(people)

    assert (found.hits, found.models, found.not_searched) == ((), (), ())
    assert found.searched[0].records == 1


def test_unread_places_are_counted_beside_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"question": "q", "answer": "Ines Varga"}\n\xff\n')
    connector = connector_for(path, None)
    source = find_source([path], connector)
    version = scan_source("people", source, connector, choose_layout(source, connector, None, None))

    found = find(CorpusEntry(version=version, locations=(str(path),)))

    assert (found.searched[0].records, found.searched[0].unread, found.searched[0].hits) == (1, 1, 1)


def test_an_older_version_is_searched_only_when_a_model_learned_from_it(tmp_path: Path) -> None:
    old = corpus(tmp_path / "old.jsonl", "people", "Ines Varga")
    current = corpus(tmp_path / "new.jsonl", "people", "Otto Lind")

    without = find(old, current)
    learned = find(old, current, models=((model("chat", old), "live"),))

    assert [searched.version for searched in without.searched] == [current.version.digest]
    assert without.hits == ()
    assert [searched.version for searched in learned.searched] == [old.version.digest, current.version.digest]
    assert [(reached.model, reached.hits) for reached in learned.models] == [("chat", 1)]


def test_a_version_that_is_current_and_learned_from_is_searched_once(tmp_path: Path) -> None:
    people = corpus(tmp_path / "a.jsonl", "people", "Ines Varga")

    found = find(people, models=((model("chat", people), "live"), (model("search", people), "live")))

    assert len(found.searched) == 1
    assert [reached.model for reached in found.models] == ["chat", "search"]


@pytest.mark.parametrize(("damage", "reason"), [("change", "files_changed"), ("remove", "files_unreadable")])
def test_a_corpus_that_is_not_as_it_was_is_named_and_the_others_are_searched(tmp_path: Path, damage: str, reason: str) -> None:
    broken = corpus(tmp_path / "a.jsonl", "broken", "Ines Varga")
    whole = corpus(tmp_path / "b.jsonl", "whole", "Ines Varga")
    if damage == "change":
        (tmp_path / "a.jsonl").write_text("{}\n")
    else:
        (tmp_path / "a.jsonl").unlink()

    found = find(broken, whole, models=((model("chat", broken), "live"),))

    assert [searched.corpus for searched in found.searched] == ["whole"]
    assert found.not_searched == (
        NotSearched(kind="corpus", name="broken", reason=reason),
        NotSearched(kind="model", name="chat@1", reason="training_data_not_searched"),
    )


def test_a_version_a_model_names_and_nobody_registered_is_named(tmp_path: Path) -> None:
    people = corpus(tmp_path / "a.jsonl", "people", "Ines Varga")

    found = find(models=((model("chat", people), "live"),))

    assert found.not_searched[0] == NotSearched(kind="corpus", name=people.version.digest, reason="corpus_version_not_registered")


def test_an_identifier_that_cannot_be_searched_is_named_by_number(tmp_path: Path) -> None:
    people = corpus(tmp_path / "a.jsonl", "people", "Ines Varga")
    unusable = OpenIdentifier(number=3, kind="phone", value=Secret("at home"))

    found = find(people, identifiers=(*INES, unusable))

    assert found.not_searched == (NotSearched(kind="identifier", name="3", reason="nothing_to_compare"),)


def test_equal_inputs_give_an_equal_record(tmp_path: Path) -> None:
    people = corpus(tmp_path / "a.jsonl", "people", "Ines Varga", "Otto", "Ines Varga")
    models = ((model("chat", people), "live"),)

    assert canonical_bytes(find(people, models=models)) == canonical_bytes(find(people, models=models))


def test_the_locator_is_named_with_its_code_and_what_it_misses(tmp_path: Path) -> None:
    found = find(corpus(tmp_path / "a.jsonl", "people", "Otto"))

    (locator,) = (use for use in found.locators if use.name == "identifier")
    assert locator.code_digest.startswith("sha256:")
    assert "nicknames" in locator.misses


def test_a_progress_that_raises_stops_the_search(tmp_path: Path) -> None:
    def cancel(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(corpus(tmp_path / "a.jsonl", "people", "Otto"), progress=cancel)
