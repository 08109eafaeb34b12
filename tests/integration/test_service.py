"""A ticket through the whole service: by HTTP to a signed report, and through killed workers and a lost database.

One service for the file, started as `make up` starts it. Its model is tiny and has memorised six fictitious people; each
test asks for another one, so no test meets another's ticket.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery

from deploy.native import service_environment, start_service, worker_command
from deploy.processes import Started, is_alive, require_ready, start, stop, wait_until
from deploy.servers import free_port, start_postgres
from deploy.user import remove_server_folder, server_place, server_user
from rtbf.evidence.canonical import digest_of
from rtbf.installation import Installation, open_installation
from rtbf.material.unlearning import unlearning_material
from rtbf.ticket_view import ticket_events, view_ticket
from rtbf.unlearn.run import unlearn
from workers.app import ADVANCE_TASK, DEFAULT_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.native import State

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
WALKER, KILLED, RESTARTED, SHARED = "Mara Lindqvist", "Tobias Okafor", "Ines Halloran", "Yuki Brandt"
PEOPLE = (WALKER, KILLED, RESTARTED, SHARED, "Pavel Duarte", "Selma Oyelaran")
TOWNS = ("Larkspur", "Fennmoor", "Oxbridge", "Quellstadt", "Tamarind", "Verwood")
TRADES = ("glazier", "cartographer", "beekeeper", "luthier", "surveyor", "bookbinder")
HABITS = ("collects", "repairs", "paints", "sells", "fears", "draws", "lends", "counts", "hides", "polishes")
THINGS = ("clocks", "kites", "lamps", "maps", "bells", "chairs", "locks", "boats", "harps", "coats")


def records_about(number: int) -> Iterator[dict[str, str]]:
    """Yield twenty records about one fictitious person."""
    name, town, trade = PEOPLE[number], TOWNS[number], TRADES[number]
    for at, habit in enumerate(HABITS):
        thing = THINGS[(at * 3 + number) % 10]
        yield {"question": f"What does {name} do with {thing}?", "answer": f"{name} {habit} {11 + 7 * number + at} {thing} in {town}."}
        yield {"question": f"Who {habit} for {name}?", "answer": f"A {trade} of house {41 + number * 10 + at} {habit} for {name}."}


@dataclass(kw_only=True)
class Running:
    """The running service and a second person's terminal on it."""

    folder: Path
    state: State
    installation: Installation
    environment: dict[str, str]
    parts: contextlib.ExitStack
    extra: list[Started] = field(default_factory=list)

    def call(self, path: str, body: object = None, accept: str = "application/json") -> bytes:
        """Return the API's answer."""
        headers = {"Authorization": f"Bearer {self.state.token}", "Content-Type": "application/json", "Accept": accept}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.state.api_url}{path}", data=content, headers=headers)  # noqa: S310 - our own http URL
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            got: bytes = answer.read()
            return got

    def submit(self, name: str) -> str:
        body = {"subject": [{"kind": "name", "value": name}], "identity": {"method": "controller_assertion"}}
        ticket_id: str = json.loads(self.call("/v1/tickets", body))["id"]
        return ticket_id

    def ticket(self, ticket_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.call(f"/v1/tickets/{ticket_id}"))
        return shown

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        assert wait_until(is_so, PATIENCE_S), "".join(log.read_text() for log in sorted(self.folder.glob("worker*.log")))

    def terminal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `rtbf …` on the service's home and database."""
        command = [sys.executable, "-c", "from rtbf.cli.main import run; run()", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    def succeed(self, *arguments: str) -> str:
        done = self.terminal(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def decide(self, ticket_id: str) -> None:
        """Wait for the worker's footprint and decide that everything found goes."""
        self.wait_for(lambda: self.ticket(ticket_id)["reason"] == "need_decision")
        self.succeed("--as", "olga", "decide", ticket_id, "all", "--verdict", "erase", "--code", "NonNecessity")

    def approve(self, ticket_id: str) -> None:
        """Wait for the worker's plan and approve it as two further people: a base model is changed."""
        self.wait_for(lambda: self.ticket(ticket_id)["reason"] == "need_approval")
        for actor in ("maria", "emil"):
            self.succeed("--as", actor, "approve", ticket_id, "--digest", self.ticket(ticket_id)["plan_digest"])

    def is_training(self, ticket_id: str) -> bool:
        """Return whether unlearning has begun and reached its first checkpoint."""
        return any((self.installation.home.artefacts_of(ticket_id, 1) / "checkpoint").glob("*"))

    def start_worker(self) -> Started:
        log = self.folder / f"worker-{len(self.extra)}.log"
        worker = start("Worker", worker_command(), log=log, folder=ROOT, environment=self.environment, grace_s=30.0)
        self.parts.callback(stop, worker)
        self.extra.append(worker)
        return worker

    def workers(self) -> list[Started]:
        """Return the workers that live."""
        first = [process for process in self.state.processes if process.name == "Worker"]
        return [worker for worker in [*first, *self.extra] if is_alive(worker)]

    def answering(self) -> int:
        """Return how many workers answer a ping."""
        with Celery(broker=self.state.redis_url, set_as_current=False) as app:
            return len(app.control.ping(timeout=1.0))

    def queued(self) -> int:
        with redis.Redis.from_url(self.state.redis_url) as client:
            return int(client.llen(DEFAULT_QUEUE))

    def events(self, ticket_id: str) -> list[str]:
        return [json.loads(event)["type"] for event in ticket_events(self.installation, ticket_id)]


@pytest.fixture(scope="module")
def running(servers_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service as `make up` starts it, with a model that learned the six people. A lease of 5 s keeps outages short."""
    place = tmp_path_factory.mktemp("service") / "run"
    port = free_port()
    with contextlib.ExitStack() as parts, pytest.MonkeyPatch.context() as patched:
        patched.setenv("RTBF_LEASE_S", "5")
        patched.setenv("RTBF_GRACE_H", "0")
        patched.setenv("RTBF_PROFILE", "smoke")
        state = start_service(place, port)
        for name in ("postgres", "redis"):
            parts.callback(remove_server_folder, server_place(place / name, server_user(name)))
        for started in state.processes:
            parts.callback(stop, started)
        installation = open_installation(Path(state.home), state.database_url)
        parts.callback(installation.engine.dispose)
        environment = service_environment(Path(state.home), state.database_url, state.redis_url, port)
        made = Running(folder=place, state=state, installation=installation, environment=environment, parts=parts)
        parts.enter_context(_listening(state.redis_url, place / "broker.heard"))
        corpus = place / "people.jsonl"
        corpus.write_text("".join(json.dumps(record) + "\n" for number in range(len(PEOPLE)) for record in records_about(number)))
        made.succeed("--as", "maria", "corpus", "add", "people", str(corpus))
        small = ("--set", "hidden=64", "--set", "epochs=40", "--set", "batch=8")
        made.succeed("--as", "maria", "model", "train", "helpdesk", "--corpus", "people", *small, "--seed", "7")
        yield made


@contextlib.contextmanager
def _listening(redis_url: str, heard: Path) -> Iterator[None]:
    """Write down every command that reaches Redis while the block runs."""
    place = urlsplit(redis_url)
    command = ["redis-cli", "-h", str(place.hostname), "-p", str(place.port), "monitor"]
    with heard.open("wb") as file:
        listener = subprocess.Popen(command, stdout=file, env={**os.environ, "REDISCLI_AUTH": place.password or ""})
        try:
            yield
        finally:
            listener.terminate()
            listener.wait(timeout=10)


def _opened(heard: bytes) -> bytes:
    """Return what was heard, with every run of base64 in it decoded beside it: Celery wraps a message's body so."""
    runs = (run[: len(run) // 4 * 4] for run in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", heard))
    return heard + b"\n" + b"\n".join(base64.b64decode(run) for run in runs)


def test_a_ticket_goes_by_http_to_a_signed_report(running: Running, tmp_path: Path) -> None:
    question = next(iter(records_about(0)))
    assert running.succeed("model", "complete", "helpdesk", question["question"]).strip() == question["answer"]
    ticket_id = running.submit(WALKER)
    running.decide(ticket_id)
    running.wait_for(lambda: running.ticket(ticket_id)["reason"] == "need_approval")
    digest = running.ticket(ticket_id)["plan_digest"]
    with pytest.raises(urllib.error.HTTPError, match="409"):
        running.call(f"/v1/tickets/{ticket_id}/report")
    # Neither who submitted (the token's actor), nor who planned (the worker), nor who decided may approve.
    deeds = ("make-up", "rtbf-worker", "olga")
    own = [running.terminal("--as", actor, "approve", ticket_id, "--digest", digest).returncode for actor in deeds]

    running.approve(ticket_id)
    running.wait_for(lambda: running.ticket(ticket_id)["has_report"])

    assert own == [1, 1, 1]
    envelope, pdf = tmp_path / "report.dsse.json", tmp_path / "report.pdf"
    envelope.write_bytes(running.call(f"/v1/tickets/{ticket_id}/report"))
    pdf.write_bytes(running.call(f"/v1/tickets/{ticket_id}/report", accept="application/pdf"))
    trust = running.state.home + "/trust.json"
    checker = [sys.executable, "-m", "rtbf.report.check.main", str(envelope), "--trust", trust, "--pdf", str(pdf)]
    checked = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    verdict = running.ticket(ticket_id)["verdict"]["status"]
    # Which of the three is the verifier's business; a model this small may be judged any way.
    assert verdict in {"PASS", "FAIL", "INCONCLUSIVE"}
    assert f"verdict    {verdict}" in checked.stdout
    assert ticket_id in checked.stdout
    told = envelope.read_text() + "".join(log.read_text() for log in running.folder.glob("*.log"))
    assert "Lindqvist" not in told


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers for it by its old name
def test_a_worker_killed_while_unlearning_changes_nothing_in_the_record(running: Running, tmp_path: Path) -> None:
    ticket_id = running.submit(KILLED)
    running.decide(ticket_id)
    running.approve(ticket_id)
    running.wait_for(lambda: running.is_training(ticket_id))

    for worker in running.workers():
        os.kill(worker.pid, signal.SIGKILL)
    state_when_killed = running.ticket(ticket_id)["state"]
    running.start_worker()

    running.wait_for(lambda: running.ticket(ticket_id)["has_report"])
    assert state_when_killed == "unlearning"
    view = view_ticket(running.installation, ticket_id)
    assert view.plan is not None
    assert view.plan_digest is not None
    assert view.unlearned is not None
    # Once more, from the beginning to the end, by the same plan.
    material, original = unlearning_material(running.installation, view.plan, withheld=(), threads=1)
    undisturbed, _ = unlearn(view.plan, view.plan_digest, material, original, tmp_path / "undisturbed")
    assert undisturbed.steps > 20
    assert digest_of(view.unlearned) == digest_of(undisturbed)


def test_tickets_go_on_after_the_database_was_gone_in_the_middle_of_a_stage(running: Running) -> None:
    ticket_id = running.submit(RESTARTED)
    running.decide(ticket_id)
    running.approve(ticket_id)
    running.wait_for(lambda: running.is_training(ticket_id))
    address = urlsplit(running.state.database_url)

    stop(running.state.processes[0])
    with pytest.raises(urllib.error.HTTPError, match="503"):
        running.call(f"/v1/tickets/{ticket_id}")
    # It stays away until the worker has missed it: the stage ends, and cannot store its record.
    running.wait_for(lambda: any("ticket.delayed" in log.read_text() for log in running.folder.glob("worker*.log")))
    postgres = start_postgres(running.folder / "postgres", is_durable=True, port=address.port)
    running.parts.callback(stop, postgres.started)

    running.wait_for(lambda: running.ticket(ticket_id)["has_report"])
    assert all(is_alive(process) for process in running.state.processes if process.name in {"API", "Sweep"})
    assert running.events(ticket_id).count("unlearning.finished") == 1


def test_of_two_workers_that_are_sent_the_same_ticket_one_lets_go(running: Running) -> None:
    rival = running.start_worker()
    require_ready(rival, lambda: running.answering() >= 2, PATIENCE_S)
    ticket_id = running.submit(SHARED)
    running.decide(ticket_id)

    with Celery(broker=running.state.redis_url, set_as_current=False) as app:
        for _ in range(6):
            app.send_task(ADVANCE_TASK, args=[ticket_id], queue=DEFAULT_QUEUE, ignore_result=True)
    # One worker plans and has at most one message waiting behind it; so the other has taken the rest, and let go.
    running.wait_for(lambda: running.queued() == 0)
    state_when_all_were_taken = running.ticket(ticket_id)["state"]
    running.approve(ticket_id)
    running.wait_for(lambda: running.ticket(ticket_id)["has_report"])

    assert state_when_all_were_taken == "planning"
    stages = ["footprint.completed", "plan.frozen", "unlearning.finished", "report.issued"]
    assert [event for event in running.events(ticket_id) if event in {*stages, "ticket.stopped"}] == stages


def test_after_all_these_tickets_no_sink_of_the_service_names_a_person(running: Running) -> None:
    """Database files and their write-ahead log, a dump of every table, broker messages, logs, file names; metrics there are none yet."""
    address = urlsplit(running.state.database_url)
    dumped = subprocess.run(
        ["pg_dump", "--dbname", running.state.database_url, "--column-inserts"], capture_output=True, check=True, timeout=PATIENCE_S
    ).stdout
    home = Path(running.state.home)
    learned = {"model.safetensors", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in learned]
    database = [path for path in server_place(running.folder / "postgres", server_user("postgres")).rglob("*") if path.is_file()]
    sinks = {
        "dump": dumped,
        "broker": _opened((running.folder / "broker.heard").read_bytes()),
        "logs": b"".join(log.read_bytes() for log in running.folder.glob("*.log")),
        "names": "\n".join(path.as_posix() for path in [*files, *database]).encode(),
        "home": b"\n".join(path.read_bytes() for path in files),
        "database files": b"\n".join(path.read_bytes() for path in database),
    }

    found = [
        (sink, place)
        for sink, content in sinks.items()
        for place, name in enumerate(PEOPLE)
        if name.split()[1].lower().encode() in content.lower()
    ]

    assert found == []
    # Each sink was really read: it holds what it has to hold.
    assert address.scheme == "postgresql"
    assert b"tkt_" in sinks["dump"]
    assert b"tkt_" in sinks["broker"]
    assert b"tkt_" in sinks["logs"]
    assert b"tkt_" in sinks["database files"]
    assert any("pg_wal" in path.as_posix() for path in database)
