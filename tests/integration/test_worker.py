"""A ticket on the service's real parts: a Celery worker and a sweep in their own processes, Redis and PostgreSQL.

The ticket's footprint is empty (nothing was ever trained here), so no weights are touched.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from celery import Celery

from deploy.processes import Started, is_alive, require_ready, start, stop, wait_until
from deploy.servers import free_port, start_redis
from deploy.user import remove_server_folder
from rtbf.evidence.ledger import verify_chain
from rtbf.installation import create_installation
from rtbf.pipeline.intake import submit_ticket
from rtbf.store.leases import tickets_ready_for_work
from rtbf.store.tickets import find_ticket
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events, view_ticket
from workers.app import DEFAULT_QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.installation import Installation

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

PATIENCE_S = 90.0
ROOT = Path(__file__).parents[2]
PASSWORD = "the-tests-own"
JO = {"subject": [{"kind": "name", "value": "Jo Quillfeather"}], "identity": {"method": "in_person"}}

# The sweep as `rtbf --json sweep` runs it, without the rest of the terminal.
SWEEP = """
import sys
from rtbf.cli.context import CliContext
from rtbf.config import read_settings
from workers.sweep import sweep

settings = read_settings()
sweep.main(sys.argv[1:], obj=CliContext(home=settings.home, actor="olga", is_json=True, settings=settings))
"""


@dataclass
class Service:
    """The parts of one test's service. Redis may be killed and started again at the same place."""

    installation: Installation
    folder: Path
    port: int
    environment: dict[str, str]
    parts: contextlib.ExitStack
    redis: Started | None = None

    @property
    def redis_url(self) -> str:
        return self.environment["RTBF_REDIS_URL"]

    def start_redis(self) -> None:
        """Start a Redis that knows nothing of an earlier one."""
        server = start_redis(self.folder / "redis", port=self.port, password=PASSWORD)
        self.redis = server.started
        self.parts.callback(remove_server_folder, Path(server.folder))
        self.parts.callback(stop, server.started)

    def kill_redis(self) -> None:
        """End Redis as a power cut does, with every message in it."""
        assert self.redis is not None
        os.kill(self.redis.pid, signal.SIGKILL)
        gone = self.redis
        assert wait_until(lambda: not is_alive(gone), PATIENCE_S)

    def start_worker(self) -> Started:
        command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-Q", DEFAULT_QUEUE, "--pool", "solo"]
        worker = self._start("worker", [*command, "--loglevel", "INFO", "--without-gossip", "--without-mingle"])

        def answers() -> bool:
            with Celery(broker=self.redis_url, set_as_current=False) as app:
                return bool(app.control.ping(timeout=0.5, limit=1))

        require_ready(worker, answers, PATIENCE_S)
        return worker

    def start_sweep(self) -> Started:
        sweep = self._start("sweep", [sys.executable, "-c", SWEEP, "--every-s", "0.2"])
        require_ready(sweep, lambda: "sweep.started" in self.log("sweep"), PATIENCE_S)
        return sweep

    def sweep_once(self) -> dict[str, int]:
        """Run one round and return what it printed; raises CalledProcessError when it fails."""
        command = [sys.executable, "-c", SWEEP, "--once"]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        printed: dict[str, int] = json.loads(done.stdout)
        return printed

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def submit_jo(self) -> str:
        return submit_ticket(self.installation, read_submission(JO, self.installation.clock()), "olga")

    def waits_for(self, ticket_id: str) -> tuple[str, str | None]:
        view = view_ticket(self.installation, ticket_id)
        return view.state, view.reason

    def lease_owner(self, ticket_id: str) -> str | None:
        with self.installation.transaction() as session:
            return find_ticket(session, ticket_id).lease_owner

    def queued(self) -> int:
        with redis.Redis.from_url(self.redis_url) as client:
            return int(client.llen(DEFAULT_QUEUE))

    def _start(self, name: str, command: list[str]) -> Started:
        started = start(name, command, log=self.folder / f"{name}.log", folder=ROOT, environment=self.environment, grace_s=30.0)
        self.parts.callback(stop, started)
        return started


