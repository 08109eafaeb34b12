"""Everything that was measured of every arm, as probes and the offline checker see it. Standard library only.

One *pass* is one set of items, asked of one arm in one state. Sets, arms and states are named; what a name means is
written in `verify.item_set`, `verify.record.Arm` and `verify.states`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores

if TYPE_CHECKING:
    from collections.abc import Mapping

Observation: TypeAlias = ItemScores | ChoiceScores | ReplyScores

AS_SERVED = ""
"""The state of an arm that nothing was done to."""

ORIGINAL, UNLEARNED = 0, 1
"""Places of the two arms that every verification has; those after them are controls."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class PassKey:
    """Which items were asked of which arm in which state."""

    items: str
    arm: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """The passes of one verification.

    arms        names: the original, the unlearned artefact, then the controls
    passes      what each pass found, one observation per item, the same items in the same order for every arm and state
    failed      passes that gave nothing, with a reason code (PROBE_ERROR, TIMED_OUT): never read as "nothing found"
    blind_auc   by set: how well a classifier that never saw a model tells members from non-members, with its interval
    """

    arms: tuple[str, ...]
    passes: Mapping[PassKey, tuple[Observation, ...]]
    failed: Mapping[PassKey, str] = field(default_factory=dict)
    blind_auc: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)

    @property
    def original(self) -> str:
        """Return the name of the model before unlearning."""
        return self.arms[ORIGINAL]

    @property
    def unlearned(self) -> str:
        """Return the name of the artefact that is judged."""
        return self.arms[UNLEARNED]

    @property
    def controls(self) -> tuple[str, ...]:
        """Return the names of the models that were never shown the records."""
        return self.arms[UNLEARNED + 1 :]

    @property
    def sets(self) -> frozenset[str]:
        """Return the names of the sets that were asked of any arm."""
        return frozenset(key.items for key in (*self.passes, *self.failed))

    def scores(self, items: str, arm: str, state: str = AS_SERVED) -> tuple[Observation, ...]:
        """Return what one pass found; raises KeyError for a pass that was not made or gave nothing."""
        return self.passes[PassKey(items=items, arm=arm, state=state)]

    def why_missing(self, items: str, arm: str, state: str = AS_SERVED) -> str | None:
        """Return the reason code of a pass that gave nothing; None for one that did, or was never made."""
        return self.failed.get(PassKey(items=items, arm=arm, state=state))
