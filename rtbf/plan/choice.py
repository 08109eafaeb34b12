"""Which option is taken, and why in words: what was asked for by name, else by class, deadline and cost (DESIGN §5).

1. A method named by a person is taken, unless its lineage or settings forbid it.
2. Without a name, three kinds are never taken: what cannot be planned, what gives up more than the records (it is containment),
   and a whole training unless class exact was asked for.
3. With a class asked for: the cheapest of at least that class that ends before the deadline.
4. With none: the strongest class of which something ends before the deadline, and there the cheapest.
5. Where nothing can end before the deadline because it is over already, time decides nothing.
6. Of equals in cost the qualified one is taken, then npo, then the first by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, PlanImpossible, UnknownName
from rtbf.plan.card import method_card, method_cards, parse_parameters
from rtbf.plan.lineage import why_unfit
from rtbf.plan.options import class_rank, preference, weighed_options
from rtbf.plan.record import GUARANTEE_CLASSES
from rtbf.plan.request import DEFAULT_METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.plan.card import MethodCard
    from rtbf.plan.lineage import LineageFacts
    from rtbf.plan.options import Situation, Weighed
    from rtbf.plan.record import GuaranteeClass, PlanOption
    from rtbf.plan.request import PlanRequest

_REMEDY = "`rtbf plan TICKET --options` shows all of them; name one with --method, ask for another class, or leave --guarantee out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The method that is taken, its option (None for a control, which is none), why, and what there was besides.

    rate_origin   what the minutes of the options rest on
    """

    method: str
    option: PlanOption | None
    reason: str
    options: tuple[PlanOption, ...]
    rate_origin: str


def require_askable(request: PlanRequest) -> None:
    """Return when some method can be asked as the request says: nothing is measured for a word that no plan could use.

    Raises UnknownName for a method or parameter that does not exist, BadInput for a value or a combination that cannot be.
    """
    if request.method is None:
        _require_parameters_of_any(request)
        return
    card = method_card(request.method)
    parse_parameters(card, request.parameters)
    if request.guarantee == "dp" and class_rank(card.class_cap) > class_rank("dp"):
        raise BadInput(
            found=f"class dp of method {card.name}",
            expected="a method on a base that was trained with accounting",
            remedy="leave --guarantee out, or ask for another class",
        )
    if card.artefact == "weights" and not request.is_merged:
        raise BadInput(found=f"merge=no with {card.name}", expected="a method that trains an adapter", remedy="leave merge=no out")


def require_lineage(request: PlanRequest, lineage: LineageFacts) -> None:
    """Return when no method is named, or the model's lineage allows the one that is; raises PlanImpossible with why not."""
    if request.method is None:
        return
    unfit = why_unfit(lineage, method_card(request.method).works_on)
    if unfit is not None:
        raise _refused(request.method, unfit)


def choose_option(cards: Mapping[str, MethodCard], request: PlanRequest, situation: Situation) -> Choice:
    """Return what is taken of the methods there are, and why.

    Raises PlanImpossible where a named method cannot be planned, with its own reason, or where nothing is left, with everybody's.
    """
    weighed = weighed_options(cards, request, situation)
    if request.method is not None:
        return _named(request.method, weighed, situation)
    # A deadline that is over, or that comes before anything may start, is missed by all alike.
    is_over = situation.left_s is not None and situation.left_s <= 0
    free = [one for one in weighed if _why_not_by_itself(one, request) is None]
    in_time = free if is_over else [one for one in free if one.option.is_in_time is not False]
    late = "the deadline comes before anything could start, so time decided nothing; " if is_over else ""
    if request.guarantee is not None:
        wanted = class_rank(request.guarantee)
        found = [one for one in in_time if class_rank(one.option.class_cap) <= wanted]
        if not found:
            raise _impossible(request.guarantee, weighed, request)
        taken = min(found, key=preference)
        asked = f"class {request.guarantee}" + ("" if request.guarantee == "exact" else " or a stronger one") + " was asked for"
        return _taken(taken, f"{asked}; {late}{_cheapest(taken, found)}", weighed, situation)
    if not free:
        raise _impossible(None, weighed, request)
    if not in_time:
        quickest = min(free, key=preference)
        return _taken(quickest, "no class was asked for, and nothing ends before the deadline; this takes the least", weighed, situation)
    strongest = min(class_rank(one.option.class_cap) for one in in_time)
    found = [one for one in in_time if class_rank(one.option.class_cap) == strongest]
    taken = min(found, key=preference)
    passed = _passed_over(weighed, free, strongest)
    why = f"no class was asked for; {late}{passed}{taken.option.class_cap} is the strongest in reach; {_cheapest(taken, found)}"
    return _taken(taken, why, weighed, situation)


