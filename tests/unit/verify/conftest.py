"""The bench on which passes are made, for the tests of this folder."""

from __future__ import annotations

import pytest

from rtbf.verify import arms
from tests.unit.verify.arms_bench import Bench


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    for name in ("ask_set", "score_white_box", "in_state", "relearn"):
        monkeypatch.setattr(arms, name, getattr(made, name))
    return made
