"""`python -m deploy.native up|status|down`: the whole service on one machine, without containers.

`up` starts, each waited for:  1. PostgreSQL  2. Redis  3. the home and an API token  4. the API  5. one worker  6. the sweep.
Everything lies below one folder (`.run`): `home/` with keys, `state.json` with process ids and secrets (mode 0600), logs.
Run again, it finds what runs and starts nothing twice; when a step fails, what was started is stopped again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from celery import Celery

from deploy.processes import Started, is_alive, require_ready, start, stop
from deploy.servers import require_binaries, start_postgres, start_redis
from deploy.user import remove_server_folder, server_place, server_user
from deploy.web import answers_http, require_free_port
from rtbf.cli.errors import run_guarded
from rtbf.errors import Outage
from rtbf.files import replace_file
from rtbf.installation import create_installation, open_installation
from rtbf.store.actors import actor_id_for, create_token, list_tokens, revoke_token

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).parents[1]
# The terminal of this very interpreter and checkout, whatever `rtbf` on PATH may be.
_TERMINAL = "import sys; from rtbf.cli.main import run; sys.exit(run())"
_TOKEN_NAME = "make-up"  # noqa: S105 - the name of a token, not its value
_SERVERS = ("postgres", "redis")
_LOGS = ("api.log", "worker.log", "sweep.log")
_READY_S = 90.0
_WORKER_GRACE_S = 60.0
_DEFAULT_PORT = 8080

_folder_option = click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=_ROOT / ".run", show_default=".run", help="Where everything lies."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What `up` started and how to reach it, in the order it was started. Kept in `state.json`."""

    processes: tuple[Started, ...]
    home: str
    database_url: str
    redis_url: str
    api_url: str
    token: str


@click.group()
def native() -> None:
    """Start and stop the service natively."""


@native.command("up")
@_folder_option
@click.option("--api-port", type=click.IntRange(1, 65535), default=_DEFAULT_PORT, show_default=True)
def up(folder: Path, api_port: int) -> None:
    """Start PostgreSQL, Redis, API, one worker and the sweep, and print how to use them."""
    place = folder.resolve()
    state = _read_state(place)
    if state is not None and all(is_alive(started) for started in state.processes):
        click.echo("Everything runs already.")
        _tell(state)
        return
    if state is not None:
        _stop_all(state.processes)
        _state_file(place).unlink()
    _tell(start_service(place, api_port))


@native.command("status")
@_folder_option
def status(folder: Path) -> int:
    """Say what runs; exit code 0 when all of it does, 1 otherwise."""
    state = _read_state(folder.resolve())
    if state is None:
        click.echo("Nothing was started.")
        return 1
    for started in state.processes:
        click.echo(f"{started.name:<12} {'runs' if is_alive(started) else 'is gone':<8} pid {started.pid}  log {started.log}")
    return 0 if all(is_alive(started) for started in state.processes) else 1


@native.command("down")
@_folder_option
@click.option(
    "--erase", is_flag=True, help="Afterwards remove database, home and KEYS: reports can then no longer be issued, only checked."
)
def down(folder: Path, erase: bool) -> None:  # noqa: FBT001 - click hands flags over by name
    """Stop everything that `up` started and make sure that nothing is left. Data and keys stay for the next `up`."""
    place = folder.resolve()
    state = _read_state(place)
    if state is not None:
        _stop_all(state.processes)
        _state_file(place).unlink()
    if erase:
        _erase(place)
    click.echo("Stopped and erased." if erase else f"Stopped. The data stays in {place}; `down --erase` removes it.")


