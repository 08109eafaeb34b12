"""`rtbf method|probe|locator|connector list|show`: what this installation can do, read from the cards, without torch.

`rtbf method qualify` stands in a module of its own and is registered here.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.qualify import qualify

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = {
    "method": ("name", "title", "class_cap", "source"),
    "probe": ("probe_id", "name", "family", "margin", "unit"),
    "locator": ("name", "title", "kinds"),
    "connector": ("name", "title", "suffixes"),
}


def _group(kind: str, summary: str) -> click.Group:
    """Return the `list` and `show` commands of one kind of card."""

    @click.group(kind, help=summary)
    def group() -> None:
        pass

    @group.command("list", help=f"List every {kind}.")
    @click.pass_obj
    def list_cards(context: CliContext) -> None:
        cards = _cards(kind)
        emit(context, [dataclasses.asdict(card) for card in cards.values()], lambda: _table(kind, cards))

    @group.command("show", help=f"Show one {kind}: what it does, its settings with ranges and sources, what it does not do.")
    @click.argument("name")
    @click.pass_obj
    def show_card(context: CliContext, name: str) -> None:
        from rtbf.plan import card as registry  # noqa: PLC0415 - pydantic, when it is needed

        found = getattr(registry, f"{kind}_card")(name)
        emit(context, dataclasses.asdict(found), lambda: _page(dataclasses.asdict(found)))

    return group


def _cards(kind: str) -> dict[str, Any]:
    from rtbf.plan import card as registry  # noqa: PLC0415 - pydantic, when it is needed

    cards: dict[str, Any] = getattr(registry, f"{kind}_cards")()
    return cards


def _table(kind: str, cards: dict[str, Any]) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 - rich, when it is needed

    table = Table()
    for column in _COLUMNS[kind]:
        table.add_column(column.replace("_", " "), no_wrap=column in {"name", "probe_id"})
    for card in sorted(cards.values(), key=lambda card: getattr(card, "probe_id", card.name)):
        values = (getattr(card, column) for column in _COLUMNS[kind])
        table.add_row(*(", ".join(value) if isinstance(value, tuple) else value for value in values))
    return table


def _page(card: dict[str, Any]) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column()
    for name, value in card.items():
        if name != "parameters":
            shown = "\n".join(str(entry) for entry in value) if isinstance(value, tuple | list) else str(value)
            grid.add_row(name.replace("_", " "), shown)
    parameters = card.get("parameters") or ()
    if not parameters:
        return grid
    table = Table(title="Parameters (--set NAME=VALUE)", title_justify="left")
    for column in ("name", "default", "range", "meaning", "source"):
        table.add_column(column)
    for parameter in parameters:
        span = ", ".join(parameter["choices"]) or f"{parameter['minimum'] or '…'} to {parameter['maximum'] or '…'}"
        table.add_row(parameter["name"], parameter["default"], span, parameter["meaning"], parameter["source"])
    return Group(grid, table)


method = _group("method", "List, show and qualify unlearning methods.")
method.add_command(qualify)
probe = _group("probe", "List and show probes: what is measured, and what each does not prove.")
locator = _group("locator", "List and show ways of finding a person.")
connector = _group("connector", "List and show readers of corpus files.")
