"""`rtbf submit|list|show|identify|withdraw`: a ticket from the terminal. Identifiers are never printed back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from rich.console import RenderableType

_KINDS = ("name", "email", "phone", "account", "excerpt")
_PROMPT = "-"
_METHODS = ("email_code", "account_login", "agent_attestation", "document_viewed", "in_person", "controller_assertion")


@click.command("submit")
@click.option("--name", "names", multiple=True, metavar="VALUE", help="A name of the person; `-` asks for it at the prompt.")
@click.option("--email", "emails", multiple=True, metavar="VALUE", help="An e-mail address; `-` asks.")
@click.option("--phone", "phones", multiple=True, metavar="VALUE", help="A phone number; `-` asks.")
@click.option("--account", "accounts", multiple=True, metavar="VALUE", help="An account or handle; `-` asks.")
@click.option("--excerpt", "excerpts", multiple=True, metavar="VALUE", help="A sentence the person wrote or is in; `-` asks.")
@click.option("--from-file", type=click.Path(path_type=Path, allow_dash=True), help="The API's JSON body; `-` reads standard input.")
@click.option("--regime", default=None, help="eu-gdpr (default), uk-gdpr, us-ca-ccpa or voluntary.")
@click.option("--model", "models", multiple=True, help="Limit the request to this model; default: every model.")
@click.option("--ref", "external_ref", help="The item's id in your ticketing system, for example jira:PRIV-1042.")
@click.option("--received-at", help="When the request came in (RFC 3339 with zone); default now.")
@click.option("--identity", type=click.Choice(_METHODS), help="How the identity was checked already; default: not yet.")
@click.pass_obj
def submit(context: CliContext, /, from_file: Path | None, identity: str | None, **options: Any) -> None:  # noqa: ANN401
    """Submit a deletion ticket. Values given on the command line end in the shell's history; `-` asks for them instead."""
    from rtbf.pipeline.intake import submit_ticket  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.ticket.intake import read_submission  # noqa: PLC0415

    installation = context.open_installation()
    body = _body_from(from_file) if from_file is not None else _body_of(options, identity)
    ticket_id = submit_ticket(installation, read_submission(body, installation.clock()), context.actor)
    _show(context, ticket_id)


@click.command("list")
@click.option("--state", help="Only tickets in this state.")
@click.pass_obj
def list_command(context: CliContext, state: str | None) -> None:
    """List tickets, newest first."""
    from rtbf.store.tickets import list_tickets  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    with installation.transaction() as session:
        rows = [row for row in list_tickets(session) if state is None or row.state == state]
        data = [
            {
                "ticket_id": row.id, "state": row.state, "reason": row.reason, "outcome": row.outcome, "attempt": row.attempt,
                "created_at": row.created_at.isoformat(),
            }
            for row in rows
        ]  # fmt: skip
    emit(context, data, lambda: _ticket_table(data))


@click.command("show")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def show(context: CliContext, ticket_id: str) -> None:
    """Show where a ticket stands, what was found, planned, measured and decided, and what it waits for."""
    _show(context, ticket_id)


@click.command("identify")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("step", type=click.Choice(["ask", "record"]))
@click.option("--method", type=click.Choice(_METHODS), help="How the person was checked (for `record`).")
@click.pass_obj
def identify(context: CliContext, ticket_id: str, step: str, method: str | None) -> None:
    """Note that the person was asked to show who they are (`ask`), or that it was checked (`record`). No document is kept."""
    from rtbf.pipeline.identity import ask_identity, record_identity  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    if step == "ask":
        ask_identity(installation, ticket_id, context.actor)
    elif method is None:
        raise click.UsageError("`record` needs --method")
    else:
        record_identity(installation, ticket_id, method, context.actor)
    _show(context, ticket_id)


@click.command("withdraw")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def withdraw(context: CliContext, ticket_id: str) -> None:
    """Close a ticket that its person took back; possible until unlearning starts."""
    from rtbf.pipeline.closing import close_ticket  # noqa: PLC0415 - the database layer, when it is needed

    close_ticket(context.open_installation(), ticket_id, "withdrawn", context.actor)
    _show(context, ticket_id)


def _show(context: CliContext, ticket_id: str) -> None:
    from rtbf.cli.ticket_panel import ticket_json, ticket_panel  # noqa: PLC0415 - rich, when it is needed
    from rtbf.ticket_view import view_ticket  # noqa: PLC0415

    view = view_ticket(context.open_installation(), ticket_id)
    emit(context, ticket_json(view), lambda: ticket_panel(view))


def _body_from(path: Path) -> Any:  # noqa: ANN401 - untrusted JSON
    try:
        raw = sys.stdin.buffer.read() if str(path) == _PROMPT else path.read_bytes()
        return json.loads(raw)
    except OSError as failed:
        raise BadInput(found=f"a file that cannot be read ({failed.strerror})", expected="a JSON file", remedy="check the path") from failed
    except (json.JSONDecodeError, UnicodeDecodeError) as refused:
        # The text is not repeated: it is about a person.
        raise BadInput(
            found="a file that is not UTF-8 JSON", expected="the body of POST /v1/tickets", remedy="see docs/quickstart.md"
        ) from refused


def _body_of(options: dict[str, Any], identity: str | None) -> dict[str, Any]:
    """Return the API's body from the options; values `-` are asked for at the prompt, without echo in history or ps."""
    subject = []
    for kind in _KINDS:
        for value in options[f"{kind}s"]:
            if value == _PROMPT:
                subject.append({"kind": kind, "value": click.prompt(kind, err=True)})
                continue
            subject.append({"kind": kind, "value": value})
            if sys.stdin.isatty():
                click.echo(f"note: the {kind} is in your shell's history; `--{kind} -` asks for it instead", err=True)
    body: dict[str, Any] = {"subject": subject, "channel": "cli", "models": list(options["models"])}
    body |= {name: options[name] for name in ("regime", "external_ref", "received_at") if options[name] is not None}
    return body | ({"identity": {"method": identity}} if identity is not None else {})


def _ticket_table(data: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 - rich, when it is needed

    table = Table(title="Tickets" if data else "No tickets yet: `rtbf submit --name -`")
    for column in ("ticket", "state", "waits for", "try", "created (UTC)"):
        table.add_column(column, no_wrap=column == "ticket", overflow="fold")
    for row in data:
        created = str(row["created_at"])[:16].replace("T", " ")
        state = f"{row['state']}: {row['outcome']}" if row["outcome"] else row["state"]
        table.add_row(row["ticket_id"], state, row["reason"] or "", str(row["attempt"] or ""), created)
    return table
