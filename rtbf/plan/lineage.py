"""What the recorded lineage of a model says of a remedy: which methods it allows, and why it allows others not.

Facts come in as values: the recipe the weights were made by, and those of what they were fine-tuned from, nearest first. What is
not recorded counts as unknown, and an unknown training allows no class that has to be proven. Whether a base that nobody
audited holds the person's records is not known here either: that is told (`unaudited`), not refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rtbf.lm.record import Model
    from rtbf.plan.card import Lineage


@dataclass(frozen=True, kw_only=True, slots=True)
class Ancestor:
    """A model that the weights were fine-tuned from.

    recipe          how it was trained, every parameter as text; empty where that is not recorded
    knows_records   whether it was trained, as far as is recorded, on a corpus version that holds the person's records
    is_audited      whether it is recorded or declared at all what it was trained on
    is_as_trained   whether nothing changed its weights since that training
    """

    recipe: Mapping[str, str]
    knows_records: bool
    is_audited: bool
    is_as_trained: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LineageFacts:
    """How the weights came about that a plan is to change.

    recipe, is_as_trained   as for `Ancestor`
    is_recorded             trained here, with seed, on one corpus version: it can be trained again
    ancestors               nearest first; empty for weights trained from scratch, and for those of which nothing is known
    """

    recipe: Mapping[str, str]
    is_recorded: bool
    is_as_trained: bool
    ancestors: tuple[Ancestor, ...]

    @property
    def unaudited(self) -> int:
        """Return of how many ancestors nobody said what they were trained on."""
        return sum(not ancestor.is_audited for ancestor in self.ancestors)


UNRECORDED = "the model was not trained here by a recorded recipe, so it cannot be trained again without the records"
KNOWING_BASE = "a base of the model was itself trained on the person's records, so whatever is made from it may know them"
NOT_AS_TRAINED = "the weights were changed after they were trained with differential privacy, and nobody counted what that gave away"


def lineage_facts(model: Model, ancestors: Sequence[Model], found_in: Collection[str]) -> LineageFacts:
    """Return what the registry recorded of a model.

    ancestors   what it was fine-tuned from, nearest first; found_in: corpus versions that hold the person's records
    """
    return LineageFacts(
        recipe=dict(model.recipe),
        is_recorded=bool(model.recipe) and model.seed is not None and len(model.trained_on) == 1,
        is_as_trained=_is_as_trained(model),
        ancestors=tuple(
            Ancestor(
                recipe=dict(ancestor.recipe),
                knows_records=any(trained.version in found_in for trained in ancestor.trained_on),
                is_audited=bool(ancestor.trained_on),
                is_as_trained=_is_as_trained(ancestor),
            )
            for ancestor in ancestors
        ),
    )


def why_unfit(facts: LineageFacts, works_on: Sequence[Lineage]) -> str | None:
    """Return why no kind of lineage that a method works on is the model's, or None when one is.

    Of several reasons the one is told that is nearest to fitting: a base that knows the records before a recipe of another kind.
    """
    reasons = [_why_not(facts, kind) for kind in works_on]
    told = [reason for reason in reasons if reason is not None]
    if len(told) < len(reasons):
        return None
    return next((reason for reason in told if reason == KNOWING_BASE), told[0])


def _is_as_trained(model: Model) -> bool:
    return model.origin != "unlearned"


def _why_not(facts: LineageFacts, kind: Lineage) -> str | None:
    """Return why the lineage is not of this kind (`rtbf.plan.card.MethodCard.works_on`), or None."""
    if kind == "any":
        return None
    if not facts.is_recorded:
        return UNRECORDED
    if kind == "on_dp":
        return _why_not_on_private(facts)
    wanted = {"plain": "plain", "plain_lora": "plain", "sharded": "sharded", "dp": "dp"}[kind]
    if facts.recipe.get("recipe") != wanted:
        return f"the model was trained by the recipe {facts.recipe.get('recipe', 'unknown')}, not {wanted}"
    if any(ancestor.knows_records for ancestor in facts.ancestors):
        return KNOWING_BASE
    if kind == "plain_lora" and (facts.recipe.get("tune") != "lora" or not facts.ancestors):
        return "the model is no adapter that was trained here over a registered base, so there is none to drop"
    return NOT_AS_TRAINED if kind == "dp" and not facts.is_as_trained else None


def _why_not_on_private(facts: LineageFacts) -> str | None:
    """Return why the model is no plain fine-tuning of a base that was trained privately.

    That base may have been trained on the records: how much of them it can hold is what its certificate bounds. What it was
    itself made from may not: no accountant counted that.
    """
    if facts.recipe.get("recipe") != "plain":
        return f"the model was trained by the recipe {facts.recipe.get('recipe', 'unknown')}, not plain over a private base"
    if not facts.ancestors or facts.ancestors[0].recipe.get("recipe") != "dp":
        return "the model was not fine-tuned from a base that was trained with differential privacy"
    if not facts.ancestors[0].is_as_trained:
        return NOT_AS_TRAINED
    if any(ancestor.knows_records for ancestor in facts.ancestors[1:]):
        return KNOWING_BASE
    return None
