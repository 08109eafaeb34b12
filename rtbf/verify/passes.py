"""Which passes a verification makes: every planned probe's set, for every arm, in every state it looks at. Pure.

The budget that is printed before and the work that is done are both this list, so they cannot differ.
An attack runs on the artefact and on the controls (the control-arm rule, sheet 6.2). On the original it runs where that
shows whether the attack sees the records at all; relearning does not, since the original knows them as it stands, and
neither does what sets the original against itself, steering and guiding: that is the original as served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.verify.item_log import AGAIN
from rtbf.verify.observed import AS_SERVED, PassKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from rtbf.verify.probe import ProbeFacts

ADAPTER_STATES = frozenset({"adapter-off", "scale-0.25", "scale-0.5", "scale-0.75", "merged-bf16", "merged-int8", "merged-nf4"})
"""States that only an artefact with an adapter of its own has; other arms are looked at as served."""

REPEATED_SET = "forget"
SIBLINGS = "siblings"
"""Made-up records of the same form, never shown to any model: what records are compared with where there is no control."""
RELEARNING = "relearn-"
LENS, STEERED, GUIDED = "lens-", "steered-", "guided-"
_AGAINST_ORIGINAL = (RELEARNING, STEERED, GUIDED)
_WHITE_BOX_FORWARDS = {LENS: 1, STEERED: 3, GUIDED: 2}
"""How often a set is run forward in one pass in these states. Steering: once for each of the two models' mean states, once to
score. Guiding: once through each of the two models."""
TOGETHER = "+"


def sets_of(card: ProbeFacts) -> tuple[str, ...]:
    """Return the sets a probe reads: one, or two joined by a plus (members, then non-members)."""
    return tuple(card.items.split(TOGETHER))


def may_use_siblings(card: ProbeFacts) -> bool:
    """Return whether sibling records can stand in for control models: for scores of the person's own records."""
    return card.baseline == "control" and card.reads == "score" and card.items == "forget"


def state_for(state: str, *, is_original: bool, has_adapter: bool) -> str:
    """Return the state in which an arm is looked at when a probe asks for `state`."""
    if state in ADAPTER_STATES and not has_adapter:
        return AS_SERVED
    return AS_SERVED if is_original and state.startswith(_AGAINST_ORIGINAL) else state


def is_white_box(state: str) -> bool:
    """Return whether the state looks between the layers or needs the original beside the arm (`verify.white_box`)."""
    return state.startswith(tuple(_WHITE_BOX_FORWARDS))


def forwards_of(state: str) -> int:
    """Return how often one pass in `state` runs its set forward: tokens of a pass are `Asked.tokens` times this."""
    return next((forwards for start, forwards in _WHITE_BOX_FORWARDS.items() if state.startswith(start)), 1)


def planned_passes(cards: Iterable[ProbeFacts], sets: Collection[str], arms: tuple[str, ...], *, artefact_kind: str) -> tuple[PassKey, ...]:
    """Return every pass, by arm, then state, then set; sets that are not at hand or are empty are not asked.

    arms   original, unlearned, controls
    """
    wanted: dict[PassKey, None] = {}
    original, unlearned, *controls = arms
    for card in cards:
        if card.needs == "adapter" and artefact_kind != "adapter":
            continue
        also = (SIBLINGS,) if not controls and may_use_siblings(card) else ()
        for arm in arms:
            has_adapter = arm == unlearned and artefact_kind == "adapter"
            states = [state_for(state, is_original=arm == original, has_adapter=has_adapter) for state in card.states]
            wanted |= {
                PassKey(items=name, arm=arm, state=state): None for name in (*sets_of(card), *also) if name in sets for state in states
            }
    if REPEATED_SET in sets:
        wanted[PassKey(items=REPEATED_SET, arm=unlearned, state=AGAIN)] = None
        wanted[PassKey(items=REPEATED_SET, arm=unlearned, state=AS_SERVED)] = None
    place = {arm: number for number, arm in enumerate(arms)}
    return tuple(sorted(wanted, key=lambda key: (place[key.arm], _steps(key.state), key.items)))


def _steps(state: str) -> tuple[str, int]:
    """Order relearning states by their step and not by their digits."""
    name, at, step = state.partition("@")
    return name, int(step) if at else 0


def forwards_of_sets(passes: Iterable[PassKey]) -> Mapping[str, int]:
    """Return how often these passes run each set forward: the `passes` of planned and measured sets."""
    counts: dict[str, int] = {}
    for key in passes:
        counts[key.items] = counts.get(key.items, 0) + forwards_of(key.state)
    return counts
