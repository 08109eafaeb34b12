"""Passes are made arm by arm with plain fakes for models: what is kept, what is excused and why, and what goes through."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, BadInput, Fault, TicketBusy
from rtbf.progress import silent
from rtbf.verify import arms
from rtbf.verify.arms import NoStore, make_passes
from rtbf.verify.white_box import TooFewRecordsError
from tests.unit.verify.arms_bench import NAMES, WORDS, Bench, asked_of, key_of, make_on, outcomes_of, sources_of, work_of

if TYPE_CHECKING:
    from rtbf.verify.asked import Asked


def test_every_pass_is_asked_of_its_own_arm_in_its_own_state(bench: Bench) -> None:
    wanted = [
        key_of("original"), key_of("original", items="secrets"), key_of(), key_of(state="again"), key_of(state="nf4"),
        key_of("control-1", "nf4"),
    ]  # fmt: skip

    made = make_on(bench, *wanted)

    assert bench.asked == [(key.arm, key.state, key.items) for key in wanted]
    assert list(made.found) == wanted
    assert made.failed == {}


def test_only_an_arm_as_served_is_asked_for_all_columns_and_only_the_repeat_in_the_other_layout(bench: Bench) -> None:
    make_on(bench, key_of(), key_of(state="again"), key_of(state="nf4"))

    # (plain, other layout, seed)
    assert bench.settings == {
        ("unlearned", "", "forget"): (False, False, 17),
        ("unlearned", "again", "forget"): (True, True, 17),
        ("unlearned", "nf4", "forget"): (True, False, 17),
    }


def test_one_model_is_in_memory_at_a_time(bench: Bench) -> None:
    make_on(bench, *(key_of(arm, state) for arm in NAMES for state in ("", "nf4")))

    assert bench.together == [["original"], ["unlearned"], ["control-1"]]
    assert list(bench.alive) == []


def test_two_are_in_memory_only_where_the_arm_is_set_against_the_original_and_the_passes_with_one_come_first(bench: Bench) -> None:
    wanted = [
        key_of("original", "lens-half"),
        key_of(state="guided-2.0"),
        key_of(state="nf4"),
        key_of(state="steered-1.0"),
        key_of("control-1"),
    ]

    made = make_on(bench, *wanted)

    # The original beside itself is not loaded a second time; beside the artefact it is loaded once for both states.
    assert bench.together == [["original"], ["unlearned"], ["original", "unlearned"], ["control-1"]]
    assert bench.asked == [
        ("original by original", "lens-half", "forget"),
        ("unlearned", "nf4", "forget"),
        ("unlearned by original", "guided-2.0", "forget"),
        ("unlearned by original", "steered-1.0", "forget"),
        ("control-1", "", "forget"),
    ]
    assert set(made.found) == set(wanted)


def test_an_arm_of_which_nothing_is_wanted_is_not_loaded(bench: Bench) -> None:
    make_on(bench, key_of("control-1"))

    assert bench.loaded == ["control-1"]


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (FloatingPointError(), "NUMERIC"),
        (TooFewRecordsError(), "UNDERPOWERED"),
        (Fault(**WORDS), "PROBE_ERROR"),
        (RuntimeError("out of memory"), "PROBE_ERROR"),
        (KeyError("layer"), "PROBE_ERROR"),
    ],
)
def test_a_pass_that_breaks_is_noted_with_its_reason_and_the_others_go_on(bench: Bench, raised: Exception, reason: str) -> None:
    bench.raises[("unlearned", "", "forget")] = raised

    made = make_on(bench, key_of(), key_of(items="secrets"), key_of("control-1"))

    assert outcomes_of(made) == {
        ("unlearned", "", "forget"): reason,
        ("unlearned", "", "secrets"): "found",
        ("control-1", "", "forget"): "found",
    }
    assert made.tokens == {"secrets": 7, "forget": 10}  # what gave nothing is not counted as work


def test_a_state_that_cannot_be_entered_fails_its_passes_and_no_others(bench: Bench) -> None:
    bench.entering["nf4"] = FloatingPointError()

    made = make_on(bench, key_of(), key_of(state="nf4"), key_of(state="nf4", items="secrets"), key_of(state="int8"))

    assert outcomes_of(made) == {
        ("unlearned", "", "forget"): "found",
        ("unlearned", "nf4", "forget"): "NUMERIC",
        ("unlearned", "nf4", "secrets"): "NUMERIC",
        ("unlearned", "int8", "forget"): "found",
    }


@pytest.mark.parametrize("raised", [BadInput(**WORDS), TicketBusy(**WORDS)])
def test_a_refusal_of_ours_is_no_weak_measurement(bench: Bench, raised: Exception) -> None:
    bench.raises[("unlearned", "", "forget")] = raised

    with pytest.raises(type(raised)) as caught:
        make_on(bench, key_of(), key_of("control-1"))

    assert caught.value is raised


def test_weights_that_are_not_those_of_the_record_end_the_verification(bench: Bench) -> None:
    def wrong() -> Any:
        raise ArtefactMismatch(**WORDS)

    sources = [replace(source, load=wrong) if source.arm.name == "unlearned" else source for source in sources_of(bench)]

    with pytest.raises(ArtefactMismatch):
        make_passes(sources, [key_of("original"), key_of()], work_of(), silent)


@pytest.mark.parametrize("raised", [RuntimeError("lease"), FloatingPointError(), TicketBusy(**WORDS), TimeoutError()])
def test_what_the_callers_progress_raises_goes_through_as_it_is(bench: Bench, raised: Exception) -> None:
    """A lost lease says nothing about a model, whatever class of error tells it."""

    def progress(step: str, done: int, total: int) -> None:
        if done >= 10:
            raise raised

    with pytest.raises(type(raised)) as caught:
        make_on(bench, key_of(), key_of(items="secrets"), progress=progress)

    assert caught.value is raised
    assert bench.asked == [("unlearned", "", "forget")]


def test_a_full_disk_goes_through_and_fails_no_pass(bench: Bench) -> None:
    full = OSError(28, "no space left")

    class Full(NoStore):
        def put(self, key: str, content: bytes) -> None:
            raise full

    with pytest.raises(OSError, match="no space left") as caught:
        make_on(bench, key_of(), work=work_of(store=Full()))

    assert caught.value is full


def test_whoever_interrupts_is_heard(bench: Bench) -> None:
    bench.raises[("unlearned", "", "forget")] = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        make_on(bench, key_of())


def _clock(monkeypatch: pytest.MonkeyPatch, bench: Bench, takes_s: dict[str, float]) -> None:
    """Let asking a set take so many seconds of a clock that nothing else moves."""
    now = [1000.0]
    ask = bench.ask_set

    def asking(model: Any, asked: Asked, **told: Any) -> Any:
        now[0] += takes_s[asked.name]
        return ask(model, asked, **told)

    monkeypatch.setattr(arms, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(arms, "ask_set", asking)


def test_a_state_that_takes_too_long_is_timed_out_and_the_next_one_has_its_whole_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clock(monkeypatch, bench, {"forget": 6.0, "secrets": 5.0})

    made = make_on(
        bench,
        key_of(), key_of(items="secrets"), key_of(state="nf4"), key_of("control-1", items="secrets"),
        work=work_of(time_out_s=10.0),
    )  # fmt: skip

    assert outcomes_of(made) == {
        ("unlearned", "", "forget"): "found",
        ("unlearned", "", "secrets"): "TIMED_OUT",  # 6 + 5 s are more than 10
        ("unlearned", "nf4", "forget"): "found",
        ("control-1", "", "secrets"): "found",
    }


def test_what_was_not_begun_when_time_was_out_is_timed_out_without_being_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, bench, {"forget": 60.0, "secrets": 1.0})

    made = make_on(bench, key_of(), key_of(items="secrets"), work=work_of(time_out_s=10.0))

    assert set(outcomes_of(made).values()) == {"TIMED_OUT"}
    assert bench.asked == [("unlearned", "", "forget")]


def test_without_a_limit_nothing_is_timed_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, bench, {"forget": 1e9, "secrets": 1e9})

    assert make_on(bench, key_of(), key_of(items="secrets")).failed == {}


def test_an_attack_is_made_once_an_arm_and_looked_at_on_its_way(bench: Bench) -> None:
    wanted = [key_of(arm, f"relearn-rtt@{step}", name) for arm in NAMES[1:] for step in (0, 25) for name in ("forget", "secrets")]

    made = make_on(bench, *wanted)

    assert bench.attacks == [("unlearned", 0.002), ("control-1", 0.002)]
    assert bench.asked == [(key.arm, key.state, key.items) for key in wanted]
    assert set(made.found) == set(wanted)


def test_an_attack_that_breaks_midway_leaves_what_was_seen_before(bench: Bench) -> None:
    bench.entering["relearn-rtt@25"] = Fault(**WORDS)

    made = make_on(bench, *(key_of(state=f"relearn-rtt@{step}") for step in (0, 10, 25, 50)), key_of("control-1"))

    assert outcomes_of(made) == {
        ("unlearned", "relearn-rtt@0", "forget"): "found",
        ("unlearned", "relearn-rtt@10", "forget"): "found",
        ("unlearned", "relearn-rtt@25", "forget"): "PROBE_ERROR",
        ("unlearned", "relearn-rtt@50", "forget"): "PROBE_ERROR",
        ("control-1", "", "forget"): "found",
    }


def test_where_two_models_do_not_fit_the_passes_with_one_of_them_stand(bench: Bench) -> None:
    def crowded() -> Any:
        if bench.alive:
            raise MemoryError
        return bench.load("original")

    sources = [replace(source, load=crowded) if source.arm.name == "original" else source for source in sources_of(bench)]

    made = make_passes(sources, [key_of("original"), key_of(), key_of(state="guided-2.0")], work_of(), silent)

    assert outcomes_of(made) == {
        ("original", "", "forget"): "found",
        ("unlearned", "", "forget"): "found",
        ("unlearned", "guided-2.0", "forget"): "PROBE_ERROR",
    }


def test_a_set_of_replies_cannot_be_asked_between_the_layers(bench: Bench) -> None:
    work = work_of(asked={"forms": asked_of("forms", reads="reply")})

    assert outcomes_of(make_on(bench, key_of(state="lens-half", items="forms"), work=work)) == {
        ("unlearned", "lens-half", "forms"): "PROBE_ERROR"
    }


def test_the_progress_counts_forward_tokens_to_the_end(bench: Bench) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    make_on(bench, key_of(), key_of(items="secrets"), key_of(state="steered-1.0"), progress=tell)

    # 10 and 7 tokens, and 3 × 10 for steering: two mean states and one scoring.
    assert told == [("measuring", done, 47) for done in (0, 10, 17, 47)]
