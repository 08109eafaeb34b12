"""Where the ink goes: interval ends, bar lengths and curve points as fractions of the drawing's width, in decimal text.

Pure arithmetic, so that a test can say where a bar ends. The template only draws what stands here.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from rtbf.report.asked_words import piece_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLACES = 3
_SMALL, _LARGE = Decimal("1e-6"), Decimal("1e9")
_DASH = "–"
_MOST_MARGINS, _LEAST_MARGINS = Decimal(5), Decimal("1.6")
"""A strip reaches this many of its largest margins at most and at least: beyond, an arrow; within, the limit stays visible."""
_EDGE = Decimal("1.04")


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


def reach_of(probes: Sequence[Mapping[str, Any]]) -> Decimal:
    """Return how far from zero the strips of probes of one unit reach: one scale for all of them."""
    margin = max((Decimal(probe["margin"]) for probe in probes), default=Decimal(0))
    ends = [abs(end) for probe in probes for end in _ends(probe)]
    widest = max(ends, default=Decimal(0))
    reach = widest if margin == 0 else max(_LEAST_MARGINS * margin, min(widest, _MOST_MARGINS * margin))
    return reach * _EDGE or Decimal(1)


def effect_strip(probe: Mapping[str, Any], reach: Decimal) -> dict[str, Any] | None:
    """Return where effect, interval and limit lie on a strip from −reach to +reach; None without an effect or a limit.

    What lies beyond is cut off at the strip's end and marked there; the numbers beside it are whole.
    """
    margin = Decimal(probe["margin"])
    if probe["estimate"] is None or margin == 0:
        return None
    ends = _ends(probe)
    low, high = min(ends), max(ends)
    return {
        "estimate": _place(Decimal(probe["estimate"]), reach),
        "low": _place(low, reach),
        "high": _place(high, reach),
        "margin_low": _place(-margin, reach) if probe["direction"] == "two_sided" else "0.0000",
        "margin_high": _place(margin, reach),
        "is_cut_low": low < -reach,
        "is_cut_high": high > reach,
    }


def effect_words(probe: Mapping[str, Any]) -> str:
    """Return the effect and its interval in numbers; why there is none, in words."""
    if probe["not_applicable"] is not None:
        return "not measured"
    if probe["problem"] is not None:
        return "could not be completed"
    if probe["estimate"] is None and probe["role"] == "reported":
        return ""
    if probe["estimate"] is None:
        return "nothing to compare with" if probe["compared_with"] is None else "too little for an effect"
    if probe["interval"] is None:
        return signed(probe["estimate"])
    return f"{signed(probe['estimate'])} [{shown(probe['interval']['low'])}, {shown(probe['interval']['high'])}]"


def limit_words(probe: Mapping[str, Any]) -> str:
    """Return the limit that the plan fixed: on both sides, or upwards only; nothing where there is none."""
    if Decimal(probe["margin"]) == 0:
        return ""
    return f"{'±' if probe['direction'] == 'two_sided' else ''}{_plain(probe['margin'])}"


def signed(text: str) -> str:
    """Return a number as `shown` does, with a plus sign where it is above zero."""
    return f"+{shown(text)}" if Decimal(text) > 0 else shown(text)


def steps_chart(probe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a relearning attack's curves over its steps, each from −1 (bottom) to 0; None unless every piece is a step.

    `before` is the model before unlearning, which the attack was not run on: a level to come back to.
    """
    steps = [(_step(part["name"]), part) for part in probe["parts"]]
    if len(steps) < 2 or any(step is None for step, _ in steps):  # noqa: PLR2004 - one point is no curve
        return None
    last = max(Decimal(step or 0) for step, _ in steps) or Decimal(1)
    lines = {arm: [Decimal(part[arm]) for _, part in steps if part[arm] is not None] for arm in ("before", "after", "control")}
    values = [value for line in lines.values() for value in line]
    low, high = min(values), max([*values, Decimal(0)])
    span = high - low or Decimal(1)
    ats = [_fraction(Decimal(step or 0) / last) for step, _ in steps]
    return {
        "ticks": [[at, str(step)] for at, (step, _) in zip(ats, steps, strict=True)],
        "top": shown(str(high)),
        "bottom": shown(str(low)),
        "lines": {
            arm: [[at, _fraction((value - low) / span)] for at, value in zip(ats, line, strict=True)] if len(line) == len(ats) else []
            for arm, line in lines.items()
        },
        "ends": {arm: f"{shown(str(line[0]))} → {shown(str(line[-1]))}" if line else _DASH for arm, line in lines.items()},
    }


def pieces_chart(probe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a bar for each piece of a probe's figure (its forms, its templates) on one scale, and its numbers."""
    known = [Decimal(part[arm]) for part in probe["parts"] for arm in ("before", "after", "control") if part[arm] is not None]
    top = max([abs(value) for value in known], default=Decimal(0)) or Decimal(1)
    return [
        {
            "name": piece_words(part["name"]),
            "items": str(part["n_items"]),
            **{arm: None if part[arm] is None else _fraction(abs(Decimal(part[arm])) / top) for arm in ("before", "after", "control")},
            "numbers": [_DASH if part[arm] is None else _short(part[arm]) for arm in ("before", "after", "control")],
        }
        for part in probe["parts"]
    ]


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


def _ends(probe: Mapping[str, Any]) -> list[Decimal]:
    """Return the ends of the effect: of its interval where there is one."""
    if probe["estimate"] is None:
        return []
    interval = probe["interval"]
    return [Decimal(probe["estimate"]), *([] if interval is None else [Decimal(interval["low"]), Decimal(interval["high"])])]


def _place(value: Decimal, reach: Decimal) -> str:
    return _fraction((max(-reach, min(reach, value)) / reach + 1) / 2)


def _step(name: str) -> str | None:
    _, at, step = name.partition("@")
    return step if at and step.isdecimal() else None


def _short(text: str) -> str:
    return f"{Decimal(text):.2f}".replace("-", "−")


def _plain(text: str) -> str:
    return f"{Decimal(text).normalize():f}"


def _fraction(value: Decimal) -> str:
    return f"{value:.4f}"
