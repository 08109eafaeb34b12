"""Tickets over a model on a private base by the terminal: trained again from it, or its bound stated alone where policy lets it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.demo.community import invent_people, records_about
from tests.journey.conftest import APPROVERS, ERASE, SUBMITTER, Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.demo.community import Person
    from rtbf.ticket_view import TicketView

JUDGED = {1, 3}
"""Exit codes of a run that came to its end. Smoke never passes, and which of the two it is says nothing of the base."""
TINY = ("--set", "hidden=32", "--set", "layers=1", "--set", "epochs=1")
BUDGET = {
    "epsilon": "18", "delta": "0.0001", "rate": "0.1", "steps": "30", "rank": "1", "alpha": "2", "learning_rate": "0.01", "k_max": "3",
    "canaries": "20", "subject_field": "person",
}  # fmt: skip
FULL = ("--preset", "full", "--set", "epochs=3", "--set", "batch=16", "--set", "learning_rate=0.005")
RECORDS_EACH = 5


@dataclass(frozen=True)
class Private:
    """A home with a private base of sixty people, a model fine-tuned from it, and two tickets, of the first two people."""

    terminal: Terminal
    tickets: tuple[str, ...]

    def copied(self, folder: Path) -> Private:
        """Return a copy that a test may spoil."""
        shutil.copytree(self.terminal.home, folder)
        return Private(Terminal(folder), self.tickets)

    def plan(self, place: int, *options: str) -> Any:
        return self.terminal("plan", self.tickets[place], "--seed", "9", *options)

    def carried_out(self, place: int) -> TicketView:
        """Let the ticket's plan be approved, run it, and return where the ticket stands."""
        ticket = self.tickets[place]
        digest = str(self.terminal.view(ticket).plan_digest)
        plan = self.terminal.view(ticket).plan
        assert plan is not None
        for actor in APPROVERS[: plan.quorum]:
            approved = self.terminal("approve", ticket, "--digest", digest, actor=actor)
            assert approved.code == 0, approved.err
        said = self.terminal("run", ticket)
        assert said.code in JUDGED, said.err
        return self.terminal.view(ticket)


@pytest.fixture(scope="module")
def community() -> list[Person]:
    """Sixty people whom the base is trained on; the first two want to be forgotten."""
    return invent_people(60, 78)


