"""`make up` and `make down`: the whole service on one machine, from nothing to a ticket that waits for a person, and back."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.processes import Started, is_alive, wait_until
from deploy.servers import free_port, require_binaries
from deploy.user import can_reach, server_place, server_user
from rtbf.errors import ExtraMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

PATIENCE_S = 120.0
ROOT = Path(__file__).parents[2]
BODY = {"subject": [{"kind": "name", "value": "Jo Quillfeather"}], "identity": {"method": "in_person"}}


def native(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m deploy.native …` on `folder` and return what it said."""
    command = [sys.executable, "-m", "deploy.native", *arguments, "--folder", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def call(url: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the API's JSON answer."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - our own http URL
        url, data=content, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        got: dict[str, Any] = json.load(answer)
        return got


def state_of(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((folder / "state.json").read_bytes())
    return stored


def processes_of(state: dict[str, Any]) -> list[Started]:
    return [Started(**entry) for entry in state["processes"]]


@pytest.fixture
def folder(servers_installed: None, tmp_path: Path) -> Iterator[Path]:
    """Where the test's service lies; whatever still runs there is stopped in the end."""
    place = tmp_path / "run"
    yield place
    native(place, "down", "--erase")


def test_up_serves_a_ticket_and_down_leaves_nothing(folder: Path) -> None:
    port = free_port()

    up = native(folder, "up", "--api-port", str(port))

    assert up.returncode == 0, up.stdout + up.stderr
    state = state_of(folder)
    assert [entry["name"] for entry in state["processes"]] == ["PostgreSQL", "Redis", "API", "Worker", "Sweep"]
    assert native(folder, "status").returncode == 0
    ticket = call(f"http://127.0.0.1:{port}/v1/tickets", state["token"], BODY)
    address = f"http://127.0.0.1:{port}/v1/tickets/{ticket['id']}"
    assert wait_until(lambda: call(address, state["token"])["reason"] == "need_decision", PATIENCE_S), (folder / "worker.log").read_text()
    logs = "".join(log.read_text() for log in folder.glob("*.log"))
    assert "Quillfeather" not in logs + up.stdout

    down = native(folder, "down")

    assert down.returncode == 0, down.stdout + down.stderr
    assert not any(is_alive(started) for started in processes_of(state))
    assert native(folder, "status").returncode == 1
    with pytest.raises(urllib.error.URLError):
        call(address, state["token"])


def test_up_twice_starts_nothing_twice_and_up_after_down_keeps_the_tickets(folder: Path) -> None:
    port = free_port()
    assert native(folder, "up", "--api-port", str(port)).returncode == 0
    first = state_of(folder)
    ticket = call(f"http://127.0.0.1:{port}/v1/tickets", first["token"], BODY)

    again = native(folder, "up", "--api-port", str(port))
    second = state_of(folder)
    native(folder, "down")
    native(folder, "up", "--api-port", str(port))
    third = state_of(folder)

    assert (again.returncode, second) == (0, first)
    assert call(f"http://127.0.0.1:{port}/v1/tickets/{ticket['id']}", third["token"])["id"] == ticket["id"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        call(f"http://127.0.0.1:{port}/v1/tickets/{ticket['id']}", first["token"])


def test_an_up_that_fails_half_way_stops_what_it_started(folder: Path) -> None:
    folder.mkdir()
    (folder / "home").mkdir()
    (folder / "home" / "something").write_text("this is no home")

    up = native(folder, "up", "--api-port", str(free_port()))

    assert up.returncode == 1
    assert "no rtbf home" in up.stderr
    assert not (folder / "state.json").exists()
    data = server_place(folder / "postgres", server_user("postgres")) / "data"
    assert (data / "PG_VERSION").exists()
    assert not (data / "postmaster.pid").exists()  # PostgreSQL removes it when it ends well


def test_erasing_removes_what_up_made_and_nothing_else(folder: Path) -> None:
    assert native(folder, "up", "--api-port", str(free_port())).returncode == 0
    places = [server_place(folder / name, server_user(name)) for name in ("postgres", "redis")]
    (folder / "notes.txt").write_text("the owner's own")

    down = native(folder, "down", "--erase")

    assert down.returncode == 0, down.stderr
    assert [entry.name for entry in folder.iterdir()] == ["notes.txt"]
    assert not any(place.exists() for place in places)


def test_a_taken_port_is_refused_before_anything_starts(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = native(folder, "up", "--api-port", str(taken.getsockname()[1]))

    assert up.returncode == 1
    assert "is taken" in up.stderr
    assert not folder.exists()


def test_secrets_and_keys_are_closed_to_others(folder: Path) -> None:
    assert native(folder, "up", "--api-port", str(free_port())).returncode == 0
    user = server_user()

    modes = {name: (folder / name).stat().st_mode & 0o777 for name in ("home", "state.json", "api.log", "worker.log", "sweep.log")}

    assert modes == {"home": 0o700, "state.json": 0o600, "api.log": 0o600, "worker.log": 0o600, "sweep.log": 0o600}
    assert user is None or not can_reach(folder / "home", user)
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    command_lines = b"".join(_read(Path(f"/proc/{started.pid}/cmdline")) for started in processes_of(state_of(folder)))
    passwords = [state_of(folder)[name].split("@")[0].rpartition(":")[2].encode() for name in ("database_url", "redis_url")]
    assert not any(password in command_lines for password in passwords)


def test_missing_server_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ExtraMissing) as refused:
        require_binaries()

    assert "apt-get install postgresql redis-server" in refused.value.remedy


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
