"""A private PostgreSQL and a private Redis: own data, own password, loopback only, gone when they are stopped.

Debian's binaries are used as they are. PostgreSQL refuses to run as root, so both run as an unprivileged user then.
Redis keeps nothing on disk: it only nudges, and losing it loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import redis

from deploy.processes import Started, require_ready, start, stop
from deploy.user import remove_server_folder, server_folder, server_user
from rtbf.errors import ExtraMissing, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.user import User

_NAME = "rtbf"
_LOOPBACK = "127.0.0.1"
_READY_S = 60.0
_INITDB_S = 120
_CONNECT_S = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that answers: its process, its URL with its password, and the folder its data lies in."""

    started: Started
    url: str
    folder: str


@contextlib.contextmanager
def private_postgres(folder: Path, *, is_durable: bool = False) -> Iterator[Server]:
    """Yield a PostgreSQL with an empty database `rtbf` and its data in `folder`; stop it and remove the data at the end.

    Without `is_durable` nothing is synced to disk: right for tests, where a power cut costs nothing.
    """
    server = start_postgres(folder, is_durable=is_durable)
    try:
        yield server
    finally:
        stop(server.started)
        remove_server_folder(Path(server.folder))


@contextlib.contextmanager
def private_redis(folder: Path, *, port: int | None = None, password: str | None = None) -> Iterator[Server]:
    """Yield a Redis that keeps nothing; stop it at the end. With `port` and `password` of an earlier one it takes its place."""
    server = start_redis(folder, port=port, password=password)
    try:
        yield server
    finally:
        stop(server.started)
        remove_server_folder(Path(server.folder))


def require_binaries() -> None:
    """Return when both servers are installed; raises ExtraMissing with the packages' names."""
    _postgres_binary("postgres")
    _redis_binary()


def start_postgres(folder: Path, *, is_durable: bool, port: int | None = None) -> Server:
    """Start a PostgreSQL over the data in `folder`, made at the first start, and return when it answers."""
    user = server_user("postgres")
    place = server_folder(folder, user)
    data = place / "data"
    is_first = not (data / "PG_VERSION").exists()
    password = _kept_password(place)
    if is_first:
        _make_cluster(data, password, user)
    chosen = port or free_port()
    durability = [] if is_durable else ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    command = [
        _postgres_binary("postgres"), "-D", str(data), "-p", str(chosen), "-c", f"listen_addresses={_LOOPBACK}",
        # No socket file: its path would have to fit into 107 bytes.
        "-c", "unix_socket_directories=", *durability,
    ]  # fmt: skip
    # SIGINT is PostgreSQL's fast shutdown: it closes connections, and leaves the data clean.
    log = place / "postgres.log"
    started = start("PostgreSQL", command, log=log, folder=place, user=user, stop_signal=signal.SIGINT, grace_s=30.0)
    try:
        require_ready(started, lambda: _answers_postgres(chosen, password), _READY_S)
        _make_database(chosen, password)
    except BaseException:
        stop(started)
        raise
    return Server(started=started, url=f"postgresql://{_NAME}:{password}@{_LOOPBACK}:{chosen}/{_NAME}", folder=str(place))


def start_redis(folder: Path, *, port: int | None = None, password: str | None = None) -> Server:
    """Start a Redis that keeps nothing on disk, and return when it answers. Its configuration never touches a disk either."""
    user = server_user("redis")
    place = server_folder(folder, user)
    chosen, secret = port or free_port(), password or secrets.token_hex(16)
    lines = (
        f"bind {_LOOPBACK}", f"port {chosen}", f"requirepass {secret}", "protected-mode yes",
        'save ""', "appendonly no", f"dir {place}", "daemonize no",
    )  # fmt: skip
    configuration = "\n".join(lines).encode() + b"\n"
    log = place / "redis.log"
    started = start("Redis", [_redis_binary(), "-"], log=log, folder=place, user=user, standard_input=configuration)
    url = f"redis://:{secret}@{_LOOPBACK}:{chosen}/0"
    try:
        require_ready(started, lambda: _answers_redis(url), _READY_S)
    except BaseException:
        stop(started)
        raise
    return Server(started=started, url=url, folder=str(place))


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _make_cluster(data: Path, password: str, user: User | None) -> None:
    """Make the data folder. A folder left by a broken attempt is removed first: without PG_VERSION it holds nothing."""
    shutil.rmtree(data, ignore_errors=True)
    password_file = data.parent / "initdb-password"
    password_file.write_text(password, encoding="ascii")
    if user is not None:
        os.chown(password_file, user.uid, user.gid)
    command = [
        _postgres_binary("initdb"), "-D", str(data), "-U", _NAME, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256",
        "--pwfile", str(password_file), "--no-instructions",
    ]  # fmt: skip
    try:
        made = subprocess.run(
            command, cwd=data.parent, capture_output=True, text=True, timeout=_INITDB_S, check=False, umask=0o077,
            user=None if user is None else user.uid, group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )  # fmt: skip
    finally:
        password_file.unlink()
    if made.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise Fault(found=f"initdb failed: {made.stderr.strip()}", expected="a data folder", remedy=f"look at {data.parent}")


def _kept_password(place: Path) -> str:
    """Return the cluster's password: made once, kept beside the data in a file that only its owner and root can read."""
    file = place / "password"
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(16))
    return file.read_text(encoding="ascii")


def _make_database(port: int, password: str) -> None:
    with psycopg.connect(_dsn(port, password), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {_NAME}")


def _answers_postgres(port: int, password: str) -> bool:
    try:
        psycopg.connect(_dsn(port, password)).close()
    except psycopg.OperationalError:
        return False
    return True


def _dsn(port: int, password: str) -> str:
    return f"host={_LOOPBACK} port={port} user={_NAME} password={password} dbname=postgres connect_timeout={_CONNECT_S}"


def _answers_redis(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=_CONNECT_S, socket_timeout=_CONNECT_S) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _postgres_binary(name: str) -> str:
    """Return the newest PostgreSQL's program: Debian keeps them off PATH, a folder for each version."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]), reverse=True)
    return _required(str(versions[0]) if versions else shutil.which(name), "PostgreSQL", "postgresql")


def _redis_binary() -> str:
    return _required(shutil.which("redis-server"), "Redis", "redis-server")


def _required(found: str | None, what: str, package: str) -> str:
    if found is None:
        raise ExtraMissing(
            found=f"no {what} on this machine", expected=f"Debian's package {package}", remedy="apt-get install postgresql redis-server"
        )
    return found
