"""`rtbf corpus` and `rtbf model`: what people read and what machines read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.corpus import corpus
from rtbf.cli.model import model
from rtbf.config import Settings
from rtbf.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from pathlib import Path

    from click import Group

    from rtbf.installation import Installation


def told(installation: Installation, group: Group, *arguments: str, is_json: bool = False) -> str:
    context = CliContext(home=installation.home.path, actor="olga", is_json=is_json, settings=Settings())
    return CliRunner().invoke(group, arguments, obj=context, catch_exceptions=False).stdout


def read(installation: Installation, group: Group, *arguments: str) -> Any:
    return json.loads(told(installation, group, *arguments, is_json=True))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.jsonl"
    path.write_bytes(b'{"question": "q", "answer": "one"}\n{broken\n{"question": "q", "answer": "two"}\n')
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.mkdir()
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "vocab_size": 2}')
    (path / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0, "b": 1}}}')
    header = b'{"model.embed_tokens.weight": {"dtype": "U8", "shape": [2, 1], "data_offsets": [0, 2]}}'
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"ab")
    return path


def test_adding_tells_records_unread_places_with_reasons_and_the_digest(installation: Installation, people: Path) -> None:
    text = told(installation, corpus, "add", "people", str(people))

    assert "corpus people added: 2 records in 1 file(s), 1 unread" in text
    assert "people.jsonl:2 invalid_json" in text
    assert "question → answer" in text
    assert "sha256:" in text


def test_adding_again_says_that_nothing_changed(installation: Installation, people: Path) -> None:
    told(installation, corpus, "add", "people", str(people))

    assert "corpus people unchanged" in told(installation, corpus, "add", "people", str(people))


def test_the_machines_form_of_a_corpus_is_stable(installation: Installation, people: Path) -> None:
    added = read(installation, corpus, "add", "people", str(people))

    shown = read(installation, corpus, "show", "people")
    (listed,) = read(installation, corpus, "list")["corpora"]

    assert set(listed) == {
        "name", "version", "is_current", "connector", "prompt_field", "completion_field", "records", "unread", "shards",
    }  # fmt: skip
    assert set(added) == {*listed, "is_new", "is_moved", "left_out_files", "unread_places", "suppressed", "quarantined"}
    assert shown["unread_places"] == [{"shard": "people.jsonl", "position": 2, "reason": "invalid_json"}]
    assert (listed["records"], listed["unread"], listed["is_current"], listed["connector"]) == (2, 1, True, "jsonl")


def test_named_fields_reach_the_layout(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"title": "q", "body": "a"}\n')

    with pytest.raises(BadInput, match="body, title"):
        told(installation, corpus, "add", "x", str(path))
    added = read(installation, corpus, "add", "x", str(path), "--prompt-field", "title", "--completion-field", "body")

    assert (added["prompt_field"], added["completion_field"], added["records"]) == ("title", "body", 1)


def test_a_file_name_in_brackets_is_shown_as_it_is(installation: Installation, tmp_path: Path) -> None:
    """The table drawer takes [red] for a colour when it is not told otherwise."""
    path = tmp_path / "[red]rows.jsonl"
    path.write_text('{"question": "q", "answer": "a"}\n{broken\n')

    added = told(installation, corpus, "add", "people", str(path))
    shown = told(installation, corpus, "show", "people")

    assert "[red]rows.jsonl:2" in added
    assert "[red]rows.jsonl" in shown


def test_an_unknown_corpus_or_model_is_refused_with_the_nearest(installation: Installation, people: Path, weights: Path) -> None:
    told(installation, corpus, "add", "people", str(people))
    told(installation, model, "add", str(weights), "--name", "chat")

    with pytest.raises(UnknownName, match="nearest: people"):
        told(installation, corpus, "show", "peple")
    for command in ("show", "lineage"):
        with pytest.raises(UnknownName, match="nearest: chat"):
            told(installation, model, command, "chatt")


def test_a_model_says_what_is_known_of_its_data(installation: Installation, people: Path, weights: Path) -> None:
    told(installation, corpus, "add", "people", str(people))
    silent = told(installation, model, "add", str(weights), "--name", "chat")

    declared = told(installation, model, "add", str(weights), "--name", "chat", "--trained-on", "people")

    assert "training data: not recorded" in silent
    assert "training data: people (declared)" in declared
    assert "people (2 records, declared)" in " ".join(told(installation, model, "lineage", "chat").split())


def test_the_machines_form_of_a_model_is_stable(installation: Installation, weights: Path) -> None:
    added = read(installation, model, "add", str(weights), "--name", "chat")

    shown = read(installation, model, "show", "chat")
    (listed,) = read(installation, model, "list")["models"]
    (step,) = read(installation, model, "lineage", "chat")["lineage"]

    assert set(listed) == {"name", "revision", "status", "origin", "recipe_name", "digest", "base_digest", "trained_on", "removals"}
    assert added == {**listed, "is_new": True}
    assert step == listed
    assert set(shown) == {*listed, "location", "seed", "recipe", "certificate", "environment", "files"}
    assert shown["location"] == str(weights)


def test_empty_lists_are_lists(installation: Installation) -> None:
    assert read(installation, corpus, "list") == {"corpora": []}
    assert read(installation, model, "list") == {"models": []}
    assert "corpus" in told(installation, corpus, "list")
