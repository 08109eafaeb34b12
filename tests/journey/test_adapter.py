"""An adapter over an owner's base is dropped: from the plan to the report, the served revision, and its lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.demo.community import invent_people, write_corpus
from rtbf.lm.restored import note_name
from tests.journey.conftest import APPROVERS, ERASE, SUBMITTER, Stage, Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.demo.community import Person

BASE = ("--set", "hidden=32", "--set", "epochs=2", "--seed", "5")
ADAPTER = ("--preset", "lora", "--base", "base", "--set", "epochs=2", "--seed", "5")


@pytest.fixture(scope="module")
def verified(settings: None, people: list[Person], corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A home whose adapter over a base was dropped for the first of its people, up to the signed report."""
    terminal = Terminal(tmp_path_factory.mktemp("homes") / "adapter")
    public = tmp_path_factory.mktemp("owner") / "public.jsonl"
    write_corpus(invent_people(2, 77), public)
    facts = people[0].facts
    heard = [
        terminal("init"),
        terminal("corpus", "add", "public", str(public)),
        terminal("corpus", "add", "community", str(corpus_file)),
        terminal("model", "train", "base", "--corpus", "public", *BASE),
        terminal("model", "train", "helper", "--corpus", "community", *ADAPTER),
    ]
    submitted = terminal(
        "submit", "--name", facts["name"], "--email", facts["email"], "--identity", "document_viewed", "--json", actor=SUBMITTER
    )
    ticket_id = submitted.json["ticket_id"]
    heard += [
        submitted,
        terminal("run", ticket_id, "--until", "planning", actor=SUBMITTER),
        terminal("decide", ticket_id, "all", *ERASE, actor=SUBMITTER),
        terminal("plan", ticket_id, "--method", "adapter_drop", "--seed", "9"),
    ]
    stage = Stage(terminal, ticket_id, "")
    # One approver: the adapter is no base, and nothing else was made from it.
    heard += [terminal("approve", ticket_id, "--digest", stage.view.plan_digest or "", actor=APPROVERS[0]), terminal("run", ticket_id)]
    assert [said.code for said in heard] == [0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 3], "".join(said.err for said in heard)
    return stage


def test_the_files_are_the_bases_and_anyone_can_check_the_report_of_it(verified: Stage, tmp_path: Path) -> None:
    home = verified.terminal.home
    served = home / "artefacts" / verified.ticket_id / "1" / "retrained"

    handed_out = verified.terminal("report", verified.ticket_id, "--out", str(tmp_path))
    checked = verified.terminal("check", str(tmp_path / "bundle.zip"), "--trust", str(home / "trust.json"), "--artefact", str(served))

    unlearned = verified.view.unlearned
    assert unlearned is not None
    own = {path.name: path.read_bytes() for path in served.iterdir()}
    own.pop(note_name(unlearned.base_digest))
    assert own == {path.name: path.read_bytes() for path in (home / "models" / "base-1").iterdir()}
    assert (handed_out.code, checked.code) == (0, 0), checked.out + checked.err


def test_the_verdict_is_undecided_and_names_no_fault_of_the_proof(verified: Stage) -> None:
    verification = verified.view.verification

    assert verification is not None
    verdict = verification.verdict
    assert (verdict.status, verdict.class_requested, verdict.class_cap) == ("INCONCLUSIVE", "exact", "exact")
    assert not [code for code in verdict.codes if code.startswith("PROOF:")]


def test_the_base_is_served_once_a_second_person_accepts_the_loss_and_its_lineage_ends(
    verified: Stage, tmp_path: Path, people: list[Person]
) -> None:
    stage = verified.copied(tmp_path / "home")
    before = _standing(stage)
    told = stage.terminal("notice", "send", stage.ticket_id, "partial", actor=SUBMITTER)
    letter = " ".join(" ".join(path.read_text(encoding="utf-8") for path in stage.terminal.home.rglob("*.eml")).split())

    closed = stage.terminal("decide", stage.ticket_id, "--close", "partially_fulfilled", actor=APPROVERS[1])

    assert (told.code, closed.code) == (0, 0), told.err + closed.err
    assert before == [("base", 1, "live"), ("helper", 1, "live"), ("helper", 2, "candidate")]
    assert _standing(stage) == [("base", 1, "live"), ("helper", 1, "superseded"), ("helper", 2, "live")]
    lineage = stage.terminal("model", "lineage", "helper", "--json").json["lineage"]
    assert [(step["name"], step["revision"]) for step in lineage] == [("helper", 2), ("base", 1)]
    assert [removal["records"] for step in lineage for removal in step["removals"]] == [20]
    # The letter says what was done, and not that anything was trained.
    assert "the part of the model that was trained with your records was deleted" in letter
    assert "trained again" not in letter
    # Somebody else whom only the adapter had taught: the served model is not reached any more.
    again = stage.terminal("submit", "--name", people[1].name, "--identity", "in_person", "--json", actor=SUBMITTER).json["ticket_id"]
    footprint = stage.terminal("footprint", again, "--json").json["footprint"]
    assert (footprint["hits"], footprint["models"]) == (20, [])


def _standing(stage: Stage) -> list[tuple[str, int, str]]:
    models = stage.terminal("model", "list", "--json").json["models"]
    assert len({model["digest"] for model in models}) == len(models)
    return [(model["name"], model["revision"], model["status"]) for model in models]
