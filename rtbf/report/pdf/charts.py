"""Where the ink goes: bar lengths, interval ends and curve points as fractions of the drawing's width, in decimal text.

Pure arithmetic, so that a test can say where a bar ends. The template only draws what stands here.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLACES = 3
_SMALL, _LARGE = Decimal("1e-6"), Decimal("1e9")
_DASH = "–"
_ARMS = (("before", "before"), ("after", "after"), ("control", "control"))


def shown(text: str | None) -> str:
    """Return a number with three decimals, or two significant digits when these would print zero; "–" when unknown."""
    if text is None:
        return _DASH
    value = Decimal(text)
    if value == 0:
        return "0.000"
    if not _SMALL <= abs(value) < _LARGE:
        plain = f"{value:.1e}"
    else:
        rounded = value.quantize(Decimal(1).scaleb(-_PLACES), rounding=ROUND_HALF_EVEN)
        plain = f"{rounded or value.quantize(Decimal(1).scaleb(value.adjusted() - 1), rounding=ROUND_HALF_EVEN):f}"
    # A true minus sign stands at the height of the digits; a hyphen can break off at a line's end.
    return plain.replace("-", "−")


def percent(share: str) -> str:
    """Return a share as a percentage without needless zeros: "0.90" gives "90 %"."""
    return f"{(Decimal(share) * 100).normalize():f} %"


def probe_chart(probe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bars of each arm that was measured, and the strip of the effect with its interval and margin."""
    is_utility = probe["family"] == "utility"
    values = [(label, Decimal(probe[arm])) for arm, label in _ARMS if probe[arm] is not None and not (is_utility and arm == "control")]
    low = min([Decimal(0), *(value for _, value in values)])
    high = max([Decimal(0), *(value for _, value in values)])
    span = high - low or Decimal(1)
    bars = [
        {"arm": label, "from": _fraction(-low / span if value >= 0 else (value - low) / span), "length": _fraction(abs(value) / span),
         "value": shown(str(value))}
        for label, value in values
    ]  # fmt: skip
    return {
        "unit": probe["unit"],
        "note": _note(probe),
        "bars": bars,
        "effect": _effect(probe, is_utility=is_utility),
        "no_effect": _why_no_effect(probe, is_utility=is_utility),
    }


def curve_chart(curve: Sequence[Mapping[str, Any]], limit: str) -> dict[str, Any] | None:
    """Return both lines of the run over its steps, with the stop rule's limit; None when there is no line to draw."""
    last = max((point["step"] for point in curve), default=0)
    if last == 0:
        return None
    nats = [Decimal(point[name]) for point in curve for name in ("forget_nll_nats", "retain_nll_nats")]
    top = max([Decimal(limit), *nats]) or Decimal(1)
    steps = [_fraction(Decimal(point["step"]) / last) for point in curve]
    return {
        "steps": str(last),
        "top": shown(str(top)),
        "forget": [[x, _fraction(Decimal(point["forget_nll_nats"]) / top)] for x, point in zip(steps, curve, strict=True)],
        "retain": [[x, _fraction(Decimal(point["retain_nll_nats"]) / top)] for x, point in zip(steps, curve, strict=True)],
        "limit": _fraction(Decimal(limit) / top),
        "limit_text": shown(limit),
        "forget_first": shown(curve[0]["forget_nll_nats"]),
        "forget_last": shown(curve[-1]["forget_nll_nats"]),
        "retain_first": shown(curve[0]["retain_nll_nats"]),
        "retain_last": shown(curve[-1]["retain_nll_nats"]),
    }


def _note(probe: Mapping[str, Any]) -> str:
    """Return the unit, the direction, and how many items came out word for word."""
    note = f"{probe['unit']}; higher is {probe['higher_is']}"
    if probe["witnesses"]:
        note += f"; {probe['witnesses']} item{'s' if probe['witnesses'] != 1 else ''} reproduced word for word"
    return note


def _why_no_effect(probe: Mapping[str, Any], *, is_utility: bool) -> str:
    if probe["not_applicable"] is not None:
        return "The test does not apply here."
    if probe["problem"] is not None:
        return "The test could not be completed."
    if probe["control"] is None and not is_utility:
        return "No control model to compare with, so no effect can be stated."
    return "Too little to state an effect."


def _effect(probe: Mapping[str, Any], *, is_utility: bool) -> dict[str, Any] | None:
    """Return the strip of the effect: everything outside the drawn range is clipped to its end."""
    if probe["estimate"] is None or probe["interval"] is None:
        return None
    estimate, margin = Decimal(probe["estimate"]), Decimal(probe["margin"])
    low, high = Decimal(probe["interval"]["low"]), Decimal(probe["interval"]["high"])
    reach = max(abs(low), abs(high), abs(estimate), 2 * margin) or Decimal(1)
    reach = reach * Decimal("1.08")

    def place(value: Decimal) -> str:
        return _fraction((value / reach + 1) / 2)

    is_two_sided = probe["direction"] == "two_sided"
    compared = "after less before" if is_utility else "after less control"
    limit = f"limit ±{shown(probe['margin'])}" if is_two_sided else f"limit {shown(probe['margin'])}"
    return {
        "estimate": place(estimate),
        "low": place(low),
        "high": place(high),
        "margin_low": place(-margin) if is_two_sided else "0.0000",
        "margin_high": place(margin),
        "text": f"{compared}: {shown(str(estimate))} [{shown(str(low))}, {shown(str(high))}], {limit}",
    }


def _fraction(value: Decimal) -> str:
    return f"{value:.4f}"
