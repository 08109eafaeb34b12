"""`rtbf regime list|show|due`: which laws this installation knows, what each says and where, and what date a receipt gives.

Needs no home and no database: an officer may ask for a date before there is a ticket. A date computed here is a reading
of one rule pack, with its steps; it is not legal advice.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

    from rtbf.ticket.codes import Code
    from rtbf.ticket.regime import Regime
    from rtbf.ticket.working_days import Calendar

_KINDS = {"ground": "Grounds to erase", "exemption": "Reasons to keep", "delay": "Reasons for delay", "refusal": "Reasons to refuse"}


@click.group("regime")
def regime() -> None:
    """List and show the laws a ticket can be worked under, and compute their dates."""


@regime.command("list")
@click.pass_obj
def list_regimes(context: CliContext) -> None:
    """List every regime with its periods."""
    from rtbf.ticket.regime import load_regime, regime_names  # noqa: PLC0415 - pydantic, when it is needed

    packs = [load_regime(name) for name in regime_names()]
    emit(context, [_facts(pack) for pack in packs], lambda: _table(packs))


@regime.command("show")
@click.argument("name")
@click.pass_obj
def show_regime(context: CliContext, name: str) -> None:
    """Show one regime: each rule with its source, and every code that a decision may name."""
    from rtbf.ticket.codes import codes_of  # noqa: PLC0415 - pydantic, when it is needed
    from rtbf.ticket.regime import CODE_KINDS, load_regime  # noqa: PLC0415

    pack = load_regime(name)
    codes = {kind: codes_of(name, kind) for kind in CODE_KINDS}
    facts = _facts(pack) | {"codes": {kind: [dataclasses.asdict(code) for code in found] for kind, found in codes.items()}}
    emit(context, facts, lambda: _page(pack, {str(kind): found for kind, found in codes.items()}))


@regime.command("due")
@click.argument("name")
@click.option("--received-at", required=True, metavar="DATE", help="Day of receipt (2026-11-23), or its instant with an offset (RFC 3339).")
@click.option("--time-zone", default="UTC", show_default=True, help="Civil time zone of the controller (IANA name).")
@click.option("--holidays", metavar="COUNTRY", help="Whose public holidays count, such as DE or DE-BE; without it, weekends only.")
@click.pass_obj
def due(context: CliContext, name: str, received_at: str, time_zone: str, holidays: str | None) -> None:
    """Compute when an answer is due under NAME, with the steps that lead to the date."""
    # The calendar library reads its table of countries, 0.1 s that `rtbf --help` must not pay.
    from rtbf.ticket.deadline import ClockEvent, clock_facts, fold_clock  # noqa: PLC0415
    from rtbf.ticket.regime import load_regime  # noqa: PLC0415
    from rtbf.ticket.working_days import Calendar  # noqa: PLC0415

    pack = load_regime(name)
    calendar = Calendar(time_zone=time_zone, holidays=holidays)
    received = _instant(received_at, calendar)
    clock = fold_clock(pack, calendar, [ClockEvent(kind="start", at=received)], received)
    last_day = max(clock.deadline, clock.extended_deadline or clock.deadline)
    pins = {"regime_digest": pack.digest, "holidays": holidays, "calendar_digest": calendar.digest(clock.received_on.year, last_day.year)}
    lines = [f"due {clock.deadline.isoformat()}", *(f"  {step}" for step in clock.steps)]
    if clock.extended_deadline is not None:
        lines.append(f"  if extended, with notice before that: {clock.extended_deadline.isoformat()}")
    emit(context, clock_facts(clock) | pins, lambda: "\n".join(lines))


def _instant(text: str, calendar: Calendar) -> datetime:
    """Return the instant of receipt; a bare date means the beginning of that day in the calendar's zone."""
    from datetime import date, timedelta  # noqa: PLC0415 - with the calendar

    from rtbf.clock import parse_rfc3339  # noqa: PLC0415
    from rtbf.errors import BadInput  # noqa: PLC0415

    try:
        return calendar.end_of(date.fromisoformat(text) - timedelta(days=1))
    except (ValueError, OverflowError):
        pass
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise BadInput(
            found="a --received-at that is no date",
            expected="a date such as 2026-11-23, or an instant with an offset such as 2026-11-23T09:14:00+01:00",
            remedy="correct it and ask again",
        ) from None


def _facts(pack: Regime) -> dict[str, Any]:
    return dataclasses.asdict(pack) | {"digest": pack.digest}


def _table(packs: list[Regime]) -> RenderableType:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("regime", "answer", "extended", "acknowledge", "asking identity", "weekend"):
        table.add_column(column, no_wrap=column in {"regime", "answer", "extended"})
    for pack in packs:
        table.add_row(
            pack.name,
            str(pack.answer),
            "never" if pack.extend_to is None else str(pack.extend_to),
            str(pack.acknowledge),
            {"suspends": "clock waits", "starts": "answer starts it", "none": "clock runs on"}[pack.verification_effect],
            {"next_working_day": "rolls", "none": "stays"}[pack.roll],
        )
    return table


def _page(pack: Regime, codes: dict[str, tuple[Code, ...]]) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    rules = Table(title=f"{pack.name} version {pack.version}: {pack.title}", title_justify="left")
    for column in ("rule", "value", "source"):
        rules.add_column(column)
    for rule, source in pack.sources.items():
        rules.add_row(rule.replace("_", " "), rule_text(getattr(pack, rule)), source)
    parts: list[RenderableType] = [rules]
    for kind, found in codes.items():
        table = Table(title=_KINDS[kind] if found else f"{_KINDS[kind]}: none", title_justify="left")
        for column in ("type this", "recorded as", "article", "meaning"):
            table.add_column(column)
        for code in found:
            table.add_row(code.short, code.code, code.article, code.meaning)
        parts.append(table)
    return Group(*parts, f"digest {pack.digest}")


def rule_text(value: object) -> str:
    """Return a rule's value as people read it: "1 month", "yes", "data_subject low, guardian substantial"."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {rule_text(entry) if entry else 'none'}" for name, entry in value.items())
    if isinstance(value, tuple):
        return " + ".join(str(entry) for entry in value) or "none"
    return str(value).replace("_", " ")
