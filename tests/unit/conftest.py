"""Fixtures of the unit suite: an installation in a temporary home, on SQLite, under a clock that stands still."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rtbf.installation import Installation, create_installation, open_installation
from rtbf.policy import Policy
from rtbf.vault.kek_file import Argon2Cost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK_VAULT = Argon2Cost(memory_kib=8, iterations=1, lanes=1)
"""The cheapest lawful cost: what the recommended one is worth is the vault tests' matter."""
POLICY = Policy(
    grace_s=0, controller_name="Example Models", controller_contact="privacy@example.org", authority_name="Example Authority",
    sells_or_shares=False,
)  # fmt: skip
NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


class FrozenClock:
    """A clock that shows one instant until it is moved by hand."""

    def __init__(self, instant: datetime = NOON) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        return self.instant

    def move(self, **span: float) -> None:
        """Go forward by a timedelta's arguments, for example `clock.move(seconds=61)`."""
        self.instant += timedelta(**span)


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
