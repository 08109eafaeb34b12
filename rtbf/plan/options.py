"""The options of a plan, side by side: for each method what class it may reach, what it takes, and what is to be expected after it.

Works on method cards and facts alone, so a third party's card is weighed like ours. What it says is expected, from counts that are
known, and measured nowhere: the verification measures. A method whose card caps at class `none` is a control and no option.
Costs are in forward-token units (`rtbf.plan.cost`), of the unlearning itself: controls and verification come on top and are
the plan's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, UnknownName
from rtbf.lm.recipes.effort import expected_epochs
from rtbf.plan.card import parse_parameters
from rtbf.plan.cost import TRAINING_FACTOR, loop_cost, tokens_per_step, training_cost
from rtbf.plan.lineage import why_unfit
from rtbf.plan.record import FORGET_BATCH, GUARANTEE_CLASSES, RETAIN_BATCH, PlanOption
from rtbf.plan.request import DEFAULT_METHOD
from rtbf.plan.shard_cost import rerun_share, slice_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rtbf.plan.card import MethodCard
    from rtbf.plan.lineage import LineageFacts
    from rtbf.plan.record import GuaranteeClass, Qualification
    from rtbf.plan.request import PlanRequest

FRACTION = "fraction"
"""The card's parameter of a method that trains on top of a private base: the share of the recipe's epochs that it trains."""
_NAMED_SHARDS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardReach:
    """Which shards of a sharded model hold records that are to be forgotten.

    rehearsal         share of its chance to take part that a record keeps in later slices
    touched           (shard from 0, slice from 1 of the earliest such record), each shard once
    records_touched   records that the touched shards hold, those to be forgotten among them; `records`: of all shards
    """

    shards: int
    slices: int
    rehearsal: Fraction
    touched: tuple[tuple[int, int], ...]
    records_touched: int
    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What costs are counted from. Tokens are those of one pass over the records.

    trained_*        what the weights were trained on and still hold, by the lineage's word, the records to be forgotten included
    retain_*         the sample that is retained
    stretch_epochs   the most that a method which trains runs a second time, to show that it can be repeated
    """

    forget_records: int
    forget_tokens: int
    retain_records: int
    retain_tokens: int
    trained_records: int
    trained_tokens: int
    stretch_epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """Everything that is known of a ticket and a model when their options are weighed.

    shards             None for a model that was not trained in shards, or whose shards nobody read
    tokens_per_s       forward tokens a second of this model on this machine; `rate_origin` says in words how that was measured
    left_s             seconds between the earliest start and the deadline; None where no deadline is known
    held_records       records that the model was trained on, whoever they are about, and that a live hold names
    qualified          the newest qualification by method, as far as there is one
    may_certify        whether policy accepts class dp without any compute
    no_bound           why a private training behind the model bounds these records not; None where it does, or where there is none
    """

    lineage: LineageFacts
    sizes: Sizes
    shards: ShardReach | None
    tokens_per_s: float
    rate_origin: str
    left_s: float | None
    held_records: int
    qualified: Mapping[str, Qualification]
    may_certify: bool
    no_bound: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Weighed:
    """An option with what a choice needs of it besides.

    is_whole_training   the weights are trained anew from the start, on everything that remains
    gives_up            what the model loses besides the records; "" where nothing
    """

    option: PlanOption
    is_qualified: bool
    is_whole_training: bool
    gives_up: str


def weighed_options(cards: Mapping[str, MethodCard], request: PlanRequest, situation: Situation) -> tuple[Weighed, ...]:
    """Return every method but controls: those that can be planned first, the strongest class first, then by cost.

    With a method named in the request, its parameters are those of that method; without, a method that lacks one is no option.
    """
    weighed = [_weighed(card, request, situation) for card in cards.values() if card.class_cap != "none"]
    return tuple(sorted(weighed, key=_place))


def class_rank(name: GuaranteeClass) -> int:
    """Return the place of a class: 0 is the strongest."""
    return GUARANTEE_CLASSES.index(name)


