"""Passes are made arm by arm with plain fakes for models: what is kept, what is excused and why, and what goes through."""

from __future__ import annotations

import contextlib
import math
import weakref
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, BadInput, Fault, TicketBusy
from rtbf.lm.encoding import Item
from rtbf.lm.item_scores import ItemScores
from rtbf.progress import silent
from rtbf.verify import arms
from rtbf.verify.arms import ArmSource, NoStore, Passes, Work, make_passes
from rtbf.verify.asked import Asked
from rtbf.verify.observed import PassKey
from rtbf.verify.record import Arm
from rtbf.verify.states import Attack
from rtbf.verify.white_box import TooFewRecordsError
from tests.results import sha

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtbf.progress import Progress

NAMES = ("original", "unlearned", "control-1")
WORDS = {"found": "something", "expected": "something else", "remedy": "mend it"}


class Weights:
    """A model that is nothing but a name."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass
class Bench:
    """Stands in for everything that runs a model, and keeps what it was told to do.

    raises   (arm, state, set) → what asking raises there
    """

    raises: dict[tuple[str, str, str], Exception] = field(default_factory=dict)
    entering: dict[str, Exception] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    settings: dict[tuple[str, str, str], tuple[bool, bool, int]] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    alive: weakref.WeakSet[Weights] = field(default_factory=weakref.WeakSet)
    together: list[list[str]] = field(default_factory=list)
    state: str = ""
    level: float = -1.0
    attacks: list[tuple[str, float]] = field(default_factory=list)

    def load(self, name: str) -> Weights:
        made = Weights(name)
        self.loaded.append(name)
        self.alive.add(made)
        self.together.append(sorted(model.name for model in self.alive))
        return made

    @contextlib.contextmanager
    def in_state(self, model: Any, state: str, _calibration: Any) -> Iterator[Any]:
        if state in self.entering:
            raise self.entering[state]
        self.state = state
        yield model
        self.state = ""

    def relearn(self, model: Any, items: Any, *, learning_rate: float, seed: int, checks: tuple[int, ...]) -> Iterator[int]:
        self.attacks.append((model.name, learning_rate))
        try:
            for step in checks:
                self.state = f"relearn-rtt@{step}"
                if self.state in self.entering:
                    raise self.entering[self.state]
                yield step
        finally:
            self.state = ""

    def ask_set(self, model: Any, asked: Asked, *, is_plain: bool, is_other_layout: bool, seed: int, progress: Progress) -> Any:
        # The repeat is no other state of the weights, only another layout of the batch.
        state = "again" if is_other_layout else self.state
        return self._found(model.name, state, asked.name, asked.items, progress, (is_plain, is_other_layout, seed))

    def score_white_box(self, model: Any, beside: Any, state: str, items: Any, *, progress: Progress) -> Any:
        return self._found(f"{model.name} by {beside.name}", state, "forget", items, progress, None)

    def _found(self, arm: str, state: str, name: str, items: Any, progress: Progress, settings: Any) -> Any:
        place = (arm, state, name)
        self.asked.append(place)
        if settings is not None:
            self.settings[place] = settings
        progress("scoring", 0, 1)
        if place in self.raises:
            raise self.raises[place]
        return [ItemScores(record_id=item.record_id, log_probs=(self.level,), hits=(True,), has_end=False) for item in items]


class Shelf:
    """A store of passes in memory."""

    def __init__(self) -> None:
        self.passes: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.passes.get(key)

    def put(self, key: str, content: bytes) -> None:
        self.passes[key] = content


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    for name in ("ask_set", "score_white_box", "in_state", "relearn"):
        monkeypatch.setattr(arms, name, getattr(made, name))
    return made


def _asked(name: str = "forget", tokens: int = 10, **changes: Any) -> Asked:
    made = Asked(
        name=name, reads="score", items=tuple(_item(at) for at in range(2)), source_digest=sha(4), samples=1, temperature="0",
        tokens=tokens, left_out=(), blind_auc=None, tokenizer=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(made, **changes)


def _item(at: int) -> Item:
    return Item(record_id=f"r{at}", prompt_ids=(1, 2), answer_ids=(3, at), has_end=False)


def _work(**changes: Any) -> Work:
    attack = Attack(name="relearn-rtt", items=[_item(7)], learning_rate=0.002)
    made = Work(
        asked={"forget": _asked(), "secrets": _asked("secrets", 7)}, attacks={"relearn-rtt": attack}, calibration=[_item(8)], seed=17,
        time_out_s=None, store=NoStore(),
    )  # fmt: skip
    return replace(made, **changes)


def _arm(name: str) -> Arm:
    roles: Any = {"original": "original", "unlearned": "unlearned"}
    return Arm(name=name, role=roles.get(name, "control"), digest=sha(20 + len(name)), tokenizer=sha(9), adapter_state="none", seed=None)


def _sources(bench: Bench, changed: dict[str, dict[str, Any]] | None = None) -> list[ArmSource]:
    def loader(name: str) -> Callable[[], Any]:
        return lambda: bench.load(name)

    return [ArmSource(arm=replace(_arm(name), **(changed or {}).get(name, {})), load=loader(name)) for name in NAMES]


def _key(arm: str = "unlearned", state: str = "", items: str = "forget") -> PassKey:
    return PassKey(items=items, arm=arm, state=state)


def _made(
    bench: Bench,
    *wanted: PassKey,
    work: Work | None = None,
    progress: Progress = silent,
    arm: dict[str, dict[str, Any]] | None = None,
) -> Passes:
    """Make the passes; `arm` changes arms by name."""
    return make_passes(_sources(bench, arm), wanted, work or _work(), progress)


def _outcomes(made: Passes) -> dict[tuple[str, str, str], str]:
    return {(key.arm, key.state, key.items): "found" for key in made.found} | {
        (key.arm, key.state, key.items): reason for key, reason in made.failed.items()
    }


def test_every_pass_is_asked_of_its_own_arm_in_its_own_state(bench: Bench) -> None:
    wanted = [
        _key("original"), _key("original", items="secrets"), _key(), _key(state="again"), _key(state="nf4"), _key("control-1", "nf4"),
    ]  # fmt: skip

    made = _made(bench, *wanted)

    assert bench.asked == [(key.arm, key.state, key.items) for key in wanted]
    assert list(made.found) == wanted
    assert made.failed == {}


def test_only_an_arm_as_served_is_asked_for_all_columns_and_only_the_repeat_in_the_other_layout(bench: Bench) -> None:
    _made(bench, _key(), _key(state="again"), _key(state="nf4"))

    # (plain, other layout, seed)
    assert bench.settings == {
        ("unlearned", "", "forget"): (False, False, 17),
        ("unlearned", "again", "forget"): (True, True, 17),
        ("unlearned", "nf4", "forget"): (True, False, 17),
    }


def test_one_model_is_in_memory_at_a_time(bench: Bench) -> None:
    _made(bench, *(_key(arm, state) for arm in NAMES for state in ("", "nf4")))

    assert bench.together == [["original"], ["unlearned"], ["control-1"]]
    assert list(bench.alive) == []


def test_two_are_in_memory_only_where_the_arm_is_set_against_the_original_and_the_passes_with_one_come_first(bench: Bench) -> None:
    wanted = [_key("original", "lens-half"), _key(state="guided-2.0"), _key(state="nf4"), _key(state="steered-1.0"), _key("control-1")]

    made = _made(bench, *wanted)

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
    _made(bench, _key("control-1"))

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

    made = _made(bench, _key(), _key(items="secrets"), _key("control-1"))

    assert _outcomes(made) == {
        ("unlearned", "", "forget"): reason,
        ("unlearned", "", "secrets"): "found",
        ("control-1", "", "forget"): "found",
    }
    assert made.tokens == {"secrets": 7, "forget": 10}  # what gave nothing is not counted as work


def test_a_state_that_cannot_be_entered_fails_its_passes_and_no_others(bench: Bench) -> None:
    bench.entering["nf4"] = FloatingPointError()

    made = _made(bench, _key(), _key(state="nf4"), _key(state="nf4", items="secrets"), _key(state="int8"))

    assert _outcomes(made) == {
        ("unlearned", "", "forget"): "found",
        ("unlearned", "nf4", "forget"): "NUMERIC",
        ("unlearned", "nf4", "secrets"): "NUMERIC",
        ("unlearned", "int8", "forget"): "found",
    }


@pytest.mark.parametrize("raised", [BadInput(**WORDS), TicketBusy(**WORDS)])
def test_a_refusal_of_ours_is_no_weak_measurement(bench: Bench, raised: Exception) -> None:
    bench.raises[("unlearned", "", "forget")] = raised

    with pytest.raises(type(raised)) as caught:
        _made(bench, _key(), _key("control-1"))

    assert caught.value is raised


def test_weights_that_are_not_those_of_the_record_end_the_verification(bench: Bench) -> None:
    def wrong() -> Any:
        raise ArtefactMismatch(**WORDS)

    sources = [replace(source, load=wrong) if source.arm.name == "unlearned" else source for source in _sources(bench)]

    with pytest.raises(ArtefactMismatch):
        make_passes(sources, [_key("original"), _key()], _work(), silent)


@pytest.mark.parametrize("raised", [RuntimeError("lease"), FloatingPointError(), TicketBusy(**WORDS), TimeoutError()])
def test_what_the_callers_progress_raises_goes_through_as_it_is(bench: Bench, raised: Exception) -> None:
    """A lost lease says nothing about a model, whatever class of error tells it."""

    def progress(step: str, done: int, total: int) -> None:
        if done >= 10:
            raise raised

    with pytest.raises(type(raised)) as caught:
        _made(bench, _key(), _key(items="secrets"), progress=progress)

    assert caught.value is raised
    assert bench.asked == [("unlearned", "", "forget")]


def test_a_full_disk_goes_through_and_fails_no_pass(bench: Bench) -> None:
    full = OSError(28, "no space left")

    class Full(NoStore):
        def put(self, key: str, content: bytes) -> None:
            raise full

    with pytest.raises(OSError, match="no space left") as caught:
        _made(bench, _key(), work=_work(store=Full()))

    assert caught.value is full


def test_whoever_interrupts_is_heard(bench: Bench) -> None:
    bench.raises[("unlearned", "", "forget")] = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        _made(bench, _key())


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

    made = _made(
        bench,
        _key(), _key(items="secrets"), _key(state="nf4"), _key("control-1", items="secrets"),
        work=_work(time_out_s=10.0),
    )  # fmt: skip

    assert _outcomes(made) == {
        ("unlearned", "", "forget"): "found",
        ("unlearned", "", "secrets"): "TIMED_OUT",  # 6 + 5 s are more than 10
        ("unlearned", "nf4", "forget"): "found",
        ("control-1", "", "secrets"): "found",
    }


def test_what_was_not_begun_when_time_was_out_is_timed_out_without_being_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, bench, {"forget": 60.0, "secrets": 1.0})

    made = _made(bench, _key(), _key(items="secrets"), work=_work(time_out_s=10.0))

    assert set(_outcomes(made).values()) == {"TIMED_OUT"}
    assert bench.asked == [("unlearned", "", "forget")]


def test_without_a_limit_nothing_is_timed_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, bench, {"forget": 1e9, "secrets": 1e9})

    assert _made(bench, _key(), _key(items="secrets")).failed == {}


def test_an_attack_is_made_once_an_arm_and_looked_at_on_its_way(bench: Bench) -> None:
    wanted = [_key(arm, f"relearn-rtt@{step}", name) for arm in NAMES[1:] for step in (0, 25) for name in ("forget", "secrets")]

    made = _made(bench, *wanted)

    assert bench.attacks == [("unlearned", 0.002), ("control-1", 0.002)]
    assert bench.asked == [(key.arm, key.state, key.items) for key in wanted]
    assert set(made.found) == set(wanted)


def test_an_attack_that_breaks_midway_leaves_what_was_seen_before(bench: Bench) -> None:
    bench.entering["relearn-rtt@25"] = Fault(**WORDS)

    made = _made(bench, *(_key(state=f"relearn-rtt@{step}") for step in (0, 10, 25, 50)), _key("control-1"))

    assert _outcomes(made) == {
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

    sources = [replace(source, load=crowded) if source.arm.name == "original" else source for source in _sources(bench)]

    made = make_passes(sources, [_key("original"), _key(), _key(state="guided-2.0")], _work(), silent)

    assert _outcomes(made) == {
        ("original", "", "forget"): "found",
        ("unlearned", "", "forget"): "found",
        ("unlearned", "guided-2.0", "forget"): "PROBE_ERROR",
    }


def test_a_set_of_replies_cannot_be_asked_between_the_layers(bench: Bench) -> None:
    work = _work(asked={"forms": _asked("forms", reads="reply")})

    assert _outcomes(_made(bench, _key(state="lens-half", items="forms"), work=work)) == {
        ("unlearned", "lens-half", "forms"): "PROBE_ERROR"
    }


def test_the_progress_counts_forward_tokens_to_the_end(bench: Bench) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    _made(bench, _key(), _key(items="secrets"), _key(state="steered-1.0"), progress=tell)

    # 10 and 7 tokens, and 3 × 10 for steering: two mean states and one scoring.
    assert told == [("measuring", done, 47) for done in (0, 10, 17, 47)]


def test_what_a_pass_gives_is_what_is_kept_of_it(bench: Bench) -> None:
    """Nine places: a run that goes on from the shelf must give the record of one that was never killed."""
    bench.level, shelf = -1 / 3, Shelf()
    work = _work(store=shelf)

    first = _made(bench, _key(), work=work)
    again = _made(bench, _key(), work=work)

    scores: Any = first.found[_key()]
    assert [one.log_probs for one in scores] == [(-0.333333333,)] * 2
    assert again == first
    assert bench.loaded == ["unlearned"]  # the second time nothing was loaded, and its tokens count all the same
    assert again.tokens == {"forget": 10}


def test_numbers_that_are_none_come_back_as_none(bench: Bench) -> None:
    bench.level, shelf = math.nan, Shelf()
    work = _work(store=shelf)

    found = [_made(bench, _key(), work=work).found[_key()] for _ in range(2)]

    assert all(math.isnan(value) for entries in found for entry in entries for value in entry.log_probs)  # type: ignore[union-attr]


def test_what_failed_is_tried_again(bench: Bench) -> None:
    shelf = Shelf()
    work = _work(store=shelf)
    bench.raises[("unlearned", "", "forget")] = RuntimeError()

    failed = _made(bench, _key(), _key(items="secrets"), work=work)
    bench.raises.clear()
    mended = _made(bench, _key(), _key(items="secrets"), work=work)

    assert len(failed.failed) == 1
    assert (len(mended.found), mended.failed) == (2, {})
    assert bench.asked.count(("unlearned", "", "secrets")) == 1


ACTIVE = {"unlearned": {"adapter_state": "active"}}
OTHER_ORIGINAL = {"original": {"digest": sha(66)}}
OTHER_ITEMS = {"forget": _asked(items=(_item(0), _item(5)))}


def _attack(**changes: Any) -> dict[str, Any]:
    attack = _work().attacks["relearn-rtt"]
    return {"attacks": {"relearn-rtt": replace(attack, **changes)}}


@pytest.mark.parametrize(
    ("state", "arm", "work"),
    [
        ("", {"unlearned": {"digest": sha(66)}}, {}),
        ("", {"unlearned": {"tokenizer": sha(66)}}, {}),
        ("", ACTIVE, {}),
        ("", {}, {"asked": OTHER_ITEMS}),
        ("", {}, {"asked": {"forget": _asked(samples=2)}}),
        ("", {}, {"asked": {"forget": _asked(temperature="0.7")}}),
        ("", {}, {"seed": 18}),
        ("relearn-rtt@0", {}, _attack(learning_rate=0.003)),
        ("relearn-rtt@0", {}, _attack(items=[_item(6)])),
        ("pruned-0.3", {}, {"calibration": [_item(9)]}),
        ("lens-half", OTHER_ORIGINAL, {}),
    ],
)
def test_a_kept_pass_is_not_taken_for_another(bench: Bench, state: str, arm: dict[str, Any], work: dict[str, Any]) -> None:
    shelf = Shelf()
    _made(bench, _key(state=state), work=_work(store=shelf))
    before = len(bench.asked)

    _made(bench, _key(state=state), work=_work(store=shelf, **work), arm=arm)

    assert len(bench.asked) == before + 1


def test_an_adapter_is_not_known_without_the_base_that_it_is_served_over(bench: Bench) -> None:
    shelf = Shelf()
    _made(bench, _key(), work=_work(store=shelf), arm=ACTIVE)

    _made(bench, _key(), work=_work(store=shelf), arm={**ACTIVE, **OTHER_ORIGINAL})

    assert len(bench.asked) == 2


@pytest.mark.parametrize(("name", "changed"), [("LAYOUT", (16, 4)), ("environment", lambda: (("torch", "0.0"),))])
def test_a_kept_pass_of_another_layout_or_build_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, changed: Any
) -> None:
    shelf = Shelf()
    _made(bench, _key(), work=_work(store=shelf))

    monkeypatch.setattr(arms, name, changed)
    _made(bench, _key(), work=_work(store=shelf))

    assert len(bench.asked) == 2


@pytest.mark.parametrize(
    ("state", "arm", "work"),
    [
        ("", {}, {}),
        # What a pass does not follow from: the attacks and the calibration of other states, the limit of time, and names.
        ("", {}, _attack(learning_rate=0.003)),
        ("nf4", {}, {"calibration": [_item(9)]}),
        ("", {}, {"time_out_s": 100.0}),
        ("nf4", OTHER_ORIGINAL, {}),
        ("", {"unlearned": {"role": "control", "seed": 5}}, {}),
        ("", {}, {"asked": {"forget": _asked(source_digest=sha(55))}}),
    ],
)
def test_a_kept_pass_is_known_again_by_what_it_follows_from(bench: Bench, state: str, arm: dict[str, Any], work: dict[str, Any]) -> None:
    shelf = Shelf()
    _made(bench, _key(state=state), work=_work(store=shelf))

    made = _made(bench, _key(state=state), work=_work(store=shelf, **work), arm=arm)

    assert len(bench.asked) == 1
    assert list(made.found) == [_key(state=state)]


def test_the_same_files_under_another_name_are_the_same_and_other_files_under_the_same_name_are_not(bench: Bench) -> None:
    shelf = Shelf()
    work = _work(store=shelf)
    _made(bench, _key("control-1"), work=work, arm={"control-1": {"digest": sha(70)}})

    _made(bench, _key("unlearned"), work=work, arm={"unlearned": {"digest": sha(70)}})
    same = len(bench.asked)
    _made(bench, _key("control-1"), work=work, arm={"control-1": {"digest": sha(71)}})

    assert (same, len(bench.asked)) == (1, 2)
