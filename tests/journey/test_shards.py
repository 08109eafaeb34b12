"""Tickets over a sharded model by the terminal: switched off at once, trained again exactly, together with others, and purged."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.demo.community import invent_people, records_about
from rtbf.pipeline.superseded_shards import KIND
from rtbf.store.ticket_keys import has_ticket_key
from tests.journey.conftest import APPROVER, ERASE, SUBMITTER, Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.demo.community import Person
    from rtbf.ticket_view import TicketView

JUDGED = {1, 3}
"""Exit codes of a run that came to its end. Smoke never passes, and which of the two it is says nothing of shards."""
TINY = ("--set", "hidden=32", "--set", "layers=1", "--set", "epochs=2")
SHAPE = {"steps": "4", "rate": "0.5", "batch": "4", "rank": "2", "alpha": "4", "learning_rate": "0.01", "subject_field": "person"}


@dataclass(frozen=True)
class Shards:
    """A home with a sharded model of six people, and three located and decided tickets, of the first three of them."""

    terminal: Terminal
    tickets: tuple[str, ...]

    def copied(self, folder: Path) -> Shards:
        """Return a copy that a test may spoil."""
        shutil.copytree(self.terminal.home, folder)
        return Shards(Terminal(folder), self.tickets)

    def approve(self, place: int, *options: str) -> None:
        """Plan for a ticket and let the plan be approved."""
        ticket = self.tickets[place]
        planned = self.terminal("plan", ticket, "--seed", "9", *options)
        assert planned.code == 4, planned.err
        digest = self.view(place).plan_digest
        approved = self.terminal("approve", ticket, "--digest", str(digest), actor=APPROVER)
        assert approved.code == 0, approved.err

    def run(self, place: int) -> None:
        """Unlearn and verify a ticket whose plan is approved."""
        said = self.terminal("run", self.tickets[place])
        assert said.code in JUDGED, said.err

    def close(self, place: int) -> Any:
        """Send the letter and let a second person close."""
        told = self.terminal("notice", "send", self.tickets[place], "partial", actor=SUBMITTER)
        assert told.code == 0, told.err
        return self.terminal("decide", self.tickets[place], "--close", "partially_fulfilled", "--json", actor=APPROVER)

    def view(self, place: int) -> TicketView:
        return self.terminal.view(self.tickets[place])

    def standing(self) -> list[tuple[int, str]]:
        """Return (revision, status) of the sharded model."""
        models = self.terminal("model", "list", "--json").json["models"]
        return [(model["revision"], model["status"]) for model in models if model["name"] == "helper"]

    def shards(self, *options: str) -> list[dict[str, Any]]:
        """Return the shards of the model that is served."""
        shown = self.terminal("model", "shards", "helper", "--json", *options)
        assert shown.code == 0, shown.err
        return list(shown.json["shards"])

    def generations(self) -> set[str]:
        """Return the folders of sealed checkpoints that are there."""
        return {str(path.relative_to(self.terminal.home)) for path in self.terminal.home.glob("shards/*/shard-*/*")}


@pytest.fixture(scope="module")
def community() -> list[Person]:
    """Six people whom the model is trained on; the first three want to be forgotten."""
    return invent_people(6, 77)


@pytest.fixture(scope="module")
def decided(settings: None, community: list[Person], tmp_path_factory: pytest.TempPathFactory) -> Shards:
    owner, terminal = tmp_path_factory.mktemp("owner"), Terminal(tmp_path_factory.mktemp("homes") / "shards")
    others = invent_people(3, 501)
    for name, people in (("community", community), ("others", others)):
        rows = [{**row, "person": person.name} for person in people for row in records_about(person)]
        (owner / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shape = [word for name, text in SHAPE.items() for word in ("--set", f"{name}={text}")]
    sharded = ("--recipe", "sharded", "--base", "base", "--shards", "3", "--slices", "2")
    said = [
        terminal("init"),
        terminal("corpus", "add", "others", str(owner / "others.jsonl")),
        terminal("corpus", "add", "community", str(owner / "community.jsonl")),
        terminal("model", "train", "base", "--corpus", "others", *TINY),
        terminal("model", "train", "helper", "--corpus", "community", *sharded, *shape, "--seed", "5"),
    ]
    assert [one.code for one in said] == [0] * 5, "".join(one.err for one in said)
    tickets = []
    for person in community[:3]:
        identifiers = ("--name", person.name, "--email", person.facts["email"], "--phone", person.facts["phone"])
        ticket = terminal("submit", *identifiers, "--identity", "document_viewed", "--json", actor=SUBMITTER).json["ticket_id"]
        assert terminal("run", ticket, "--until", "planning", actor=SUBMITTER).code == 4
        assert terminal("decide", ticket, "all", *ERASE, actor=SUBMITTER).code == 0
        tickets.append(ticket)
    return Shards(terminal, tuple(tickets))


@pytest.fixture(scope="module")
def retrained(decided: Shards, tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """The first two tickets approved together; the first one's run is done."""
    stage = decided.copied(tmp_path_factory.mktemp("homes") / "retrained")
    stage.approve(0)
    stage.approve(1)
    # Started, so that its plan counts for the run of the first; its own unlearning comes later.
    stage.terminal("run", stage.tickets[1], "--until", "unlearning")
    stage.run(0)
    return stage