def _named(method: str, weighed: Sequence[Weighed], situation: Situation) -> Choice:
    own = next((one.option for one in weighed if one.option.method == method), None)
    if own is not None and own.unavailable is not None:
        raise _refused(method, own.unavailable)
    reason = f"method {method} was asked for"
    if own is None:
        reason += "; it is a control and no remedy"
    elif own.is_in_time is False:
        reason += "; it ends after the deadline"
    return _choice(method, own, reason, weighed, situation)


def _taken(one: Weighed, reason: str, weighed: Sequence[Weighed], situation: Situation) -> Choice:
    return _choice(one.option.method, one.option, reason, weighed, situation)


def _choice(method: str, option: PlanOption | None, reason: str, weighed: Sequence[Weighed], situation: Situation) -> Choice:
    options = tuple(one.option for one in weighed)
    return Choice(method=method, option=option, reason=reason, options=options, rate_origin=situation.rate_origin)


def _why_not_by_itself(one: Weighed, request: PlanRequest) -> str | None:
    """Return why the option is not taken unless it is named, or None (rule 2)."""
    if one.option.unavailable is not None:
        return one.option.unavailable
    if one.gives_up:
        return f"chosen by name only, since it leaves the model {one.gives_up}"
    if one.is_whole_training and request.guarantee != "exact":
        return "a whole training, chosen where class exact is asked for"
    return None


def _cheapest(taken: Weighed, found: Sequence[Weighed]) -> str:
    """Return why `taken` and no other of `found`, in words."""
    name = taken.option.method
    if len(found) == 1:
        return f"{name} alone gives it" + (" in time" if taken.option.is_in_time else "")
    equals = [one for one in found if one.option.tokens == taken.option.tokens]
    if len(equals) == 1:
        return f"{name} takes the fewest tokens of {len(found)} that give it"
    others = ", ".join(one.option.method for one in equals if one is not taken)
    if taken.is_qualified and not all(one.is_qualified for one in equals):
        return f"{name} takes no more than {others} and is qualified"
    return f"{name} takes no more than {others}" + (" and is the default among equals" if name == DEFAULT_METHOD else "")


def _passed_over(weighed: Sequence[Weighed], free: Sequence[Weighed], strongest: int) -> str:
    """Return which stronger classes could be had and were not taken, in words; "" where there is none."""
    told = []
    for one in weighed:
        if one.option.unavailable is not None or class_rank(one.option.class_cap) >= strongest:
            continue
        if one in free:
            told.append(f"{one.option.method} ({one.option.class_cap}) ends after the deadline")
        elif one.gives_up:
            told.append(f"{one.option.method} ({one.option.class_cap}) gives up more than the records")
        else:
            told.append(f"{one.option.method} ({one.option.class_cap}) is a whole training")
    return f"{', '.join(told)}; of the others " if told else ""


def _refused(method: str, reason: str) -> PlanImpossible:
    return PlanImpossible(
        found=f"method {method}: {reason}",
        expected="a method that the model's lineage and the settings allow",
        remedy="`rtbf plan TICKET --options` shows which can be planned; without --method one of them is chosen",
    )


def _impossible(guarantee: GuaranteeClass | None, weighed: Sequence[Weighed], request: PlanRequest) -> PlanImpossible:
    """Return the refusal, with the reason of each method that could have given the class."""
    wanted = len(GUARANTEE_CLASSES) if guarantee is None else class_rank(guarantee)
    told, weaker = [], []
    for one in weighed:
        if class_rank(one.option.class_cap) > wanted:
            weaker.append(one.option.method)
            continue
        told.append(f"{one.option.method}: {_why_not_by_itself(one, request) or 'ends after the deadline'}")
    if weaker:
        told.append(f"{', '.join(weaker)}: of a weaker class")
    what = "no method that can be planned" if guarantee is None else f"no method that gives class {guarantee}"
    return PlanImpossible(found=f"{what} ({'; '.join(told)})", expected="at least one that can be taken without its name", remedy=_REMEDY)


def _require_parameters_of_any(request: PlanRequest) -> None:
    """Return when at least one method takes all the parameters; raises what the method that knows their names says of them."""
    if not request.parameters:
        return
    refused: dict[str, UnknownName | BadInput] = {}
    for name, card in method_cards().items():
        try:
            parse_parameters(card, request.parameters)
        except (UnknownName, BadInput) as why:
            refused[name] = why
        else:
            return
    # A bad value of a known name tells more than a name that is unknown elsewhere.
    raise next((why for why in refused.values() if isinstance(why, BadInput)), refused[DEFAULT_METHOD])
