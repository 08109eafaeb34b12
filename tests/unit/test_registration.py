"""Registering corpora and models: one event each, and no way to bring replaced weights back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from rtbf.corpora.reading import read_records
from rtbf.errors import BadInput, CorpusUnreadable, ModelFolderRefused, UnknownName
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.pipeline.ledger import sequence_events
from rtbf.registration import AddedCorpus, AddedModel, add_corpus, add_model, require_name
from rtbf.store import registry
from rtbf.store.tables import EventRow

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation


def rows(path: Path, *answers: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"question": "q", "answer": answer}) + "\n" for answer in answers), encoding="utf-8")
    return path


def model_folder(path: Path, fill: int = 0) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "vocab_size": 2}')
    (path / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0, "b": 1}}}')
    header = b'{"model.embed_tokens.weight": {"dtype": "U8", "shape": [2, 1], "data_offsets": [0, 2]}}'
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes([fill, fill]))
    return path


def put(installation: Installation, path: Path, name: str = "people") -> AddedCorpus:
    return add_corpus(installation, name=name, paths=[path], actor="olga")


def register(installation: Installation, path: Path, name: str = "chat", *trained_on: str) -> AddedModel:
    return add_model(installation, path=path, name=name, trained_on=trained_on, actor="olga")


def events(installation: Installation) -> list[tuple[str, dict[str, object]]]:
    sequence_events(installation)
    with installation.transaction() as session:
        leaves = [json.loads(leaf) for leaf in session.scalars(select(EventRow.leaf).order_by(EventRow.idx))]
    return [(leaf["type"], leaf["data"]) for leaf in leaves]


def statuses(installation: Installation) -> list[tuple[int, str]]:
    with installation.transaction() as session:
        return [(known.model.revision, known.status) for known in registry.all_models(session)]


def test_a_corpus_is_registered_with_its_event_and_can_be_read_back(installation: Installation, tmp_path: Path) -> None:
    added = put(installation, rows(tmp_path / "a.jsonl", "one", "two"))

    with installation.transaction() as session:
        entry = registry.current_corpus(session, "people")
    assert (added.is_new, added.is_current, added.is_moved, added.left_out) == (True, True, False, 0)
    assert [record.completion for record in read_records(entry, installation.home.resolved)] == ["one", "two"]
    assert events(installation) == [
        ("corpus.added", {"corpus": "people", "version": entry.version.digest, "records": 2, "unread": 0}),
    ]


def test_an_unchanged_corpus_is_said_to_be_so_and_leaves_no_event(installation: Installation, tmp_path: Path) -> None:
    path = rows(tmp_path / "a.jsonl", "one")
    first = put(installation, path)

    again = put(installation, path)

    assert (again.is_new, again.is_current, again.is_moved) == (False, True, False)
    assert again.entry == first.entry
    assert len(events(installation)) == 1


def test_changed_files_are_a_further_version_and_the_earlier_one_stays(installation: Installation, tmp_path: Path) -> None:
    first = put(installation, rows(tmp_path / "a.jsonl", "one"))
    second = put(installation, rows(tmp_path / "b.jsonl", "two"))

    back = put(installation, tmp_path / "a.jsonl")

    assert second.is_new
    assert (back.is_new, back.is_current) == (False, False)
    with installation.transaction() as session:
        assert [entry.version.digest for entry in registry.all_corpora(session)] == [
            first.entry.version.digest,
            second.entry.version.digest,
        ]
        assert registry.corpus_version(session, first.entry.version.digest) == first.entry


def test_the_same_files_in_another_place_are_found_there_from_then_on(installation: Installation, tmp_path: Path) -> None:
    put(installation, rows(tmp_path / "old" / "a.jsonl", "one"))
    shutil.move(tmp_path / "old", tmp_path / "new")

    moved = put(installation, tmp_path / "new" / "a.jsonl")

    with installation.transaction() as session:
        entry = registry.current_corpus(session, "people")
    assert (moved.is_new, moved.is_moved) == (False, True)
    assert [record.completion for record in read_records(entry, installation.home.resolved)] == ["one"]
    assert [event for event, _ in events(installation)] == ["corpus.added", "corpus.moved"]


def test_files_of_a_folder_that_are_not_read_are_counted(installation: Installation, tmp_path: Path) -> None:
    rows(tmp_path / "source" / "a.jsonl", "one")
    (tmp_path / "source" / "letters.docx").touch()

    assert put(installation, tmp_path / "source").left_out == 1


@pytest.mark.parametrize("trouble", ["missing", "empty", "no fields", "format"])
def test_a_refused_source_registers_nothing(installation: Installation, tmp_path: Path, trouble: str) -> None:
    path = tmp_path / ("a.csv" if trouble == "format" else "a.jsonl")
    if trouble != "missing":
        path.write_text({"empty": "", "no fields": '{"body": "x"}\n', "format": "a,b\n"}[trouble])

    with pytest.raises((CorpusUnreadable, BadInput)):
        put(installation, path)

    assert events(installation) == []
    with installation.transaction() as session:
        assert registry.all_corpora(session) == ()


def test_no_path_is_refused(installation: Installation) -> None:
    with pytest.raises(BadInput):
        add_corpus(installation, name="people", paths=[], actor="olga")


@pytest.mark.parametrize("name", ["", "-x", ".hidden", "a b", "a/b", "../x", "x" * 81, "név", "a\n", "a\x00"])
def test_a_name_that_cannot_name_a_thing_is_refused(installation: Installation, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="corpus name"):
        put(installation, rows(tmp_path / "a.jsonl", "one"), name)
    with pytest.raises(BadInput, match="model name"):
        register(installation, tmp_path, name)


@pytest.mark.parametrize("name", ["a", "Tofu-2.1_b", "x" * 80])
def test_plain_names_are_taken(name: str) -> None:
    require_name("corpus", name)


def test_a_model_is_registered_live_with_what_is_declared_of_its_data(installation: Installation, tmp_path: Path) -> None:
    corpus = put(installation, rows(tmp_path / "a.jsonl", "one", "two"))

    added = register(installation, model_folder(tmp_path / "m"), "chat", "people")

    (trained,) = added.model.trained_on
    assert (trained.version, trained.records, trained.confidence) == (corpus.entry.version.digest, 2, "declared")
    assert (added.model.revision, added.model.origin, added.is_new) == (1, "added", True)
    assert statuses(installation) == [(1, "live")]
    assert events(installation)[1] == (
        "model.added",
        {"model": "chat", "revision": 1, "digest": added.model.digest, "trained_on": [corpus.entry.version.digest]},
    )


def test_an_unchanged_model_is_said_to_be_so(installation: Installation, tmp_path: Path) -> None:
    put(installation, rows(tmp_path / "a.jsonl", "one"))
    path = model_folder(tmp_path / "m")
    first = register(installation, path, "chat", "people")

    again, undeclared = register(installation, path, "chat", "people"), register(installation, path, "chat")

    assert (again.is_new, undeclared.is_new) == (False, False)
    assert again.model == undeclared.model == first.model
    assert statuses(installation) == [(1, "live")]


def test_another_declaration_for_the_same_weights_is_a_further_revision(installation: Installation, tmp_path: Path) -> None:
    put(installation, rows(tmp_path / "a.jsonl", "one"))
    path = model_folder(tmp_path / "m")
    register(installation, path)

    declared = register(installation, path, "chat", "people")

    assert declared.is_new
    assert statuses(installation) == [(1, "superseded"), (2, "live")]


def test_weights_that_a_later_revision_replaced_cannot_be_put_back(installation: Installation, tmp_path: Path) -> None:
    """Adding the original folder again after its unlearning would serve what a ticket removed."""
    path = model_folder(tmp_path / "m")
    original = register(installation, path).model
    unlearned = replace(original, revision=2, digest="sha256:unlearned", origin="unlearned", base_digest=original.digest)
    with installation.transaction() as session:
        registry.save_model(session, unlearned, "models/chat/2", "live", installation.clock())

    with pytest.raises(BadInput, match="bring back what was removed"):
        register(installation, path)

    assert statuses(installation) == [(1, "superseded"), (2, "live")]


def test_one_set_of_weights_has_one_name(installation: Installation, tmp_path: Path) -> None:
    path = model_folder(tmp_path / "m")
    register(installation, path)

    with pytest.raises(BadInput, match="--name chat"):
        register(installation, path, "other")


def test_data_of_a_model_trained_here_is_not_declared_over(installation: Installation, tmp_path: Path) -> None:
    put(installation, rows(tmp_path / "a.jsonl", "one"))
    path = model_folder(tmp_path / "m")
    other = register(installation, model_folder(tmp_path / "n", fill=1), "helper").model
    with installation.transaction() as session:
        digest = digest_of_files(list_files(path))
        registry.save_model(
            session, replace(other, name="chat", digest=digest, origin="trained"), "models/chat/1", "live", installation.clock()
        )

    with pytest.raises(BadInput, match="was recorded"):
        register(installation, path, "chat", "people")


def test_an_unknown_corpus_is_refused_with_the_nearest_and_nothing_is_registered(installation: Installation, tmp_path: Path) -> None:
    put(installation, rows(tmp_path / "a.jsonl", "one"))

    with pytest.raises(UnknownName, match="nearest: people"):
        register(installation, model_folder(tmp_path / "m"), "chat", "poeple")

    assert statuses(installation) == []


def test_a_refused_folder_registers_nothing(installation: Installation, tmp_path: Path) -> None:
    path = model_folder(tmp_path / "m")
    (path / "pytorch_model.bin").touch()

    with pytest.raises(ModelFolderRefused):
        register(installation, path)

    assert (statuses(installation), events(installation)) == ([], [])


def test_a_model_inside_the_home_is_stored_so_that_the_home_can_move(installation: Installation) -> None:
    register(installation, model_folder(installation.home.models / "chat"))

    with installation.transaction() as session:
        assert registry.live_model(session, "chat").location == "models/chat"