def test_a_switched_off_shard_is_gone_from_what_is_served_within_the_same_command(decided: Shards, tmp_path: Path) -> None:
    stage = decided.copied(tmp_path / "home")
    stage.approve(0, "--method", "shard_switch_off")
    before = [shard["status"] for shard in stage.shards()]

    stage.run(0)

    assert stage.standing() == [(1, "superseded"), (2, "live")]
    after = stage.shards()
    off = [shard["shard"] for shard in after if shard["status"] == "off"]
    assert len(off) == 1
    assert "off" not in before
    assert after[off[0]]["adapter"] is None
    proof = stage.view(0).unlearned.proof  # type: ignore[union-attr]
    assert proof is not None
    assert proof.shards is not None
    assert [change.shard for change in proof.shards.changes if change.change == "switched_off"] == off
    assert (proof.rerun, proof.shards.differing_steps, proof.forgotten_inputs) == (None, 0, 0)
    assert proof.inputs == sum(shard["records"] for shard in after if shard["status"] == "live")


def test_containment_is_followed_by_the_training_that_would_have_been_made_at_once(decided: Shards, tmp_path: Path) -> None:
    contained, straight = decided.copied(tmp_path / "contained"), decided.copied(tmp_path / "straight")
    contained.approve(0, "--method", "shard_switch_off")
    contained.run(0)
    for stage in (contained, straight):
        stage.approve(0)
        stage.run(0)

    digests = [stage.view(0).unlearned.artefact_digest for stage in (contained, straight)]  # type: ignore[union-attr]

    assert digests[0] == digests[1]
    # Whose place it was alone is empty then: places are drawn with the home's own secret.
    ends = [[shard["status"] for shard in stage.shards("--revision", last)] for stage, last in ((contained, "3"), (straight, "2"))]
    assert ends[0] == ends[1]
    assert set(ends[0]) <= {"live", "empty"}


def test_one_run_takes_out_every_ticket_that_was_ready(retrained: Shards, tmp_path: Path) -> None:
    stage = retrained.copied(tmp_path / "home")
    first = stage.view(0).unlearned
    assert first is not None
    assert first.proof is not None
    assert first.proof.shards is not None

    stage.run(1)

    second = stage.view(1).unlearned
    assert second is not None
    assert second.proof is not None
    assert second.proof.shards is not None
    assert (first.proof.shards.together_with, second.proof.shards.together_with) == (1, 1)
    assert first.artefact_digest == second.artefact_digest
    assert first.proof.inputs == second.proof.inputs == 80  # six people less two, twenty records each
    # The checkpoints of the first run are those of the second: its steps are counted, and none of them was run again.
    assert stage.generations() == retrained.generations()


