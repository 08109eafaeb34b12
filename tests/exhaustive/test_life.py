"""Random lives of tickets on SQLite; the same laws are asked on PostgreSQL in tests/integration/test_lifecycle.py."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from rtbf.installation import Installation, create_installation, open_installation
from rtbf.ticket.lifecycle import STATES
from tests.exhaustive.random_life import Lived, RandomLife
from tests.installed import POLICY, QUICK_VAULT, FrozenClock

if TYPE_CHECKING:
    from pathlib import Path

LIVES, STEPS = 16, 25


def test_whatever_anybody_does_ledger_outbox_and_tickets_tell_the_same_story(tmp_path: Path) -> None:
    create_installation(tmp_path / "template", None, FrozenClock(), policy=POLICY, vault_cost=QUICK_VAULT).engine.dispose()

    class Life(RandomLife):
        lived = Lived()

        @staticmethod
        def open_house() -> tuple[Installation, FrozenClock]:
            home, clock = tmp_path / f"home-{secrets.token_hex(4)}", FrozenClock()
            shutil.copytree(tmp_path / "template", home)
            return open_installation(home, None, clock, policy=POLICY), clock

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=LIVES, stateful_step_count=STEPS, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
            # Making a failing life shorter takes minutes; its steps are printed whole.
            phases=[Phase.generate],
        ),
    )  # fmt: skip

    lived = Life.lived
    print(f"{lived.lives} lives: {lived.done} acts done, {lived.refused} refused, {len(lived.places)} places seen")  # noqa: T201 - see with -s
    assert lived.lives >= LIVES
    assert min(lived.done, lived.refused) > 100
    assert {state for state, _ in lived.places} == set(STATES)