def start_service(place: Path, api_port: int) -> State:
    """Start every part below `place` and return what runs; raises after stopping whatever was started."""
    require_binaries()
    require_free_port(api_port)
    _make_roof(place)
    with contextlib.ExitStack() as started_here:

        def keep(started: Started) -> Started:
            started_here.callback(stop, started)
            return started

        # 1. and 2. The two servers.
        postgres = start_postgres(place / _SERVERS[0], is_durable=True)
        keep(postgres.started)
        broker = start_redis(place / _SERVERS[1])
        keep(broker.started)
        # 3. The home.
        home = place / "home"
        token = _prepare_home(home, postgres.url)
        environment = service_environment(home, postgres.url, broker.url, api_port)
        # 4. to 6. Our own processes.
        url = f"http://127.0.0.1:{api_port}"
        rtbf = [sys.executable, "-c", _TERMINAL]

        def launch(name: str, command: list[str], is_ready: Callable[[], bool], grace_s: float) -> Started:
            log = place / f"{name.lower()}.log"
            log.unlink(missing_ok=True)
            begun = keep(start(name, command, log=log, folder=_ROOT, environment=environment, stop_signal=signal.SIGTERM, grace_s=grace_s))
            require_ready(begun, is_ready, _READY_S)
            return begun

        api = launch("API", [*rtbf, "serve"], lambda: answers_http(f"{url}/readyz"), 15.0)
        worker = launch("Worker", worker_command(), lambda: _answers_celery(broker.url), _WORKER_GRACE_S)
        sweep = launch("Sweep", [*rtbf, "--json", "sweep"], lambda: "sweep.started" in (place / "sweep.log").read_text(), 10.0)
        state = State(
            processes=(postgres.started, broker.started, api, worker, sweep), home=str(home),
            database_url=postgres.url, redis_url=broker.url, api_url=url, token=token,
        )  # fmt: skip
        replace_file(_state_file(place), json.dumps(asdict(state), indent=2).encode() + b"\n")
        started_here.pop_all()
    return state


def _make_roof(place: Path) -> None:
    """Make the folder: mode 0700, or 0711 when the servers run under another user and must pass through it."""
    mode = 0o700 if server_user() is None else 0o711
    place.mkdir(mode=mode, exist_ok=True)
    place.chmod(mode)


def _prepare_home(home: Path, database_url: str) -> str:
    """Create the home at the first start, or open it; return a new API token, and revoke the one of the last `up`."""
    installation = open_installation(home, database_url) if home.is_dir() else create_installation(home, database_url)
    now = installation.clock()
    with installation.transaction() as session:
        for row in list_tokens(session):
            if row.name == _TOKEN_NAME:
                revoke_token(session, row.id, now)
        token = create_token(session, _TOKEN_NAME, actor_id_for(session, _TOKEN_NAME, now), now)
    installation.engine.dispose()
    return token


def service_environment(home: Path, database_url: str, redis_url: str, api_port: int) -> dict[str, str]:
    """Return the environment of our processes: secrets travel here, not on command lines that every user can read."""
    own = {
        "RTBF_HOME": str(home),
        "RTBF_DATABASE_URL": database_url,
        "RTBF_REDIS_URL": redis_url,
        "RTBF_API_HOST": "127.0.0.1",
        "RTBF_API_PORT": str(api_port),
    }
    return {**os.environ, **own}


def worker_command() -> list[str]:
    """Return the command that runs one worker: one ticket at a time, in its own process."""
    options = ["-Q", "gpu,cpu", "--concurrency", "1", "--pool", "solo", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    return [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker", *options]


def _answers_celery(redis_url: str) -> bool:
    """Return whether a worker answers a ping; it listens before it answers."""
    with Celery(broker=redis_url, set_as_current=False) as app:
        return bool(app.control.ping(timeout=1.0, limit=1))


def _stop_all(processes: tuple[Started, ...]) -> None:
    """Stop the last started first, so that no part loses what it stands on; go on when one refuses."""
    refused: list[Outage] = []
    for started in reversed(processes):
        try:
            stop(started)
        except Outage as outage:
            refused.append(outage)
    if refused:
        raise refused[0]


def _erase(place: Path) -> None:
    """Remove what `up` makes, and the folder itself when nothing else is in it."""
    for server in _SERVERS:
        remove_server_folder(server_place(place / server, server_user(server)))
    shutil.rmtree(place / "home", ignore_errors=True)
    for log in _LOGS:
        (place / log).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        place.rmdir()


def _state_file(place: Path) -> Path:
    return place / "state.json"


def _read_state(place: Path) -> State | None:
    try:
        stored = json.loads(_state_file(place).read_bytes())
    except FileNotFoundError:
        return None
    return State(**{**stored, "processes": tuple(Started(**started) for started in stored["processes"])})


def _tell(state: State) -> None:
    click.echo(f"API      {state.api_url}   (description: {state.api_url}/docs)")
    click.echo(f"token    {state.token}")
    click.echo("For the terminal, on the same home and database:")
    click.echo(f"  export RTBF_HOME={state.home} RTBF_DATABASE_URL={state.database_url}")


if __name__ == "__main__":
    sys.exit(run_guarded(lambda: native(standalone_mode=False), is_json=False))
