"""`rtbf upkeep`: what time alone asks for, once. The daily line of cron in a home without `rtbf sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.errors import DONE, FAULT
from rtbf.cli.work import work_settings

if TYPE_CHECKING:
    from rtbf.pipeline.upkeep import UpkeepDone

WORDS = {
    "reports": "report(s) issued anew, since their ticket closed after the last one",
    "stamps": "report(s) time-stamped that had gone out without",
    "ledger": "event(s) put under a signed tree head",
    "woken": "ticket(s) woken",
    "letters": "waiting letter(s) sent",
    "copies": "of our own copies of closed tickets deleted",
    "keys": "ticket key(s) destroyed",
    "epochs": "vault key(s) replaced",
    "codes": "one-time code(s) forgotten",
    "answers": "idempotency answer(s) forgotten",
    "outbox": "delivered event(s) forgotten",
    "generations": "unused key(s) of the suppression list destroyed",
    "log": "database log emptied",
}
"""Step → what its count counts."""


@click.command("upkeep")
@click.pass_obj
def upkeep(context: CliContext) -> int:
    """Issue overtaken reports anew, sign the ledger, wake tickets, send letters, delete what is due, destroy and replace keys. Once.

    Beside `rtbf sweep` it is not needed. Exit code 5 when a step failed; the others were taken all the same.
    """
    from rtbf.issuing import keep_up  # noqa: PLC0415 - the executor belongs to commands that run

    done = keep_up(context.open_installation(), context.actor, work=work_settings(context))
    emit(context, {"done": dict(done.counts), "failed": dict(done.failed)}, lambda: told(done))
    return FAULT if done.failed else DONE


def told(done: UpkeepDone) -> str:
    """Return what was done, a line for each step that did or failed something."""
    lines = [f"{count} {WORDS[name]}" for name, count in done.counts.items()]
    lines += [f"FAILED: {name} ({code})" for name, code in done.failed.items()]
    return "\n".join(lines) or "nothing was due"
