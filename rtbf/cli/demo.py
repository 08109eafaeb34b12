"""`rtbf demo`: the whole story on fictitious people, told on the terminal. Exit 0 when what must hold did hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.errors import DONE, REFUSED
from rtbf.cli.progress import shown_progress
from rtbf.cli.work import work_settings

if TYPE_CHECKING:
    from rtbf.demo.shards import Sharded
    from rtbf.demo.story import Ending
    from rtbf.ticket_view import TicketView


@click.command("demo")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("rtbf-demo"), show_default=True, help="A new folder for it.")
@click.option(
    "--exact",
    "is_exact",
    is_flag=True,
    help="End with a retraining without the records, and with a model in shards: class exact, some minutes more.",
)
@click.pass_obj
def demo(context: CliContext, folder: Path, *, is_exact: bool) -> int:
    """Tell the whole story: learn, be asked to forget, find, decide, plan, approve, unlearn, measure, sign, check, answer."""
    # torch takes seconds, which only this command pays.
    from rtbf.demo.story import tell  # noqa: PLC0415

    narrator = _Quiet() if context.is_json else _Terminal()
    with shown_progress() as progress:
        ending = tell(folder, narrator, progress, work_settings(context), is_exact=is_exact)
    data = {
        "ticket_id": ending.ticket_id,
        "report": str(ending.report_folder),
        "npo": ending.npo_verdict,
        "noop": ending.noop_verdict,
        "exact": ending.exact_verdict,
        "shards": None if ending.shards is None else _shards_shape(ending.shards),
        "check": ending.check_status,
        "refused": ending.refused,
        "tampered": ending.tampered,
        "outcome": ending.outcome,
    }
    emit(context, data, lambda: _farewell(ending, folder))
    return DONE if ending.is_as_expected else REFUSED


def _shards_shape(shards: Sharded) -> dict[str, Any]:
    return {
        "ticket_id": shards.ticket_id,
        "verdict": shards.verdict,
        "unlearned": shards.served,
        "from_nothing": shards.from_nothing,
        "is_equal": shards.is_equal,
    }


def _farewell(ending: Ending, folder: Path) -> str:
    report = ending.report_folder
    shards = ending.shards
    equal = "" if shards is None else _equal_line(shards)
    anew = "" if ending.exact_verdict is None else f"   full_retrain: {ending.exact_verdict}"
    return (
        f"\nnoop: {ending.noop_verdict} (must be FAIL)   npo: {ending.npo_verdict}{anew}   report: {ending.check_status}   "
        f"tampered copies refused: {ending.refused} of {ending.tampered}   {ending.elapsed_s:.0f} s in all\n\n"
        f"open     {report / 'report.pdf'}\n"
        f"read     {ending.outbox}  (the letters)\n"
        f"check    rtbf-check {report / 'bundle.zip'} --trust {folder / 'trust.json'}\n"
        f"look     rtbf --home {folder} show {ending.ticket_id} --clock\n"
        f"remove   rm -r {folder}{equal}"
    )


def _equal_line(shards: Sharded) -> str:
    told = "equal to those" if shards.is_equal else "NOT those"
    return (
        f"\n\nthe unlearned model in shards: its bytes are {told} of a training without the person\n{shards.served}\n{shards.from_nothing}"
    )


class _Quiet:
    """Tells nothing: the outcome is one JSON line at the end."""

    def chapter(self, title: str, kind: str) -> None:
        """Keep quiet."""

    def say(self, line: str) -> None:
        """Keep quiet."""

    def ask(self, question: str, answer: str) -> None:
        """Keep quiet."""

    def verdict(self, view: TicketView) -> None:
        """Keep quiet."""

    def took(self, seconds: float) -> None:
        """Keep quiet."""


class _Terminal:
    """Tells the story on standard output."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - 60 ms, only here

        self._console = Console(highlight=False)
        self._number = 0

    def chapter(self, title: str, kind: str) -> None:
        """Write the chapter's number, title and kind."""
        self._number += 1
        self._console.print(f"\n[bold]{self._number}. {title}[/]  [dim]({kind})[/]")

    def say(self, line: str) -> None:
        """Write a line."""
        self._print(line, "")

    def ask(self, question: str, answer: str) -> None:
        """Write question and answer."""
        self._print(f"? {question}", "cyan")
        self._print(f"! {answer}", "bold")

    def verdict(self, view: TicketView) -> None:
        """Draw the probe table."""
        from rtbf.cli.verdict_table import verification_table  # noqa: PLC0415 - rich, only here

        if view.verification is not None:
            self._console.print(verification_table(view.verification))

    def took(self, seconds: float) -> None:
        """Write the chapter's duration."""
        self._console.print(f"   [dim]{seconds:.1f} s[/]")

    def _print(self, line: str, style: str) -> None:
        """Write a line, every row of it indented."""
        from rich.padding import Padding  # noqa: PLC0415 - rich, only here
        from rich.text import Text  # noqa: PLC0415

        self._console.print(Padding(Text(line, style=style), (0, 0, 0, 3)))