@pytest.fixture
def service(servers_installed: None, postgres_url: str, tmp_path: Path) -> Iterator[Service]:
    """A home on PostgreSQL and a running Redis; worker and sweep are started by the test."""
    port = free_port()
    own = {
        "RTBF_HOME": str(tmp_path / "home"),
        "RTBF_DATABASE_URL": postgres_url,
        "RTBF_REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{port}/0",
        "RTBF_LEASE_S": "5",
    }
    installation = create_installation(tmp_path / "home", postgres_url)
    with contextlib.ExitStack() as parts:
        made = Service(installation=installation, folder=tmp_path, port=port, environment={**os.environ, **own}, parts=parts)
        made.start_redis()
        yield made
    installation.engine.dispose()


def test_a_worker_takes_a_ticket_as_far_as_it_may_go(service: Service) -> None:
    service.start_worker()
    service.start_sweep()

    ticket_id = service.submit_jo()

    assert wait_until(lambda: service.waits_for(ticket_id) == ("planning", "need_decision"), PATIENCE_S), service.log("worker")
    verify_chain(ticket_events(service.installation, ticket_id))
    assert wait_until(lambda: service.lease_owner(ticket_id) is None, PATIENCE_S)
    assert "Quillfeather" not in service.log("worker") + service.log("sweep")


def test_a_nudge_that_died_with_redis_is_sent_again(service: Service) -> None:
    ticket_id = service.submit_jo()
    service.start_sweep()
    assert wait_until(lambda: service.queued() == 1, PATIENCE_S)

    service.kill_redis()

    assert wait_until(lambda: "sweep.waiting" in service.log("sweep"), PATIENCE_S)
    service.start_redis()
    service.start_worker()
    assert wait_until(lambda: service.waits_for(ticket_id) == ("planning", "need_decision"), PATIENCE_S), service.log("worker")
    assert "sweep.resumed" in service.log("sweep")


def test_a_worker_that_lost_redis_comes_back_and_takes_what_came_meanwhile(service: Service) -> None:
    worker = service.start_worker()
    sweep = service.start_sweep()

    service.kill_redis()
    ticket_id = service.submit_jo()

    assert wait_until(lambda: "sweep.waiting" in service.log("sweep"), PATIENCE_S)
    service.start_redis()
    assert wait_until(lambda: service.waits_for(ticket_id) == ("planning", "need_decision"), PATIENCE_S), service.log("worker")
    assert is_alive(worker)
    assert is_alive(sweep)


def test_nudges_do_not_pile_up_and_carry_a_ticket_id_and_nothing_else(service: Service) -> None:
    ticket_ids = {service.submit_jo() for _ in range(3)}
    unidentified = read_submission({"subject": JO["subject"]}, service.installation.clock())
    submit_ticket(service.installation, unidentified, "olga")

    nudged = [service.sweep_once()["nudged"] for _ in range(2)]

    with redis.Redis.from_url(service.redis_url) as client:
        messages = [json.loads(message) for message in client.lrange(DEFAULT_QUEUE, 0, -1)]
    bodies = [json.loads(base64.b64decode(message["body"])) for message in messages]
    assert nudged == [3, 0]  # the one that waits for a person is left out; the second round finds the queue filled
    assert {body[0][0] for body in bodies} == ticket_ids
    assert [(len(body[0]), body[1]) for body in bodies] == [(1, {})] * 3
    assert "Quillfeather" not in str(messages)


def test_a_single_sweep_without_redis_fails_and_leaves_the_tickets_ready(service: Service) -> None:
    ticket_id = service.submit_jo()
    service.kill_redis()

    with pytest.raises(subprocess.CalledProcessError) as failed:
        service.sweep_once()

    assert "BrokerUnreachable" in failed.value.stderr
    with service.installation.transaction() as session:
        assert tickets_ready_for_work(session, service.installation.clock()) == [ticket_id]
