"""Make every pass: load one arm after the other, put it into each state, ask it each set, and keep what it said. Wakes torch.

A pass that was made before is read from the store instead, so that a run which was killed goes on where it was. A pass that
stops with an error or runs out of time is noted with its reason. What the caller's progress raises (a lost lease, a
cancellation) goes through, and so does every refusal of ours: a wrong file is no weak measurement.
One model is in memory at a time, but for states that set an arm against the original: those are entered last, with both.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from rtbf.errors import Fault, RTBFError
from rtbf.evidence.canonical import digest_of
from rtbf.lm.load import environment
from rtbf.lm.states.relearn import CHECKS, relearn
from rtbf.verify.asked import LAYOUT, ask_set
from rtbf.verify.item_log import AGAIN, read_pass, write_pass
from rtbf.verify.observed import AS_SERVED, ORIGINAL, PassKey
from rtbf.verify.passes import forwards_of, is_white_box
from rtbf.verify.states import attack_of, in_state
from rtbf.verify.white_box import TooFewRecordsError, score_white_box

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    import torch

    from rtbf.lm.encoding import Item
    from rtbf.progress import Progress
    from rtbf.verify.asked import Asked
    from rtbf.verify.observed import Observation
    from rtbf.verify.record import Arm
    from rtbf.verify.states import Attack


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmSource:
    """An arm and how to load its model, so that no more are in memory than a state needs."""

    arm: Arm
    load: Callable[[], torch.nn.Module]


class PassStore(Protocol):
    """Where finished passes lie, sealed, by the digest of everything that they follow from."""

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`, or None."""

    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`, all or nothing."""


class NoStore:
    """Keeps nothing: every pass is made."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002 - as the protocol names it
        """Return None."""
        return None

    def put(self, key: str, content: bytes) -> None:
        """Keep nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is asked of the arms.

    attacks       relearning attacks by name
    calibration   retained items that tell pruning which inputs matter
    seed          of sampling and relearning
    time_out_s    seconds that one state of one arm may take; None for no limit
    """

    asked: Mapping[str, Asked]
    attacks: Mapping[str, Attack]
    calibration: Sequence[Item]
    seed: int
    time_out_s: float | None
    store: PassStore


@dataclass(kw_only=True, slots=True)
class Passes:
    """What was found so far, and the forward tokens spent on it in this or an earlier run, by set."""

    found: dict[PassKey, tuple[Observation, ...]]
    failed: dict[PassKey, str]
    tokens: dict[str, int]


class TimedOutError(Exception):
    """One state of one arm took longer than it may."""


class _FromOutsideError(BaseException):
    """Carries what the caller's progress or store raised past the handlers that excuse a pass; its argument is that error."""


def make_passes(sources: Sequence[ArmSource], wanted: Sequence[PassKey], work: Work, progress: Progress) -> Passes:
    """Return what every wanted pass found; `progress` counts forward tokens of all of them under the step "measuring".

    sources   the original, the unlearned artefact, then the controls
    """
    made = Passes(found={}, failed={}, tokens={})
    total = sum(_tokens_of(key, work) for key in wanted)
    original = sources[ORIGINAL]

    def tell() -> None:
        with _unexcused():
            progress("measuring", min(total, sum(made.tokens.values())), total)

    try:
        tell()
        for source in sources:
            own = [key for key in wanted if key.arm == source.arm.name]
            names = {key: _store_key(source.arm, original.arm, key, work) for key in own}
            missing = []
            for key in own:
                kept = work.store.get(names[key])
                if kept is None:
                    missing.append(key)
                else:
                    _note(made, key, read_pass(kept, work.asked[key.items].reads), work)
            if missing:
                # No name keeps the model: the next arm is loaded when this one is gone.
                _make(source.load(), original.load if source is not original else None, missing, names, work, made, tell)
    except _FromOutsideError as carried:
        raise carried.args[0] from None
    return made


def _make(
    model: torch.nn.Module,
    load_original: Callable[[], torch.nn.Module] | None,
    missing: Sequence[PassKey],
    names: Mapping[PassKey, str],
    work: Work,
    made: Passes,
    tell: Callable[[], None],
) -> None:
    """Make one arm's passes; `load_original` is None for the original itself."""
    between = [key for key in missing if is_white_box(key.state)]
    _make_alone(model, [key for key in missing if key not in between], names, work, made, tell)
    if between:
        _make_beside(model, load_original, between, names, work, made, tell)


def _make_alone(
    model: torch.nn.Module, missing: Sequence[PassKey], names: Mapping[PassKey, str], work: Work, made: Passes, tell: Callable[[], None]
) -> None:
    """Make passes, state by state; relearning attacks are entered once and looked at on their way."""
    for family, keys in groupby(missing, key=lambda key: key.state.partition("@")[0]):
        group = list(keys)
        attack = attack_of(group[0].state)
        with _excused(group, made):
            deadline = _deadline(work)
            if attack is None:
                with in_state(model, group[0].state, work.calibration) as measured:
                    _ask(measured, group, names, work, made, tell, deadline)
                continue
            with contextlib.closing(_relearned(model, work.attacks[family], work.seed)) as steps:
                for step in steps:
                    now = [key for key in group if attack_of(key.state) == (family, step)]
                    _ask(model, now, names, work, made, tell, deadline)


def _make_beside(
    model: torch.nn.Module,
    load_original: Callable[[], torch.nn.Module] | None,
    missing: Sequence[PassKey],
    names: Mapping[PassKey, str],
    work: Work,
    made: Passes,
    tell: Callable[[], None],
) -> None:
    """Make passes for which the original is held beside the arm; it is loaded once, and let go afterwards."""
    try:
        beside = model if load_original is None else load_original()
    except RTBFError:
        raise
    except Exception:  # noqa: BLE001 - two models may be more than the memory holds; the passes with one of them stand
        made.failed.update(dict.fromkeys(missing, "PROBE_ERROR"))
        return
    for _, keys in groupby(missing, key=lambda key: key.state):
        group = list(keys)
        with _excused(group, made):
            _ask(model, group, names, work, made, tell, _deadline(work), beside)


def _relearned(model: torch.nn.Module, attack: Attack, seed: int) -> Generator[int]:
    return relearn(model, attack.items, learning_rate=attack.learning_rate, seed=seed, checks=CHECKS)


@contextlib.contextmanager
def _excused(group: Sequence[PassKey], made: Passes) -> Iterator[None]:
    """Note why the group's passes that were not made were not; errors of ours go through."""
    reason = None
    try:
        yield
    except TimedOutError:
        reason = "TIMED_OUT"
    except FloatingPointError:
        reason = "NUMERIC"
    except TooFewRecordsError:
        reason = "UNDERPOWERED"
    except Fault:
        # An attack whose loss is not finite, a card that names no state of ours: that says nothing about the model.
        reason = "PROBE_ERROR"
    except RTBFError:
        raise
    except Exception:  # noqa: BLE001 - whatever a state or a set met, its probes are inconclusive and the others go on
        reason = "PROBE_ERROR"
    if reason is not None:
        made.failed.update({key: reason for key in group if key not in made.found})


@contextlib.contextmanager
def _unexcused() -> Iterator[None]:
    """Let what is raised inside through every `_excused`: a lost lease or a full disk says nothing about a model."""
    try:
        yield
    except Exception as raised:
        raise _FromOutsideError(raised) from raised


def _deadline(work: Work) -> float | None:
    return None if work.time_out_s is None else time.monotonic() + work.time_out_s


def _ask(
    model: torch.nn.Module,
    keys: Iterable[PassKey],
    names: Mapping[PassKey, str],
    work: Work,
    made: Passes,
    tell: Callable[[], None],
    deadline: float | None,
    beside: torch.nn.Module | None = None,
) -> None:
    """Ask the model in the state that it is in; with the original `beside` it, in the white-box state of the keys."""

    def within_time(step: str, done: int, total: int) -> None:  # noqa: ARG001 - names of a Progress
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOutError

    for key in keys:
        within_time("", 0, 0)
        # Each pass by itself: one set that cannot be asked says nothing about those that were not tried yet.
        with _excused([key], made):
            asked = work.asked[key.items]
            found: tuple[Observation, ...]
            if beside is None:
                found = ask_set(
                    model, asked, is_plain=key.state != AS_SERVED, is_other_layout=key.state == AGAIN, seed=work.seed, progress=within_time
                )
            else:
                _require_scored(asked)
                found = tuple(score_white_box(model, beside, key.state, asked.items, progress=within_time))
            content = write_pass(found)
            with _unexcused():
                work.store.put(names[key], content)
            # What a pass gives is what is kept of it, so that a run which was killed midway gives the same record.
            _note(made, key, read_pass(content, asked.reads), work)
        tell()


def _note(made: Passes, key: PassKey, found: tuple[Observation, ...], work: Work) -> None:
    made.found[key] = found
    made.tokens[key.items] = made.tokens.get(key.items, 0) + _tokens_of(key, work)


def _tokens_of(key: PassKey, work: Work) -> int:
    return work.asked[key.items].tokens * forwards_of(key.state)


def _require_scored(asked: Asked) -> None:
    if asked.reads != "score":
        raise Fault(
            found=f"a probe that reads set '{asked.name}' as {asked.reads} in a state between the layers",
            expected="a set that is scored token by token",
            remedy="mend the probe's CARD",
        )


def _store_key(arm: Arm, original: Arm, key: PassKey, work: Work) -> str:
    """Return a digest of everything that a pass follows from; never of a name that another model could bear."""
    asked = work.asked[key.items]
    attack = attack_of(key.state)
    trained_on = None if attack is None else _attack_digest(work.attacks[attack[0]])
    calibration = digest_of([list(item.answer_ids) for item in work.calibration]) if key.state.startswith("pruned") else None
    # An adapter's digest does not name the base that it is served over.
    beside = original.digest if is_white_box(key.state) or arm.adapter_state == "active" else None
    return digest_of(
        [arm.digest, arm.tokenizer, arm.adapter_state, key.state, asked.digest, asked.samples, asked.temperature, LAYOUT, work.seed,
         trained_on, calibration, beside, dict(environment())]
    )  # fmt: skip


def _attack_digest(attack: Attack) -> str:
    return digest_of([attack.name, str(attack.learning_rate), [[list(item.prompt_ids), list(item.answer_ids)] for item in attack.items]])
