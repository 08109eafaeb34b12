"""What all suites share: closed sockets but where a suite is about real services, and an installation under a frozen clock."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rtbf.installation import Installation, create_installation, open_installation
from tests.installed import POLICY, QUICK_VAULT, FrozenClock
from tests.together import TogetherScheduling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

_TESTS = Path(__file__).parent
_WITH_SOCKETS = (_TESTS / "integration", _TESTS / "journey")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open sockets for integration and journey tests: they talk to PostgreSQL, Redis and the API on 127.0.0.1."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _WITH_SOCKETS):
            item.add_marker(pytest.mark.enable_socket)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherScheduling | None:
    """With `--dist loadscope`, say by our own rule what one process must run; otherwise leave it to xdist."""
    return TogetherScheduling(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture
def clock() -> FrozenClock:
    """A clock frozen at noon of 2 March 2026, UTC."""
    return FrozenClock()


@pytest.fixture
def home_path(tmp_path: Path) -> Path:
    """Where the test's home lies; nothing is there until `installation` or the test makes it."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home made once: laying the schema takes far longer than copying the files."""
    path = tmp_path_factory.mktemp("made") / "home"
    create_installation(path, None, FrozenClock(), policy=POLICY, vault_cost=QUICK_VAULT).engine.dispose()
    return path


@pytest.fixture
def installation(home_path: Path, clock: FrozenClock, empty_home: Path) -> Iterator[Installation]:
    """A fresh installation: keys, an empty SQLite database, the frozen clock, and no grace period."""
    shutil.copytree(empty_home, home_path)
    opened = open_installation(home_path, None, clock, policy=POLICY)
    yield opened
    opened.engine.dispose()
