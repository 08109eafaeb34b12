"""What a person asks of a plan, read from the words of a command line or an API body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtbf.errors import BadInput
from rtbf.plan.profile import profile_named
from rtbf.plan.record import GUARANTEE_CLASSES, GuaranteeClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_METHOD = "npo"
"""Preferred among methods that cost alike and of which none is qualified: the one this release knows most about."""
MAX_STEPS = 300
_YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRequest:
    """What was asked; everything left out is chosen by the planner. `seed` None draws one.

    method       None lets the planner choose (`rtbf.plan.choice`)
    parameters   of the method; checked against its card when the plan is made. Without a method, one that has them all is chosen
    is_braked    False lets forgetting go on past the level of the stop rule, as in the papers
    is_merged    False keeps the adapter apart from the base, which caps the class at suppression
    guarantee    None: the strongest class that the method can reach; without a method, see `rtbf.plan.choice`
    profile      how much the verification asks (`plan.profile`); None takes the installation's
    packs        raw bytes of the operator's own item packs (`verify.packs`)
    """

    model: str | None = None
    method: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_merged: bool = True
    is_braked: bool = True
    guarantee: GuaranteeClass | None = None
    seed: int | None = None
    max_steps: int = MAX_STEPS
    profile: str | None = None
    packs: tuple[bytes, ...] = ()

    @property
    def named_method(self) -> str:
        """Return the method, once it was asked for or chosen; raises BadInput before."""
        if self.method is None:
            raise BadInput(found="no method", expected="the name of one", remedy="see `rtbf method list`")
        return self.method


def plan_request(
    *,
    method: str | None,
    model: str | None,
    guarantee: str | None,
    sets: Sequence[str],
    seed: int | None,
    profile: str | None = None,
    packs: Sequence[bytes] = (),
) -> PlanRequest:
    """Return the request; raises BadInput for a setting that is not NAME=VALUE, or a bad merge or max_steps, and UnknownName."""
    if profile is not None:
        profile_named(profile)
    values: dict[str, str] = {}
    for entry in sets:
        name, is_pair, text = entry.partition("=")
        if not is_pair or not name or not text or name in values:
            raise BadInput(found=f"--set {entry}", expected="NAME=VALUE, each name once", remedy="correct it; see `rtbf method show NAME`")
        values[name] = text
    merge, brake = values.pop("merge", "yes"), values.pop("brake", "yes")
    steps = values.pop("max_steps", str(MAX_STEPS))
    if merge not in _YES_NO or brake not in _YES_NO:
        raise BadInput(found=f"merge={merge}, brake={brake}", expected="yes or no for each", remedy="correct --set merge=… or brake=…")
    if not steps.isascii() or not steps.isdigit() or not 1 <= int(steps) <= 100_000:  # noqa: PLR2004
        raise BadInput(found=f"max_steps={steps}", expected="a whole number from 1 to 100000", remedy="correct --set max_steps=…")
    wanted: GuaranteeClass | None = next((name for name in GUARANTEE_CLASSES if name == guarantee), None)
    if wanted is None and guarantee is not None:
        raise BadInput(found=f"guarantee {guarantee}", expected=f"one of {', '.join(GUARANTEE_CLASSES)}", remedy="correct --guarantee")
    return PlanRequest(
        model=model,
        method=method,
        parameters=values,
        is_merged=_YES_NO[merge],
        is_braked=_YES_NO[brake],
        guarantee=wanted,
        seed=seed,
        max_steps=int(steps),
        profile=profile,
        packs=tuple(packs),
    )
