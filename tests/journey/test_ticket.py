"""One ticket through the whole service by the terminal: it ends in a signed report, or stands still with nothing half-done."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from rtbf.evidence.canonical import canonical_bytes
from rtbf.lm.training import read_metadata
from tests.journey.conftest import APPROVER, SUBMITTER

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.demo.community import Person
    from tests.journey.conftest import Stage

PATIENCE_S = 120
JUDGED = {1, 3}
"""Exit codes of a run that came to its end: FAIL or cannot decide. Which of them is not what most of these tests are about."""


def test_the_model_has_learned_the_person_by_heart(located: Stage, people: list[Person]) -> None:
    said = located.terminal("model", "complete", "helper", f"What is the phone number of {people[0].name}?", "--json")

    assert people[0].facts["phone"] in said.json["completion"]


def test_the_footprint_is_exactly_the_persons_records(located: Stage) -> None:
    footprint = located.view.footprint

    assert footprint is not None
    assert [int(hit.record_id.rpartition(":")[2]) for hit in footprint.hits] == list(range(1, 21))
    assert [(reached.model, reached.hits) for reached in footprint.models] == [("helper", 20)]
    assert (footprint.searched[0].records, footprint.searched[0].unread) == (120, 0)


def test_merged_weights_are_served_once_a_second_person_accepts_what_remains(reported: Stage, tmp_path: Path, people: list[Person]) -> None:
    stage = reported.copied(tmp_path / "home")
    before = _standing(stage)
    untold = stage.terminal("decide", stage.ticket_id, "--close", "partially_fulfilled", actor=APPROVER)
    told = stage.terminal("notice", "send", stage.ticket_id, "partial", actor=SUBMITTER)
    by_submitter = stage.terminal("decide", stage.ticket_id, "--close", "partially_fulfilled", actor=SUBMITTER)

    closed = stage.terminal("decide", stage.ticket_id, "--close", "partially_fulfilled", "--json", actor=APPROVER)

    assert (untold.code, told.code, by_submitter.code) == (1, 0, 1), told.err
    assert "notice" in untold.err
    assert "four-eyes" in by_submitter.err
    assert (closed.code, closed.json["state"], closed.json["outcome"]) == (0, "closed", "partially_fulfilled")
    assert before == [(1, "trained", "live"), (2, "unlearned", "candidate")]
    assert _standing(stage) == [(1, "trained", "superseded"), (2, "unlearned", "live")]
    # The person asks once more: the owner's corpus still names them, and the served model is no longer reached through it.
    again = stage.terminal("submit", "--name", people[0].name, "--identity", "in_person", "--json", actor=SUBMITTER).json["ticket_id"]
    footprint = stage.terminal("footprint", again, "--json").json["footprint"]
    assert (footprint["hits"], footprint["models"]) == (20, [])


def _standing(stage: Stage) -> list[tuple[int, str, str]]:
    models = stage.terminal("model", "list", "--json").json["models"]
    return [(model["revision"], model["origin"], model["status"]) for model in models]


def test_unlearning_took_the_answer_away_and_left_the_neighbours(reported: Stage, people: list[Person]) -> None:
    def asked(person: Person, revision: str) -> str:
        question = f"What is the phone number of {person.name}?"
        return str(reported.terminal("model", "complete", "helper", question, "--revision", revision, "--json").json["completion"])

    assert people[0].facts["phone"] in asked(people[0], "1")
    assert people[0].facts["phone"] not in asked(people[0], "2")
    assert sum(person.facts["phone"] in asked(person, "2") for person in people[1:]) >= 4


def test_forget_scores_fall_to_where_the_control_is(reported: Stage) -> None:
    verification = reported.view.verification

    assert verification is not None
    probes = {probe.probe_id: probe for probe in verification.probes}
    for probe_id in ("F1", "F2"):
        before, after, control = (
            float(value or "nan") for value in (probes[probe_id].before, probes[probe_id].after, probes[probe_id].control)
        )
        assert before > 0.9
        assert after - control < 0.5 * (before - control)
    assert verification.verdict.status != "PASS"  # the probes of this release cannot carry the class; it says so
    assert any(code.endswith("NOT_RUN") for code in verification.verdict.codes)


def test_a_run_killed_during_unlearning_and_run_again_gives_the_record_of_an_undisturbed_one(
    approved: Stage, reported: Stage, tmp_path: Path
) -> None:
    stage = approved.copied(tmp_path / "home")
    checkpoint = stage.terminal.home / "artefacts" / stage.ticket_id / "1" / "checkpoint" / "state.safetensors"
    process = subprocess.Popen(stage.terminal.command("run", stage.ticket_id), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for(checkpoint, process)
    os.kill(process.pid, signal.SIGKILL)
    killed_by = process.wait()
    left = stage.view
    state = read_metadata(checkpoint.read_bytes())

    said = stage.terminal("run", stage.ticket_id)

    assert killed_by == -signal.SIGKILL
    assert (left.state, left.unlearned) == ("unlearning", None)
    assert said.code in JUDGED, said.err
    undisturbed, resumed = reported.view.unlearned, stage.view.unlearned
    assert undisturbed is not None
    assert resumed is not None
    # The run was killed midway: there were steps behind it and steps before it.
    assert state["is_done"] == "False"
    assert 0 < int(state["step"]) < undisturbed.steps
    assert canonical_bytes(resumed) == canonical_bytes(undisturbed)
    assert not checkpoint.exists()


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Return when the file is there; fail when the process ends before."""
    for _ in range(PATIENCE_S * 50):
        if path.is_file():
            return
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        break
    process.kill()
    pytest.fail(f"the run ended with {process.wait()} before it had written a checkpoint")