@pytest.fixture(scope="module")
def decided(settings: None, community: list[Person], tmp_path_factory: pytest.TempPathFactory) -> Private:
    """The second person is named in two ways by the field that names subjects."""
    owner, terminal = tmp_path_factory.mktemp("owner"), Terminal(tmp_path_factory.mktemp("homes") / "private")
    everything = {"community": community, "others": invent_people(3, 501)}
    for name, people in everything.items():
        rows = [{**row, "person": person.name} for person in people for row in records_about(person)[:RECORDS_EACH]]
        if name == "community":
            rows[RECORDS_EACH]["person"] = "somebody"
        (owner / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    budget = [word for name, text in BUDGET.items() for word in ("--set", f"{name}={text}")]
    said = [
        terminal("init"),
        terminal("corpus", "add", "others", str(owner / "others.jsonl")),
        terminal("corpus", "add", "community", str(owner / "community.jsonl")),
        terminal("model", "train", "base", "--corpus", "others", *TINY),
        terminal("model", "train", "private", "--corpus", "community", "--recipe", "dp", "--base", "base", *budget),
        terminal("model", "train", "helper", "--corpus", "community", "--base", "private", *FULL, "--seed", "5"),
    ]
    assert [one.code for one in said] == [0] * 6, "".join(one.err for one in said)
    tickets = []
    for person in community[:2]:
        identifiers = ("--name", person.name, "--email", person.facts["email"], "--phone", person.facts["phone"])
        ticket = terminal("submit", *identifiers, "--identity", "document_viewed", "--json", actor=SUBMITTER).json["ticket_id"]
        assert terminal("run", ticket, "--until", "planning", actor=SUBMITTER).code == 4
        assert terminal("decide", ticket, "all", *ERASE, actor=SUBMITTER).code == 0
        tickets.append(ticket)
    return Private(terminal, tuple(tickets))


def test_a_private_model_shows_its_terms_and_its_recipe_wherever_it_is_listed(decided: Private) -> None:
    shown = decided.terminal("model", "show", "private", "--json")
    told = decided.terminal("model", "show", "private").out
    listed = {model["name"]: model["recipe_name"] for model in decided.terminal("model", "list", "--json").json["models"]}
    lineage = decided.terminal("model", "lineage", "helper").out

    certificate = shown.json["certificate"]
    assert (certificate["subjects"], certificate["population"], certificate["k_max"]) == (61, 81, 3)
    assert certificate["epsilon_prv"] in told
    assert "guesses about 20 canaries" in told
    # All 8 guesses right would refute 0.78 and no more.
    assert "too few canaries to refute" in told
    assert listed == {"base": "plain", "private": "dp", "helper": "plain"}
    assert "recipe dp" in lineage
    assert decided.terminal("model", "show", "helper", "--json").json["certificate"] is None


def test_a_model_on_a_private_base_is_trained_again_from_it_and_the_bound_is_stated(decided: Private, tmp_path: Path) -> None:
    stage = decided.copied(tmp_path / "home")

    planned = stage.plan(0, "--model", "helper")
    view = stage.carried_out(0)

    assert planned.code == 4, planned.err
    plan = view.plan
    assert plan is not None
    assert (plan.method, plan.class_cap, plan.guarantee_requested, dict(plan.parameters)) == (
        "dp2unlearning", "dp", "dp", {"fraction": "0.5"},
    )  # fmt: skip
    assert "private base" in plan.controls.reason
    assert plan.controls.models == ()
    record = view.unlearned
    assert record is not None
    assert record.proof is not None
    assert record.proof.privacy is not None
    assert (record.kind, record.proof.inputs, record.proof.forgotten_inputs) == ("private", 59 * RECORDS_EACH, 0)
    assert (record.proof.privacy.subject_records, record.proof.privacy.outside_records) == (RECORDS_EACH, 0)
    start = record.proof.privacy.warm_start
    assert start is not None
    assert (start.epochs, start.full_epochs) == (2, 3)


def test_records_of_several_subjects_are_not_called_bounded(decided: Private, tmp_path: Path) -> None:
    stage = decided.copied(tmp_path / "home")

    refused = stage.plan(1, "--model", "helper", "--method", "dp2unlearning")
    options = stage.plan(1, "--model", "helper", "--options", "--json")

    assert refused.code == 1
    assert "name 2 subjects in the field person" in refused.err
    told = {option["method"]: option["unavailable"] for option in options.json["options"]}
    assert "name 2 subjects" in told["dp2unlearning"]


def test_a_bound_alone_fulfils_nothing_unless_policy_says_so(decided: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = decided.copied(tmp_path / "home")
    refused = stage.plan(0, "--model", "private", "--method", "dp_certificate")

    monkeypatch.setenv("RTBF_DP_WITHOUT_COMPUTE", "yes")
    planned = stage.plan(0, "--model", "private", "--method", "dp_certificate")
    view = stage.carried_out(0)

    assert refused.code == 1
    assert "RTBF_DP_WITHOUT_COMPUTE" in refused.err
    assert planned.code == 4, planned.err
    assert view.plan is not None
    assert "RTBF_DP_WITHOUT_COMPUTE" in view.plan.cap_reason
    record = view.unlearned
    assert record is not None
    assert record.proof is not None
    assert (record.kind, record.artefact_digest, record.steps) == ("accounted", view.plan.model_digest, 0)
    assert (record.proof.procedure, record.proof.forgotten_inputs) == ("dp", RECORDS_EACH)
    assert [model["status"] for model in stage.terminal("model", "list", "--json").json["models"]] == ["live"] * 3


def test_a_certificate_that_was_changed_ends_every_claim_on_it(decided: Private, tmp_path: Path) -> None:
    stage = decided.copied(tmp_path / "home")
    path = stage.terminal.home / "models" / "private-1.dp.json"
    path.write_bytes(path.read_bytes().replace(b'"k_max":3', b'"k_max":2'))

    shown = stage.terminal("model", "show", "private")
    refused = stage.plan(0, "--model", "helper", "--method", "dp2unlearning")

    assert shown.code == 5
    assert "not its own" in shown.err
    assert refused.code == 1
    assert "not its own" in refused.err