def class_in_reach(card: MethodCard, *, is_merged: bool) -> tuple[GuaranteeClass, str]:
    """Return the strongest class of the artefact as served, whatever a card says of its method, and why (DESIGN §2)."""
    if card.artefact == "none":
        if card.class_cap == "dp":
            return card.class_cap, (
                "the weights stay as they are; the training that made them bounds each subject's influence, "
                "and policy lets that suffice (RTBF_DP_WITHOUT_COMPUTE)"
            )
        return card.class_cap, "the weights stay as they are"
    if card.artefact == "weights" and card.class_cap == "dp":
        return card.class_cap, "what remains is trained on a base whose own training bounds each subject's influence"
    if card.artefact == "weights" and card.trains_on == "nothing":
        return card.class_cap, "what is served is the base again, from before the records came in"
    if card.artefact == "weights":
        return card.class_cap, "the weights are made anew by the recorded recipe, without the records"
    if not is_merged:
        return "suppression", "an unmerged adapter over an unchanged base can be switched off"
    return card.class_cap, "weights changed and merged"


def preference(one: Weighed) -> tuple[object, ...]:
    """Return the order among options of one class: what is cheaper, then what is qualified, then the default, then by name."""
    option = one.option
    return (option.tokens, not one.is_qualified, option.method != DEFAULT_METHOD, option.method)


def _place(one: Weighed) -> tuple[object, ...]:
    option = one.option
    is_out = option.unavailable is not None
    return (is_out, class_rank(option.class_cap), *(preference(one) if not is_out else (option.method,)))


def _weighed(card: MethodCard, request: PlanRequest, situation: Situation) -> Weighed:
    qualification = situation.qualified.get(card.name)
    reason = next(_why_not(card, request, situation), None)
    fraction = _fraction(card, request)
    tokens = None if reason is not None else _tokens(card, request, situation, fraction)
    minutes = None if tokens is None else tokens / situation.tokens_per_s / 60
    is_in_time = None
    if minutes is not None and situation.left_s is not None:
        is_in_time = minutes * 60 < situation.left_s
    option = PlanOption(
        method=card.name,
        class_cap=class_in_reach(card, is_merged=request.is_merged)[0],
        tokens=tokens,
        minutes=None if minutes is None else f"{minutes:.2f}",
        is_in_time=is_in_time,
        utility=_utility(card, situation, qualification, fraction),
        note="; ".join(_notes(card, situation, is_in_time=is_in_time)),
        unavailable=reason,
    )
    return Weighed(
        option=option,
        is_qualified=qualification is not None and qualification.covers,
        is_whole_training=_is_whole_training(card),
        gives_up=_gives_up(card, situation),
    )


def _why_not(card: MethodCard, request: PlanRequest, situation: Situation) -> Iterator[str]:
    """Yield why the method cannot be planned, the weightiest reason first."""
    unfit = why_unfit(situation.lineage, card.works_on)
    if unfit is not None:
        yield unfit
    if _is_of_shards(card) and situation.shards is None:
        yield "which shards hold the records is not known"
    if card.artefact == "weights" and card.trains_on == "remaining" and _epochs(situation) is None:
        yield "how the model was trained is not recorded, so what it takes to train it again is not known"
    if card.trains_on == "nothing" and situation.held_records:
        yield f"{situation.held_records} record(s) under a hold among those that the adapter was trained on, which it would take away too"
    if card.class_cap == "dp" and situation.no_bound is not None:
        yield situation.no_bound
    if card.artefact == "none" and card.class_cap == "dp" and not situation.may_certify:
        yield "policy asks for more than a bound that was there before (RTBF_DP_WITHOUT_COMPUTE)"
    if card.artefact == "weights" and not request.is_merged:
        yield "merge=no asks for an adapter that stays apart, and it trains none"
    if request.method is None:
        yield from _misfit_parameters(card, request)


def _misfit_parameters(card: MethodCard, request: PlanRequest) -> Iterator[str]:
    try:
        parse_parameters(card, request.parameters)
    except UnknownName as unknown:
        yield f"it has no {unknown.kind} {unknown.name}"
    except BadInput as bad:
        yield f"--set: {bad.found}, expected {bad.expected}"


