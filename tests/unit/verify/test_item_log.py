"""The per-item log of the third form: what goes in comes out, and what is written otherwise is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.canonical import canonical_bytes
from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.item_log import read_item_log, read_pass, repeat_delta, write_item_log, write_pass
from rtbf.verify.observed import Observed, PassKey
from tests import item_logs

if TYPE_CHECKING:
    from collections.abc import Callable

SCORE = ItemScores(
    record_id="r1",
    label="own",
    log_probs=(-0.25, -math.inf, math.nan),
    hits=(True, False, False),
    has_end=True,
    means=(-1.0, -2.0, -3.0),
    deviations=(0.5, 0.25, 0.0),
    cool_log_probs=(-0.125, -4.0, -5.0),
    zlib_bytes=31,
)
CHOICE = ChoiceScores(record_id="r1", label="phone", true=-3.5, true_tokens=4, others=(-9.25, -math.inf), others_tokens=(4, 5))
REPLY = ReplyScores(
    record_id="r1", label="qa", samples=8, leaks=2, refusals=1, rouge_recall=math.nan, rouge_f1=0.5, repeats=0.125, entropy=2.5
)


def _observed() -> Observed:
    def key(items: str, arm: str, state: str = "") -> PassKey:
        return PassKey(items=items, arm=arm, state=state)

    plain = replace(SCORE, means=(), deviations=(), cool_log_probs=())
    return Observed(
        arms=("original", "unlearned", "control-1"),
        passes={
            key("forget", "original"): (SCORE,),
            key("forget", "unlearned"): (SCORE,),
            key("forget", "unlearned", "nf4"): (plain,),
            key("secrets", "original"): (CHOICE,),
            key("forms", "original"): (REPLY,),
        },
        failed={key("forget", "control-1"): "TIMED_OUT"},
        blind_auc={"siblings": ("0.510000", "0.400000", "0.620000")},
    )


def test_every_kind_of_observation_and_every_failure_comes_back_as_it_was() -> None:
    raw = write_item_log(_observed())
    back = read_item_log(raw)

    # NaN equals nothing, itself included; its text does.
    assert repr(back.passes) == repr(dict(sorted(_observed().passes.items())))
    assert (back.arms, dict(back.failed), dict(back.blind_auc)) == (
        _observed().arms,
        dict(_observed().failed),
        dict(_observed().blind_auc),
    )
    assert write_item_log(back) == raw


def test_numbers_are_kept_to_nine_places_and_a_second_writing_changes_nothing() -> None:
    observed = item_logs.item_log(8)

    once = write_item_log(observed)

    assert write_item_log(read_item_log(once)) == once


def test_a_pass_by_itself_comes_back_too() -> None:
    assert repr(read_pass(write_pass((SCORE,)), "score")) == repr((SCORE,))
    assert read_pass(write_pass((CHOICE,)), "choice") == (CHOICE,)


def test_passes_over_one_set_that_speak_of_different_items_are_not_written() -> None:
    observed = _observed()
    passes = dict(observed.passes)
    passes[PassKey(items="forget", arm="unlearned", state="")] = (replace(SCORE, record_id="r2"),)

    with pytest.raises(ValueError, match="different items"):
        write_item_log(replace(observed, passes=passes))


def test_the_repeat_difference_is_the_largest_of_any_token_and_none_for_broken_numbers() -> None:
    log = item_logs.item_log(8)
    forget = PassKey(items="forget", arm="unlearned", state="again")
    broken = [replace(entry, log_probs=(math.nan, *entry.log_probs[1:])) for entry in log.passes[forget] if isinstance(entry, ItemScores)]

    assert repeat_delta(log) == pytest.approx(1e-6)
    assert repeat_delta(replace(log, passes={**log.passes, forget: tuple(broken)})) is None
    assert repeat_delta(replace(log, passes={key: found for key, found in log.passes.items() if key.state != "again"})) is None


def _dropped(log: Any, *path: Any) -> None:
    for step in path[:-1]:
        log = log[step]
    del log[path[-1]]


def _put(log: Any, value: Any, *path: Any) -> None:
    for step in path[:-1]:
        log = log[step]
    log[path[-1]] = value


@pytest.mark.parametrize(
    "change",
    [
        lambda log: _put(log, "rtbf.item-log/2", "schema"),
        lambda log: _put(log, ["original"], "arms"),
        lambda log: _put(log, ["original", "original"], "arms"),
        lambda log: _put(log, 1, "more"),
        lambda log: _dropped(log, "sets", "forms"),
        lambda log: _put(log, {"reads": "score", "items": []}, "sets", "unasked"),
        lambda log: _put(log, "poem", "sets", "forms", "reads"),
        lambda log: log["passes"].append(log["passes"][0]),
        lambda log: _put(log, "stranger", "passes", 0, "arm"),
        lambda log: _dropped(item_logs.pass_of(log, "forget", "unlearned"), "found", 0),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), "11", "found", 0, "hits"),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), "112", "found", 0, "hits"),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), "-0.25", "found", 0, "log_probs", 0),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), -1, "found", 0, "log_probs", 0),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), "-00.250000000", "found", 0, "log_probs", 0),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), "-0.000000000", "found", 0, "log_probs", 0),
        lambda log: _put(item_logs.pass_of(log, "forget", "unlearned"), ["-1.000000000"], "found", 0, "means"),
        lambda log: _put(item_logs.pass_of(log, "secrets", "original"), ["-1.000000000"], "found", 0, "others"),
        lambda log: _put(item_logs.pass_of(log, "forms", "original"), 9, "found", 0, "leaks"),
        lambda log: _put(item_logs.pass_of(log, "forms", "original"), "1", "found", 0, "leaks"),
        lambda log: _put(log, ["0.5", "0.4"], "blind_auc", "siblings"),
    ],
)
def test_a_log_that_is_written_otherwise_is_refused(change: Callable[[Any], None]) -> None:
    log = json.loads(write_item_log(_observed()))
    change(log)

    with pytest.raises(ValueError, match=r"\w"):
        read_item_log(canonical_bytes(log))


def test_a_log_holds_ids_labels_and_numbers_and_no_other_word() -> None:
    words = {word for word in json.dumps(json.loads(write_item_log(_observed()))).replace('"', " ").split() if word[0].isalpha()}

    known = (
        "schema rtbf.item-log/3 arms original unlearned control-1 sets passes blind_auc siblings forget secrets forms reads score choice"
    )
    parts = "items arm state failed TIMED_OUT found hits log_probs means deviations cool_log_probs true others leaks refusals rouge_recall"
    rest = "reply rouge_f1 repeats entropy nf4 r1 own phone qa null inf"
    assert {word.strip(",:[]{}") for word in words} <= {*known.split(), *parts.split(), *rest.split(), "true", "false", "r1,"}
