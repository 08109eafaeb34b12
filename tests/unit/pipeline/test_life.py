"""Random lives of tickets on SQLite; the same laws are asked on PostgreSQL in tests/integration/test_lifecycle.py."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from rtbf.installation import Installation, create_installation, open_installation
from tests.unit.conftest import POLICY, QUICK_VAULT, FrozenClock
from tests.unit.pipeline.random_life import RandomLife

if TYPE_CHECKING:
    from pathlib import Path

LIVES, STEPS = 12, 40


def test_whatever_anybody_does_ledger_outbox_and_tickets_tell_the_same_story(tmp_path: Path) -> None:
    create_installation(tmp_path / "template", None, FrozenClock(), policy=POLICY, vault_cost=QUICK_VAULT).engine.dispose()
    lives: list[Any] = []

    class Life(RandomLife):
        @staticmethod
        def open_house() -> tuple[Installation, FrozenClock]:
            home, clock = tmp_path / f"home-{len(lives)}", FrozenClock()
            shutil.copytree(tmp_path / "template", home)
            made = open_installation(home, None, clock, policy=POLICY)
            lives.append(made)
            return made, clock

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=LIVES, stateful_step_count=STEPS, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
        ),
    )

    assert len(lives) >= LIVES
