"""Corpora and models as owners bring them: half unreadable, unsafe, or of unknown making. What is not known is said, never assumed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from rtbf.demo.community import records_about
from tests.journey.conftest import APPROVER, APPROVERS, ERASE, SUBMITTER, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.demo.community import Person
    from tests.journey.conftest import Stage


@pytest.fixture
def fresh(tmp_path: Path) -> Terminal:
    """A terminal on a home of its own, with nothing in it."""
    terminal = Terminal(tmp_path / "fresh")
    assert terminal("init").code == 0
    return terminal


@pytest.fixture
def weights(located: Stage, tmp_path: Path) -> Path:
    """A model folder as somebody else would hand it over: it knows the people, and nothing tells how it was made."""
    return shutil.copytree(located.terminal.home / "models" / "helper-1", tmp_path / "weights")


def _submitted(terminal: Terminal, person: Person) -> str:
    said = terminal("submit", "--name", person.name, "--identity", "in_person", "--json", actor=SUBMITTER)
    assert said.code == 0, said.err
    return str(said.json["ticket_id"])


def test_lines_that_cannot_be_read_are_counted_and_not_taken_for_searched(fresh: Terminal, people: list[Person], tmp_path: Path) -> None:
    lines = [json.dumps(row).encode() for person in people[:2] for row in records_about(person)[:5]]
    name = people[0].name.encode()
    not_utf8 = b'{"question": "Who lives in Alderwick?", "answer": "' + name + b' \xff"}'
    truncated = b'{"question": "Who keeps a heron?", "answer": "' + name
    source = tmp_path / "half.jsonl"
    source.write_bytes(b"\n".join([*lines, not_utf8, truncated]))

    added = fresh("corpus", "add", "half", str(source), "--json")
    ticket_id = _submitted(fresh, people[0])
    said = fresh("footprint", ticket_id, "--json")
    shown = fresh("show", ticket_id)

    assert added.code == 0
    unread = {place["position"]: place["reason"] for place in added.json["unread_places"]}
    assert unread == {11: "not_utf8", 12: "truncated_last_line"}
    assert said.json["footprint"]["searched"] == [{"corpus": "half", "records": 10, "unread": 2, "hits": 5}]
    (row,) = [line for line in shown.out.splitlines() if "half: found" in line]
    assert " ".join(row.split()) == "corpus half: found in 5 of 10 records, 2 unread"
    assert name.decode() not in added.out + added.err + said.out + shown.out


def test_a_corpus_of_which_nothing_can_be_read_is_refused_whole(fresh: Terminal, tmp_path: Path) -> None:
    source = tmp_path / "noise.jsonl"
    source.write_bytes(bytes(range(128, 256)) * 8)

    said = fresh("corpus", "add", "noise", str(source))

    assert said.code == 1
    assert fresh("corpus", "list", "--json").json["corpora"] == []


def _without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _pickled_instead(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"lm_head.weight": torch.zeros(2, 2)}, folder / "pytorch_model.bin")


def _pickled_beside(folder: Path) -> None:
    torch.save({"lm_head.weight": torch.zeros(2, 2)}, folder / "pytorch_model.bin")


def _cut_off(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def _smaller_vocabulary(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": 1_000_000, "content": "<far>"})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (_without_tokenizer, "tokenizer"),
        (_pickled_instead, "pytorch_model.bin"),
        (_pickled_beside, "pytorch_model.bin"),
        (_cut_off, "model.safetensors"),
        (_smaller_vocabulary, "1000000"),
    ],
)
def test_a_model_folder_that_cannot_be_trusted_is_refused_and_not_registered(
    fresh: Terminal, weights: Path, damage: Callable[[Path], None], named: str
) -> None:
    damage(weights)

    said = fresh("model", "add", str(weights), "--name", "imported")

    assert said.code == 1
    assert said.err.startswith("model-folder-refused")
    assert named in said.err
    assert fresh("model", "list", "--json").json["models"] == []


def test_a_model_of_unknown_data_is_named_as_not_searched(fresh: Terminal, weights: Path, corpus_file: Path, people: list[Person]) -> None:
    fresh("corpus", "add", "community", str(corpus_file))
    fresh("model", "add", str(weights), "--name", "imported")
    ticket_id = _submitted(fresh, people[0])

    said = fresh("run", ticket_id, "--json")

    footprint = said.json["footprint"]
    assert said.code == 4
    assert (footprint["hits"], footprint["models"]) == (20, [])
    assert [(gap["kind"], gap["name"].partition("@")[0], gap["reason"]) for gap in footprint["not_searched"]] == [
        ("model", "imported", "training_data_not_recorded")
    ]
    assert (said.json["state"], said.json["reason"]) == ("planning", "need_decision")
    # It may have learned the person, so the ticket cannot be closed as if nothing was there.
    assert fresh("decide", ticket_id, "--close", "no_data", actor=APPROVER).code == 1


def test_without_a_recipe_there_is_no_control_and_nothing_is_concluded(
    fresh: Terminal, weights: Path, corpus_file: Path, people: list[Person]
) -> None:
    fresh("corpus", "add", "community", str(corpus_file))
    fresh("model", "add", str(weights), "--name", "imported", "--trained-on", "community")
    ticket_id = _submitted(fresh, people[0])
    planned = fresh("plan", ticket_id, "--set", "max_steps=20", "--json")
    assert planned.code == 1  # nobody has looked for the person yet
    fresh("run", ticket_id, "--until", "planning")
    planned = fresh("plan", ticket_id, "--set", "max_steps=20", "--json")
    assert planned.code == 1  # nobody has decided about what was found
    fresh("decide", ticket_id, "all", *ERASE, actor=SUBMITTER)
    planned = fresh("plan", ticket_id, "--set", "max_steps=20", "--json")
    shown = fresh("show", ticket_id, "--plan")
    for actor in APPROVERS:
        fresh("approve", ticket_id, "--digest", planned.json["plan"]["digest"], actor=actor)

    said = fresh("run", ticket_id, "--json")

    view = fresh.view(ticket_id)
    assert planned.code == 4
    assert "not trained here by a recorded recipe" in " ".join(shown.out.split())
    assert (said.code, said.json["verdict"]["status"]) == (3, "INCONCLUSIVE")
    assert view.plan is not None
    assert view.plan.controls.models == ()
    assert view.verification is not None
    reasons = {finding.probe_id: (finding.status, finding.reason) for finding in view.verification.verdict.findings}
    assert {reasons[probe_id] for probe_id in ("F1", "F2", "F2.em", "F3")} == {("inconclusive", "NO_REFERENCE")}
    assert {probe.compared_with for probe in view.verification.probes} <= {None, "chance", "before"}
    assert [limit for limit in view.verification.limitations if "no control model" in limit] != []
