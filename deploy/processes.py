"""Start processes that outlive us, know them again later, and stop them for certain.

A process is known by its id and its start tick, so an id that the system gave to somebody else is never signalled.
Each is started in a session of its own: whatever it leaves behind carries that session's id and is found by it.
(PostgreSQL's helpers open sessions of their own; they end by themselves when their postmaster is gone.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.errors import Outage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deploy.user import User

_POLL_S = 0.05
_AFTER_KILL_S = 10.0
_LOG_TAIL_LINES = 12
_NOBODY = threading.Event()  # never set: its wait is a pause
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}  # those of this process, so that one that ended is collected


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """A process that was started here. `stop_signal` asks it to end well within `grace_s` seconds."""

    name: str
    pid: int
    tick: str
    log: str
    stop_signal: int
    grace_s: float


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    user: User | None = None,
    stop_signal: int = signal.SIGTERM,
    grace_s: float = 15.0,
    standard_input: bytes = b"",
) -> Started:
    """Start `command` in a session of its own, as `user` if one is given, with its output appended to `log` (mode 0600)."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=descriptor,
            cwd=folder,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            umask=0o077,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )
    finally:
        os.close(descriptor)
    assert process.stdin is not None
    _CHILDREN[process.pid] = process
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(standard_input)
    return Started(name=name, pid=process.pid, tick=_tick(process.pid), log=str(log), stop_signal=int(stop_signal), grace_s=grace_s)


def is_alive(started: Started) -> bool:
    """Return whether this very process still runs; one that ended and was not yet collected counts as ended."""
    if started.pid in _CHILDREN:
        _CHILDREN[started.pid].poll()
    return started.tick != "" and _tick(started.pid) == started.tick


def wait_until(is_so: Callable[[], bool], within_s: float) -> bool:
    """Return True as soon as `is_so()` holds, False when it does not within the time."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() >= deadline_s:
            return False
        _NOBODY.wait(_POLL_S)
    return True


def require_ready(started: Started, is_ready: Callable[[], bool], within_s: float) -> None:
    """Return when `is_ready()`; raises Outage with the log's last lines when the process ends or stays silent."""
    wait_until(lambda: not is_alive(started) or is_ready(), within_s)
    if is_alive(started) and is_ready():
        return
    found = f"{started.name} is not ready after {within_s:g} s" if is_alive(started) else f"{started.name} ended at once"
    raise Outage(found=f"{found}\n{_tail(Path(started.log))}", expected=f"{started.name} to answer", remedy=f"read {started.log}")


def stop(started: Started) -> bool:
    """Stop a process and everything of its session; return whether it ended by itself, without being killed.

    Raises Outage when something of it outlives even SIGKILL.
    """
    if is_alive(started):
        _signal(started.pid, started.stop_signal)
    ended_well = wait_until(lambda: not _remaining(started), started.grace_s if is_alive(started) else 1.0)
    for pid in _remaining(started):
        _signal(pid, signal.SIGKILL)
    if not wait_until(lambda: not _remaining(started), _AFTER_KILL_S):
        raise Outage(found=f"{started.name} does not end", expected="no process of it", remedy=f"look at process {started.pid}")
    child = _CHILDREN.pop(started.pid, None)
    if child is not None:
        child.wait()  # it has ended; this collects it
    return ended_well


def _remaining(started: Started) -> list[int]:
    """Return the living processes of its session. Session ids are never reused while a member lives."""
    alive = [started.pid] if is_alive(started) else []
    if not alive and _tick(started.pid) not in {"", started.tick}:
        return []  # The id belongs to somebody else by now, hence so may the session.
    everybody = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return alive + [pid for pid in everybody if pid != started.pid and _session(pid) == started.pid]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _tick(pid: int) -> str:
    """Return the process's start tick, or "" when it does not run."""
    fields = _stat(pid)
    return "" if not fields or fields[0] in {"Z", "X"} else fields[19]


def _session(pid: int) -> int | None:
    fields = _stat(pid)
    return None if not fields or fields[0] in {"Z", "X"} else int(fields[3])


def _stat(pid: int) -> list[str]:
    """Return state, parent, group, session … from /proc/PID/stat: what follows the command's name, which may hold spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines)
