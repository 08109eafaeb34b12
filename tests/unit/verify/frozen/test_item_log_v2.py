"""The per-item log of the second form: what was written is read back, and a log that could be read in two ways is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.verify.frozen.item_log_v2 import ArmScores, ItemLog, read_item_log, repeat_delta, write_item_log
from rtbf.verify.frozen.item_scores_v1 import ItemScores

if TYPE_CHECKING:
    from collections.abc import Callable


def _item(record_id: str, *log_probs: float) -> ItemScores:
    return ItemScores(record_id=record_id, log_probs=log_probs, hits=tuple(value > -1 for value in log_probs), has_end=True)


def _log(again: float = -0.25, states: int = 0) -> ItemLog:
    first, second = _item("r1", -0.25, -2.5), _item("r2", -1.125)
    arms = ArmScores(original=[first, second], unlearned=[first, second], controls=([first, second],), adapter_off=None)
    forget = replace(arms, adapter_off=[first, second] if states else None)
    return ItemLog(arms=("original", "unlearned", "control-1"), forget=forget, holdout=arms, again=[_item("r1", again, -2.5), second])


@pytest.mark.parametrize("states", [0, 1])
def test_what_was_written_is_read_back(states: int) -> None:
    written = write_item_log(_log(states=states))

    read = read_item_log(written)

    assert read == _log(states=states)
    assert write_item_log(read) == written


@given(st.floats(min_value=-1e6, max_value=0))
def test_a_logged_number_is_kept_to_nine_places_and_written_the_same_again(value: float) -> None:
    written = write_item_log(_log(again=value))

    again = read_item_log(written).again[0].log_probs[0]

    assert abs(again - value) <= 5.1e-10 * max(1.0, abs(value))
    assert write_item_log(_log(again=again)) == written


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_stays_what_it_was(value: float) -> None:
    read = read_item_log(write_item_log(_log(again=value))).again[0].log_probs[0]

    assert str(read) == str(value)
    assert repeat_delta(_log(again=value)) is None


def test_the_repeat_difference_is_the_largest_of_any_token() -> None:
    assert repeat_delta(_log(again=-0.28125)) == 0.03125


def _set(path: str, *, to: Any) -> Callable[[Any], None]:
    def change(log: Any) -> None:
        *way, last = (int(part) if part.isdigit() else part for part in path.split("/"))
        for part in way:
            log = log[part]
        log[last] = to

    return change


def _drop(path: str) -> Callable[[Any], None]:
    def change(log: Any) -> None:
        *way, last = (int(part) if part.isdigit() else part for part in path.split("/"))
        for part in way:
            log = log[part]
        del log[last]

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("schema", to="rtbf.item-log/1"),
        _set("more", to=1),
        _drop("arms"),
        _set("arms", to=["original"]),
        _set("arms", to=["original", "unlearned", "unlearned"]),
        _set("arms", to=["original", "unlearned", "adapter-off"]),
        _drop("items/forget/control-1"),
        _drop("items/forget/unlearned-again"),
        _set("items/holdout/adapter-off", to=[]),
        _set("items/forget/control-2", to=[]),
        _drop("items/forget/control-1/0"),
        _drop("items/holdout/unlearned/1"),
        _set("items/forget/unlearned/0/record_id", to="r2"),
        _set("items/forget/unlearned/0/record_id", to=1),
        _set("items/forget/unlearned/0/log_probs/0", to="-0.25"),
        _set("items/forget/unlearned/0/log_probs/0", to="-1e-9"),
        _set("items/forget/unlearned/0/log_probs/0", to="nan"),
        _set("items/forget/unlearned/0/log_probs/0", to=-1),
        _drop("items/forget/unlearned/0/log_probs/0"),
        _set("items/forget/unlearned/0/hits/0", to=True),
        _set("items/forget/unlearned/0/hits/0", to=2),
        _set("items/forget/unlearned/0/has_end", to=1),
        _set("items/forget/unlearned/0/has_end", to=False),
        _set("items/forget/unlearned/0", to=None),
        _set("items/forget/unlearned", to={}),
        _set("items", to=[]),
    ],
)
def test_a_log_that_leaves_a_choice_is_refused(change: Callable[[Any], None]) -> None:
    log = json.loads(write_item_log(_log()))
    change(log)

    with pytest.raises(ValueError, match=r"\w"):
        read_item_log(json.dumps(log).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 10_000, b'{"arms":[],"arms":[]}', b'{"arms":1.5}'])
def test_what_is_no_log_at_all_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_item_log(raw)


def test_a_log_beyond_the_bound_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        read_item_log(write_item_log(_log()), max_bytes=10)
