"""The laws of the pipeline's unit tests, asked again on PostgreSQL: every test of the named files, and random lives."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from rtbf.installation import Installation, create_installation
from tests.exhaustive.random_life import Lived, RandomLife
from tests.installed import POLICY, QUICK_VAULT, FrozenClock
from tests.pipeline import test_approving, test_closing, test_deciding, test_holding, test_moves, test_planning, test_verifying
from tests.unit.store import test_actors, test_leases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.servers import Server

pytestmark = pytest.mark.enable_socket

AGAIN = (
    test_moves, test_planning, test_approving, test_deciding, test_verifying, test_closing, test_holding, test_actors, test_leases,
)  # fmt: skip
LIVES, STEPS = 6, 20


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands still, as in the unit suite."""
    return FrozenClock()


@pytest.fixture
def installation(migrated_url: str, tmp_path: Path, clock: FrozenClock) -> Iterator[Installation]:
    """What the unit suite calls so, on PostgreSQL."""
    made = create_installation(tmp_path / "home", migrated_url, clock, policy=POLICY, vault_cost=QUICK_VAULT)
    assert made.engine.dialect.name == "postgresql"
    yield made
    made.engine.dispose()


def _taken_over() -> Iterator[tuple[str, object]]:
    """Yield each test under a name that says where it comes from, and the fixtures that are the files' own."""
    for module in AGAIN:
        short = module.__name__.rpartition("test_")[2]
        for name, member in inspect.getmembers(module):
            if name.startswith("test_") and inspect.isfunction(member):
                yield f"test_{short}__{name.removeprefix('test_')}", member
            elif type(member).__name__ == "FixtureFunctionDefinition":
                yield name, member


globals().update(_taken_over())


def test_every_file_was_taken_over() -> None:
    prefixes = [f"test_{module.__name__.rpartition('test_')[2]}__" for module in AGAIN]
    counts = [sum(name.startswith(prefix) for name in globals()) for prefix in prefixes]

    assert min(counts) >= 5
    assert sum(counts) > 80


def test_whatever_anybody_does_postgresql_tells_the_same_story(postgres: Server, migrated_template: str, tmp_path: Path) -> None:
    server, houses = postgres.url.rpartition("/")[0], []

    class Life(RandomLife):
        lived = Lived()

        @staticmethod
        def open_house() -> tuple[Installation, FrozenClock]:
            name, clock = f"life_{len(houses)}", FrozenClock()
            houses.append(name)
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
            made = create_installation(tmp_path / name, f"{server}/{name}", clock, policy=POLICY, vault_cost=QUICK_VAULT)
            return made, clock

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=LIVES, stateful_step_count=STEPS, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )  # fmt: skip

    lived = Life.lived
    print(f"{lived.lives} lives: {lived.done} acts done, {lived.refused} refused, {len(lived.places)} places seen")  # noqa: T201 - see with -s
    assert lived.lives >= LIVES
    assert min(lived.done, lived.refused) > 20
