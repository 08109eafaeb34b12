"""`rtbf`: the terminal's root. Commands are named here and loaded when they run, so that `rtbf --help` stays quick.

The worker side adds commands through the entry point group `rtbf.commands`; nothing in rtbf imports it.
"""

from __future__ import annotations

import getpass
import importlib
import importlib.metadata
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext
from rtbf.cli.errors import run_guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("rtbf.cli.admin:init", "Make a home: database, keys and folders."),
    "demo": ("rtbf.cli.demo:demo", "Tell the whole story on fictitious people, in minutes."),
    "submit": ("rtbf.cli.submit:submit", "Submit a deletion ticket for a person."),
    "list": ("rtbf.cli.tickets:list_command", "List tickets, the soonest deadline first."),
    "show": ("rtbf.cli.tickets:show", "Show where a ticket stands and what it waits for."),
    "identify": ("rtbf.cli.identify:identify", "Ask who the person is, take a code, or note a check."),
    "withdraw": ("rtbf.cli.reopen:withdraw", "Close a ticket that its person took back."),
    "reveal": ("rtbf.cli.reveal:reveal", "Show the person's identifiers, for a purpose that is noted."),
    "run": ("rtbf.cli.work:run_command", "Advance a ticket as far as allowed, here, with progress."),
    "footprint": ("rtbf.cli.work:footprint", "Locate the person of a ticket and show where."),
    "decide": ("rtbf.cli.decide:decide", "Decide what happens with each thing found, or close a ticket."),
    "plan": ("rtbf.cli.work:plan", "Make a plan, or another one, for a ticket."),
    "approve": ("rtbf.cli.approve:approve", "Approve a plan by its digest (a second person)."),
    "reject": ("rtbf.cli.approve:reject", "Reject a plan by its digest."),
    "reopen": ("rtbf.cli.reopen:reopen", "Open a closed ticket again, for a cause."),
    "extend": ("rtbf.cli.extend:extend", "Extend a ticket's deadline, and tell the person why."),
    "notice": ("rtbf.cli.notice:notice", "Look at, send and list letters to the person."),
    "recipient": ("rtbf.cli.recipient:recipient", "Tell those who received data or models what was erased."),
    "hold": ("rtbf.cli.hold:hold", "Place, list and release legal holds."),
    "residual": ("rtbf.cli.residual:residual", "List and resolve what remains after tickets."),
    "report": ("rtbf.cli.report:report", "Copy a ticket's signed report to a folder."),
    "check": ("rtbf.cli.report:check", "Check a signed report, offline."),
    "corpus": ("rtbf.cli.corpus:corpus", "Add, list and show corpora."),
    "model": ("rtbf.cli.model:model", "Add, train, ask, list and show models."),
    "method": ("rtbf.cli.cards:method", "List and show unlearning methods."),
    "probe": ("rtbf.cli.cards:probe", "List and show probes."),
    "locator": ("rtbf.cli.cards:locator", "List and show ways of finding a person."),
    "connector": ("rtbf.cli.cards:connector", "List and show readers of corpus files."),
    "regime": ("rtbf.cli.regime:regime", "List and show regimes, and compute their dates."),
    "log": ("rtbf.cli.log:log", "Show, sign, prove and check the ledger."),
    "suppress": ("rtbf.cli.suppress:suppress", "Keep people out of new data: check, export, list, lift."),
    "key": ("rtbf.cli.key:key", "Show, replace and destroy keys."),
    "upkeep": ("rtbf.cli.upkeep:upkeep", "Do once what time alone asks for: purge, shred, rotate."),
    "db": ("rtbf.cli.admin:db", "Upgrade or back up the database."),
    "serve": ("rtbf.cli.serve:serve", "Serve the HTTP API."),
    "token": ("rtbf.cli.token:token", "Create, list and revoke API tokens."),
}
"""Name → (module:attribute, one line of help). The line stands here so that the list needs no import."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called or asked for its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return our commands in the order of a ticket's life, then the entry points'."""
        return [*COMMANDS, *(point.name for point in _entry_points() if point.name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command, loaded, or None when there is none of that name."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            loaded: click.Command = getattr(importlib.import_module(module), attribute)
            return loaded
        for point in _entry_points():
            if point.name == cmd_name:
                found: click.Command = point.load()
                return found
        return None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command named by the first argument; an unknown name is refused with the nearest ones."""
        import difflib  # noqa: PLC0415 - on this failing path only

        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3)
            hint = f" Nearest: {', '.join(nearest)}." if nearest else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table above, without loading them."""
        rows = [(name, line) for name, (_, line) in COMMANDS.items()]
        rows += [(name, "Added by another package.") for name in self.list_commands(ctx) if name not in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the installation (RTBF_HOME; default ~/.rtbf).")
@click.option("--as", "actor", metavar="ACTOR", help="Who acts (RTBF_ACTOR; default: your login name).")
@click.option("--json", "is_json", is_flag=True, help="One stable JSON line on standard output.")
@click.version_option(package_name="rtbf")
@click.pass_context
def root(ctx: click.Context, home: Path | None, actor: str | None, *, is_json: bool) -> None:
    """Right to be forgotten for language models: from a deletion ticket to a signed report.

    \b
    rtbf init                           make a home
    rtbf demo                           see the whole story on fictitious people
    rtbf submit --name - --email -      a ticket (values from the prompt)
    rtbf run TICKET                     advance it; it says what it waits for
    rtbf check FILE --trust FILE        check a report, anywhere, offline

    Exit codes: 0 done, 1 refused or negative result, 2 usage, 3 cannot decide, 4 waiting for a person, 5 fault.
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    # pydantic takes 0.2 s, which `rtbf --help` must not pay.
    from rtbf.config import read_settings  # noqa: PLC0415

    settings = read_settings()
    ctx.obj = CliContext(home=home or settings.home, actor=actor or settings.actor or _login_name(), is_json=is_json, settings=settings)


def run() -> None:
    """Run the terminal and leave with the exit code of the outcome."""
    arguments = sys.argv[1:]
    sys.exit(run_arguments(arguments))


def run_arguments(arguments: Sequence[str]) -> int:
    """Return the exit code of one command line. --home, --as and --json may stand anywhere in it."""
    arguments = _globals_first(arguments)
    # Known before click has parsed, because a refusal to parse must be told in the asked form too.
    is_json = "--json" in arguments

    def command() -> Any:  # noqa: ANN401 - click returns what the command returned
        return root.main(args=list(arguments), prog_name="rtbf", standalone_mode=False)

    return run_guarded(command, is_json=is_json)


def _globals_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the root's options moved to the front: people write `rtbf show TICKET --json`."""
    front, rest = [], []
    queue = list(arguments)
    while queue:
        argument = queue.pop(0)
        if argument == "--":
            rest += [argument, *queue]
            break
        if argument == "--json" or argument.startswith(("--home=", "--as=")):
            front.append(argument)
        elif argument in {"--home", "--as"}:
            front += [argument, *queue[:1]]
            queue = queue[1:]
        else:
            rest.append(argument)
    return front + rest


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.entry_points(group="rtbf.commands"), key=lambda point: point.name)
