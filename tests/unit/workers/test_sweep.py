"""The sweep: nudging at its pace, upkeep at a slower one, and neither waits for the other's trouble."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BrokerUnreachable, LedgerForked
from rtbf.pipeline.upkeep import UpkeepDone
from workers import sweep
from workers.sweep import sweep_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.installation import Installation


class Rounds(threading.Event):
    """An event that is set after so many rounds; each round takes ten seconds by the stopwatch."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.left, self.now_s = rounds, 1000.0

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        self.now_s += 10.0
        if self.left == 0:
            self.set()
        return self.is_set()

    def monotonic_s(self) -> float:
        return self.now_s


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    lines: list[tuple[str, dict[str, Any]]] = []

    class Log:
        def __getattr__(self, level: str) -> Any:
            return lambda event, **fields: lines.append((event, fields))

    monkeypatch.setattr(sweep, "_log", Log())
    return lines


def swept(installation: Installation, rounds: int, upkeep: Callable[[], UpkeepDone]) -> None:
    stopped = Rounds(rounds)
    sweep_until(stopped, installation, "redis://nowhere", 10.0, upkeep_every_s=60.0, upkeep=upkeep, monotonic_s=stopped.monotonic_s)


def test_upkeep_comes_at_once_and_then_once_a_minute_whether_or_not_redis_answers(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    seen: list[str] = []

    def unreachable(*_: object) -> int:
        seen.append("nudge")
        raise BrokerUnreachable(found="f", expected="e", remedy="r")

    monkeypatch.setattr(sweep, "nudge_ready", unreachable)

    swept(installation, 13, lambda: seen.append("upkeep") or UpkeepDone(counts={}, failed={}))

    # 13 rounds of 10 s: upkeep at 0, 60 and 120 s.
    assert (seen.count("nudge"), seen.count("upkeep")) == (13, 3)
    assert seen[0] == "upkeep"


def test_a_step_that_goes_on_failing_is_logged_once_by_its_code(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    monkeypatch.setattr(sweep, "nudge_ready", lambda *_: 0)

    swept(installation, 13, lambda: UpkeepDone(counts={"keys": 2}, failed={"letters": "mail-unreachable"}))

    assert [fields for event, fields in told if event == "upkeep.failed"] == [{"step": "letters", "error": "mail-unreachable"}]
    assert [fields for event, fields in told if event == "upkeep.done"] == [{"keys": 2}] * 3


def test_each_round_gives_events_their_places_and_a_ledger_in_trouble_stops_no_nudge(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    seen: list[str] = []

    def broken(_: Installation) -> int:
        seen.append("sequence")
        raise LedgerForked(found="f", expected="e", remedy="r")

    monkeypatch.setattr(sweep, "sequence_events", broken)
    monkeypatch.setattr(sweep, "nudge_ready", lambda *_: seen.append("nudge") or 0)

    swept(installation, 3, lambda: UpkeepDone(counts={}, failed={}))

    assert seen == ["sequence", "nudge"] * 3