def _tokens(card: MethodCard, request: PlanRequest, situation: Situation, fraction: Fraction) -> int:
    """Return what the method takes at most; the facts it needs are there by now."""
    sizes = situation.sizes
    if card.artefact == "none" or _trains_nothing(card):
        return 0
    if card.artefact == "adapter":
        return loop_cost(
            forget_tokens=sizes.forget_tokens,
            forget_tokens_per_step=tokens_per_step(sizes.forget_tokens, sizes.forget_records, FORGET_BATCH),
            retain_tokens_per_step=tokens_per_step(sizes.retain_tokens, sizes.retain_records, RETAIN_BATCH),
            max_steps=request.max_steps,
        )
    remaining = max(0, sizes.trained_tokens - sizes.forget_tokens)
    epochs = _epochs(situation) or 0.0
    if situation.shards is not None and _is_of_shards(card):
        reach = situation.shards
        # Besides the touched shards one slice of one shard is run a second time.
        weights = slice_weights(reach.slices, reach.rehearsal)
        share = rerun_share(reach.touched, reach.shards, reach.slices, reach.rehearsal) + weights[-1] / (reach.shards * sum(weights))
        return round(TRAINING_FACTOR * remaining * epochs * share)
    stretch = min(epochs, sizes.stretch_epochs)
    if card.works_on == ("on_dp",):
        # Twice: the same epochs from the untrained base are the control that shows what the private base was good for.
        return training_cost(remaining, 2 * float(fraction) * epochs + stretch)
    return training_cost(remaining, epochs + stretch)


def _utility(card: MethodCard, situation: Situation, qualification: Qualification | None, fraction: Fraction) -> str:
    sizes = situation.sizes
    gone = f"without {_records(sizes.forget_records)}"
    if _gives_up(card, situation):
        return _gives_up(card, situation)
    if card.artefact == "none":
        return "unchanged: the weights stay as they are"
    if card.artefact == "weights":
        epochs = _epochs(situation)
        if card.works_on == ("on_dp",):
            share = f"{float(fraction):g} of the epochs" if epochs is None else f"{float(fraction):g} of the {epochs:g} epochs"
            return f"fine-tuned on the private base for {share}, {gone}"
        return f"as trained, {gone}"
    standing = "not qualified"
    if qualification is not None:
        standing = f"qualified until {qualification.ends_on}" if qualification.covers else f"not qualified for this: {qualification.reason}"
    return f"within the margins of the plan; {standing}"


def _gives_up(card: MethodCard, situation: Situation) -> str:
    """Return what the model loses besides the records, by a method that makes weights and trains nothing; "" for others."""
    if not _trains_nothing(card):
        return ""
    reach = situation.shards
    if _is_of_shards(card):
        if reach is None:
            return "without all that the touched shards taught"
        names = [str(shard) for shard, _ in sorted(reach.touched)]
        named = ", ".join(names[:_NAMED_SHARDS]) + (f" and {len(names) - _NAMED_SHARDS} more" if len(names) > _NAMED_SHARDS else "")
        return f"without shard{'' if len(names) == 1 else 's'} {named}: {reach.records_touched} of {reach.records} records gone"
    return f"without everything the adapter taught: all {_records(situation.sizes.trained_records)} gone"


def _notes(card: MethodCard, situation: Situation, *, is_in_time: bool | None) -> Iterator[str]:
    if card.takes_effect == "at_once":
        yield "takes effect at once: containment, chosen by name only"
    elif _trains_nothing(card):
        yield "chosen by name only"
    elif _is_whole_training(card):
        yield "a whole training; chosen where class exact is asked for"
    if is_in_time is False:
        yield "ends after the deadline"
    if card.class_cap in {"exact", "dp"} and situation.lineage.unaudited:
        yield f"{situation.lineage.unaudited} base(s) of it unaudited: nobody said what they were trained on"


def _is_of_shards(card: MethodCard) -> bool:
    return card.works_on == ("sharded",)


def _trains_nothing(card: MethodCard) -> bool:
    return card.artefact == "weights" and card.trains_on != "remaining"


def _is_whole_training(card: MethodCard) -> bool:
    return card.artefact == "weights" and card.trains_on == "remaining" and card.works_on not in {("sharded",), ("on_dp",)}


def _epochs(situation: Situation) -> float | None:
    """Return how often the recipe looks at a record; None where that is not recorded."""
    try:
        return expected_epochs(situation.lineage.recipe)
    except (BadInput, KeyError):
        return None


def _fraction(card: MethodCard, request: PlanRequest) -> Fraction:
    """Return the share of the epochs that is trained: what was asked for, else the card's default, else all of them."""
    default = next((parameter.default for parameter in card.parameters if parameter.name == FRACTION), "1")
    asked = request.parameters.get(FRACTION, default) if request.method in {None, card.name} else default
    try:
        return Fraction(asked)
    except ValueError:
        return Fraction(default)


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"
