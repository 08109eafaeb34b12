"""`rtbf submit`: a ticket from the terminal or a file. Identifiers are never printed back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.show_ticket import show_ticket
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext

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
    show_ticket(context, ticket_id)


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
