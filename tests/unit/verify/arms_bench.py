"""A bench on which passes are made without a model: fakes that keep what they were told to do. For the tests of `verify.arms`."""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rtbf.lm.encoding import Item
from rtbf.lm.item_scores import ItemScores
from rtbf.progress import silent
from rtbf.verify.arms import ArmSource, NoStore, Passes, Work, make_passes
from rtbf.verify.asked import Asked
from rtbf.verify.observed import PassKey
from rtbf.verify.record import Arm
from rtbf.verify.states import Attack
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


def asked_of(name: str = "forget", tokens: int = 10, **changes: Any) -> Asked:
    made = Asked(
        name=name, reads="score", items=tuple(item_of(at) for at in range(2)), source_digest=sha(4), samples=1, temperature="0",
        tokens=tokens, left_out=(), blind_auc=None, tokenizer=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(made, **changes)


def item_of(at: int) -> Item:
    return Item(record_id=f"r{at}", prompt_ids=(1, 2), answer_ids=(3, at), has_end=False)


def work_of(**changes: Any) -> Work:
    attack = Attack(name="relearn-rtt", items=[item_of(7)], learning_rate=0.002)
    made = Work(
        asked={"forget": asked_of(), "secrets": asked_of("secrets", 7)}, attacks={"relearn-rtt": attack}, calibration=[item_of(8)], seed=17,
        time_out_s=None, store=NoStore(),
    )  # fmt: skip
    return replace(made, **changes)


def arm_of(name: str) -> Arm:
    roles: Any = {"original": "original", "unlearned": "unlearned"}
    return Arm(name=name, role=roles.get(name, "control"), digest=sha(20 + len(name)), tokenizer=sha(9), adapter_state="none", seed=None)


def sources_of(bench: Bench, changed: dict[str, dict[str, Any]] | None = None) -> list[ArmSource]:
    def loader(name: str) -> Callable[[], Any]:
        return lambda: bench.load(name)

    return [ArmSource(arm=replace(arm_of(name), **(changed or {}).get(name, {})), load=loader(name)) for name in NAMES]


def key_of(arm: str = "unlearned", state: str = "", items: str = "forget") -> PassKey:
    return PassKey(items=items, arm=arm, state=state)


def make_on(
    bench: Bench,
    *wanted: PassKey,
    work: Work | None = None,
    progress: Progress = silent,
    arm: dict[str, dict[str, Any]] | None = None,
) -> Passes:
    """Make the passes; `arm` changes arms by name."""
    return make_passes(sources_of(bench, arm), wanted, work or work_of(), progress)


def outcomes_of(made: Passes) -> dict[tuple[str, str, str], str]:
    return {(key.arm, key.state, key.items): "found" for key in made.found} | {
        (key.arm, key.state, key.items): reason for key, reason in made.failed.items()
    }