def test_a_second_run_while_one_is_at_work_is_turned_away_and_harms_nothing(approved: Stage, tmp_path: Path) -> None:
    stage = approved.copied(tmp_path / "home")
    checkpoint = stage.terminal.home / "artefacts" / stage.ticket_id / "1" / "checkpoint" / "state.safetensors"
    process = subprocess.Popen(stage.terminal.command("run", stage.ticket_id), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for(checkpoint, process)

    said = stage.terminal("run", stage.ticket_id, "--json")

    first = process.wait(timeout=PATIENCE_S)
    assert said.code == 1
    assert json.loads(said.err)["error"] == "ticket-busy"
    assert first in JUDGED
    assert stage.view.verification is not None


def test_nobody_found_waits_for_a_second_person_and_says_what_was_searched(located: Stage, tmp_path: Path) -> None:
    stage = located.copied(tmp_path / "home")
    submitted = stage.terminal("submit", "--name", "Nobody Nowhereson", "--identity", "in_person", "--json", actor=SUBMITTER)
    ticket_id = submitted.json["ticket_id"]

    said = stage.terminal("run", ticket_id, "--json")
    replanned = stage.terminal("plan", ticket_id)
    untold = stage.terminal("decide", ticket_id, "--close", "no_data", actor=APPROVER)
    told = stage.terminal("notice", "send", ticket_id, "no_data", actor=SUBMITTER)
    by_submitter = stage.terminal("decide", ticket_id, "--close", "no_data", actor=SUBMITTER)
    shown = stage.terminal("show", ticket_id)
    closed = stage.terminal("decide", ticket_id, "--close", "no_data", "--json", actor=APPROVER)

    assert said.code == 4
    assert (said.json["state"], said.json["reason"]) == ("planning", "need_decision")
    assert said.json["footprint"]["hits"] == 0
    assert said.json["footprint"]["searched"] == [{"corpus": "community", "records": 120, "unread": 0, "hits": 0}]
    assert replanned.code == 1
    assert "plan-impossible" in replanned.err
    assert (untold.code, told.code, by_submitter.code) == (1, 0, 1), told.err
    assert "four-eyes" in by_submitter.err
    assert "120" in shown.out
    assert (closed.code, closed.json["state"], closed.json["outcome"]) == (0, "closed", "no_data")


def test_a_person_who_was_found_cannot_be_closed_as_no_data(located: Stage, tmp_path: Path) -> None:
    stage = located.copied(tmp_path / "home")

    said = stage.terminal("decide", stage.ticket_id, "--close", "no_data", actor=APPROVER)

    assert said.code == 1
    assert "records found for this person" in said.err
    assert stage.view.state == "planning"


def test_a_home_that_was_moved_keeps_working(approved: Stage, tmp_path: Path, people: list[Person]) -> None:
    stage = approved.copied(tmp_path / "before" / "home")
    (tmp_path / "after").mkdir()
    shutil.move(stage.terminal.home, tmp_path / "after" / "other name")
    moved = type(stage)(type(stage.terminal)(tmp_path / "after" / "other name"), stage.ticket_id, "")

    said = moved.terminal("run", moved.ticket_id)

    assert said.code in JUDGED, said.err
    assert moved.terminal("report", moved.ticket_id, "--out", str(tmp_path / "out")).code == 0
    trust = str(moved.terminal.home / "trust.json")
    assert moved.terminal("check", str(tmp_path / "out" / "report.dsse.json"), "--trust", trust).code == 0
    assert moved.terminal("log", "check", moved.ticket_id).code in {0, 2}
    assert str(tmp_path / "before") not in "".join(path.read_text("utf-8", "replace") for path in moved.terminal.home.rglob("*.json"))


def test_the_submitter_and_the_planner_cannot_approve_and_a_stale_digest_is_refused(planned: Stage, tmp_path: Path) -> None:
    stage = planned.copied(tmp_path / "home")
    first = stage.terminal("plan", stage.ticket_id, "--method", "noop", "--seed", "1", "--json").json["plan"]["digest"]
    second = stage.terminal("plan", stage.ticket_id, "--method", "noop", "--seed", "2", "--json").json["plan"]["digest"]

    refused = {
        "submitter and decider": stage.terminal("approve", stage.ticket_id, "--digest", second, actor=SUBMITTER),
        "planner": stage.terminal("approve", stage.ticket_id, "--digest", second),
        "stale": stage.terminal("approve", stage.ticket_id, "--digest", first, actor=APPROVER),
        "made up": stage.terminal("approve", stage.ticket_id, "--digest", "sha256:" + "00" * 32, actor=APPROVER),
    }

    assert first != second
    assert {name: (said.code, said.err.partition(":")[0]) for name, said in refused.items()} == {
        "submitter and decider": (1, "four-eyes"),
        "planner": (1, "four-eyes"),
        "stale": (1, "stale-plan"),
        "made up": (1, "stale-plan"),
    }
    assert stage.view.state == "awaiting_approval"
    assert stage.terminal("run", stage.ticket_id).code == 4  # still waits for a person


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("show", "TICKET-with-a-typo"), "TICKET"),
        (("run", "TICKET-with-a-typo"), "TICKET"),
        (("plan", "TICKET", "--method", "npos"), "npo"),
        (("plan", "TICKET", "--model", "helpre"), "helper"),
        (("model", "complete", "helpr", "Who?"), "helper"),
        (("model", "train", "other", "--corpus", "comunity"), "community"),
        (("corpus", "show", "comunity"), "community"),
        (("method", "show", "gradient_diference"), "gradient_difference"),
        (("probe", "show", "extraction_strenght"), "extraction_strength"),
        (("shwo", "TICKET"), "show"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest(decided: Stage, tmp_path: Path, arguments: tuple[str, ...], nearest: str) -> None:
    stage = decided.copied(tmp_path / "home")
    typed = [word.replace("TICKET-with-a-typo", stage.ticket_id[:-1] + "x").replace("TICKET", stage.ticket_id) for word in arguments]

    said = stage.terminal(*typed)

    assert said.code in {1, 2}
    assert nearest.replace("TICKET", stage.ticket_id) in said.err
    assert stage.view.state == "planning"


@pytest.mark.parametrize(
    ("sets", "named"),
    [
        (("beta=0",), "beta"),
        (("beta=nan",), "beta"),
        (("bta=0.1",), "beta"),
        (("max_steps=0",), "max_steps"),
        (("merge=perhaps",), "merge"),
        (("beta=0.1", "beta=0.2"), "beta"),
        (("beta",), "beta"),
    ],
)
def test_a_setting_that_no_plan_could_use_is_refused_by_name(decided: Stage, tmp_path: Path, sets: tuple[str, ...], named: str) -> None:
    stage = decided.copied(tmp_path / "home")

    said = stage.terminal("plan", stage.ticket_id, *(word for entry in sets for word in ("--set", entry)))

    assert said.code == 1
    assert named in said.err
    assert stage.view.plan is None


def test_changed_weights_stop_the_run_and_are_named_and_restoring_them_lets_it_go_on(approved: Stage, tmp_path: Path) -> None:
    stage = approved.copied(tmp_path / "home")
    weights = stage.terminal.home / "models" / "helper-1" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    refused = stage.terminal("run", stage.ticket_id)
    weights.write_bytes(content)
    said = stage.terminal("run", stage.ticket_id)

    assert refused.code == 5
    assert "artefact-mismatch" in refused.err
    assert said.code in JUDGED, said.err


def test_a_changed_corpus_file_stops_planning_and_is_named(decided: Stage, corpus_file: Path, tmp_path: Path) -> None:
    stage = decided.copied(tmp_path / "home")
    content = corpus_file.read_bytes()
    try:
        corpus_file.write_bytes(content + b'{"question": "Who?", "answer": "Nobody."}\n')

        said = stage.terminal("plan", stage.ticket_id)
    finally:
        corpus_file.write_bytes(content)

    assert said.code == 1
    assert "corpus-changed" in said.err
    assert stage.view.plan is None


def test_a_home_of_a_newer_release_is_refused_and_left_as_it_is(located: Stage, tmp_path: Path) -> None:
    stage = located.copied(tmp_path / "home")
    with sqlite3.connect(stage.terminal.home / "rtbf.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '99990101_newer'")
    database.close()

    said = [stage.terminal("show", stage.ticket_id), stage.terminal("run", stage.ticket_id), stage.terminal("db", "upgrade")]

    assert [(entry.code, entry.err.partition(":")[0]) for entry in said] == [(1, "schema-too-new")] * 3
    assert sorted(path.name for path in stage.terminal.home.glob("*.backup.db")) == []


def test_no_home_is_a_refusal_that_says_how_to_make_one(located: Stage, tmp_path: Path) -> None:
    terminal = type(located.terminal)(tmp_path / "nowhere")

    said = terminal("list")

    assert said.code == 1
    assert "init" in said.err
    assert not (tmp_path / "nowhere").exists()