def test_training_again_from_nothing_gives_the_served_bytes(retrained: Shards) -> None:
    replayed = retrained.terminal("model", "replay", "helper", "--revision", "2", "--json")

    assert replayed.code == 0, replayed.err
    assert replayed.json["served"]["recorded"] == replayed.json["served"]["found"]
    assert [shard["is_equal"] for shard in replayed.json["shards"]] == [True] * len(replayed.json["shards"])


def test_closing_destroys_superseded_checkpoints_with_their_keys_and_keeps_what_is_served(retrained: Shards, tmp_path: Path) -> None:
    stage = retrained.copied(tmp_path / "home")
    stage.run(1)
    before = stage.generations()

    closed = stage.close(0)

    assert closed.code == 0, closed.err
    after = stage.generations()
    gone = before - after
    assert gone
    assert len(after) == len([shard for shard in stage.shards() if shard["status"] == "live"])
    purged = [event for event in stage.terminal("log", "show", stage.tickets[0], "--json").json if event["type"] == "copy.purged"]
    assert sum(event["data"]["count"] for event in purged if event["data"]["kind"] == KIND) == len(gone)
    with stage.terminal.installation() as installation, installation.transaction() as session:
        owners = {
            f"shk_{family}.{int(shard.removeprefix('shard-'))}.{name}" for _, family, shard, name in (path.split("/") for path in before)
        }
        kept = {owner for owner in owners if has_ticket_key(session, owner)}
    assert len(kept) == len(after)
    assert stage.terminal("model", "replay", "helper", "--json").code == 0


def test_weights_from_before_anothers_erasure_are_never_released(retrained: Shards, tmp_path: Path) -> None:
    """The first ticket's weights were made before the third was approved; released after it, they would bring its records back."""
    stage = retrained.copied(tmp_path / "home")
    stage.approve(2)
    stage.run(2)
    assert stage.close(2).code == 0
    served = stage.standing()

    refused = stage.close(0)

    assert refused.code == 1
    assert "records of 1 other ticket" in refused.err
    assert stage.standing() == served


def test_no_file_of_the_shards_and_no_line_on_the_terminal_names_a_person(retrained: Shards, community: list[Person]) -> None:
    marks = [mark for person in community for mark in (person.name, person.facts["email"], person.facts["phone"])]
    marks += [mark.lower() for mark in marks]

    told = b"".join(path.read_bytes() + path.name.encode() for path in retrained.terminal.home.glob("shards/**/*") if path.is_file())
    shown = (
        retrained.terminal("model", "shards", "helper", "--json").out + retrained.terminal("model", "replay", "helper", "--shard", "9").err
    )

    assert [mark for mark in marks if mark.encode() in told or mark in shown] == []


def test_what_cannot_be_sharded_is_refused_with_the_way_out(decided: Shards) -> None:
    base = ("--recipe", "sharded", "--base", "base", "--set", "subject_field=person")

    too_many = decided.terminal("model", "train", "other", "--corpus", "community", *base, "--shards", "7")
    without_base = decided.terminal("model", "train", "other", "--corpus", "community", "--recipe", "sharded")
    not_sharded = decided.terminal("model", "train", "other", "--corpus", "community", "--shards", "2")
    unknown = decided.terminal("model", "shards", "base")

    assert [said.code for said in (too_many, without_base, not_sharded, unknown)] == [1, 1, 1, 1]
    # Of the six people three have asked to be left out: while their tickets are open, nothing is trained on them.
    assert "7 shards for 3 subjects" in too_many.err
    assert "--base" in without_base.err
    assert "--recipe sharded" in not_sharded.err
    assert "not trained in shards" in unknown.err
