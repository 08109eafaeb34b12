"""`rtbf submit`: a ticket from the terminal or a file. Identifiers are never printed back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from rtbf.cli.show_ticket import show_ticket
from rtbf.errors import BadInput, RTBFError
from rtbf.ticket.identity import METHOD_LEVELS
from rtbf.ticket.record import IDENTIFIER_KINDS, RequesterRole

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext
    from rtbf.installation import Installation

_CHANNELS = ("web", "email", "post", "phone", "api", "cli")
_PROMPT = "-"
_PLAIN = ("regime", "channel", "external_ref", "received_at", "locale")
"""Options that are fields of the API's body under the same name."""


@click.command("submit")
@click.option("--name", "names", multiple=True, metavar="VALUE", help="A name of the person; `-` asks for it at the prompt.")
@click.option("--email", "emails", multiple=True, metavar="VALUE", help="An e-mail address; `-` asks.")
@click.option("--phone", "phones", multiple=True, metavar="VALUE", help="A phone number; `-` asks.")
@click.option("--account", "accounts", multiple=True, metavar="VALUE", help="An account or handle; `-` asks.")
@click.option("--excerpt", "excerpts", multiple=True, metavar="VALUE", help="A sentence the person wrote or is in; `-` asks.")
@click.option("--from-file", type=click.Path(path_type=Path, allow_dash=True), help="The API's JSON body; `-` reads standard input.")
@click.option("--regime", default=None, help="eu-gdpr (default), uk-gdpr, us-ca-ccpa or voluntary.")
@click.option("--requester", type=click.Choice(get_args(RequesterRole)), default=None, help="Who asks; default: data_subject.")
@click.option("--ground", "grounds", multiple=True, metavar="CODE", help="Why it must be erased; codes: `rtbf regime show NAME`.")
@click.option("--channel", type=click.Choice(_CHANNELS), default=None, help="How it came in; default: cli.")
@click.option("--locale", default=None, help="The language of letters to the person, for example de; default: the installation's.")
@click.option("--model", "models", multiple=True, help="Limit the request to this model; default: every model.")
@click.option("--ref", "external_ref", help="The item's id in your ticketing system, for example jira:PRIV-1042.")
@click.option("--received-at", help="When the request came in (RFC 3339 with zone); default now.")
@click.option("--identity", type=click.Choice(list(METHOD_LEVELS)), help="How the identity was checked already; default: not yet.")
@click.option("--idempotency-key", metavar="TEXT", help="A random text for this submission: sent again with it, it makes no second ticket.")
@click.pass_obj
def submit(context: CliContext, /, from_file: Path | None, idempotency_key: str | None, **options: Any) -> None:  # noqa: ANN401
    """Submit a deletion ticket. Values given on the command line end in the shell's history; `-` asks for them instead."""
    from rtbf.pipeline.intake import submit_once  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.ticket.intake import read_idempotency_key, read_submission  # noqa: PLC0415

    if from_file is not None and any(options.values()):
        raise click.UsageError("--from-file brings the whole submission; leave the other options out, or write them into the file")
    key = None if idempotency_key is None else read_idempotency_key(idempotency_key)
    installation = context.open_installation()
    body = _body_from(from_file) if from_file is not None else _body_of(options)
    taken = submit_once(installation, read_submission(body, installation.clock()), context.actor, key)
    if taken.is_replay:
        click.echo("note: this submission came before under the same key; no second ticket was made", err=True)
    _seal(installation)
    _warn(installation, taken.ticket_id)
    show_ticket(context, taken.ticket_id)


def _body_from(path: Path) -> Any:  # noqa: ANN401 - untrusted JSON
    from rtbf.ticket.body import MAX_BODY_BYTES, read_body  # noqa: PLC0415 - for this option only

    try:
        # One byte more than is lawful says that it is too large; the rest, perhaps endless, is never read.
        if str(path) == _PROMPT:
            raw = sys.stdin.buffer.read(MAX_BODY_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_BODY_BYTES + 1)
    except OSError as failed:
        raise BadInput(found=f"a file that cannot be read ({failed.strerror})", expected="a JSON file", remedy="check the path") from failed
    return read_body(raw)


def _body_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the API's body from the options; values `-` are asked for at the prompt, without echo in history or ps."""
    subject = []
    for kind in IDENTIFIER_KINDS:
        for value in options[f"{kind}s"]:
            if value == _PROMPT:
                subject.append({"kind": kind, "value": click.prompt(kind, err=True)})
                continue
            subject.append({"kind": kind, "value": value})
            if sys.stdin.isatty():
                click.echo(f"note: the {kind} is in your shell's history; `--{kind} -` asks for it instead", err=True)
    body: dict[str, Any] = {"subject": subject, "channel": "cli", "models": list(options["models"]), "grounds": list(options["grounds"])}
    body |= {name: options[name] for name in _PLAIN if options[name] is not None}
    if options["requester"] is not None:
        body["requester"] = {"role": options["requester"]}
    if options["identity"] is not None:
        body["identity"] = {"method": options["identity"]}
    return body


def _seal(installation: Installation) -> None:
    """Sign a head over the new ticket's event, so that its receipt is there at once; a failure never undoes the submission."""
    from rtbf.pipeline.ledger import seal_ledger  # noqa: PLC0415 - the database layer, when it is needed

    try:
        seal_ledger(installation)
    except (RTBFError, OSError) as trouble:
        told = f"{trouble.code}: {trouble.found}" if isinstance(trouble, RTBFError) else type(trouble).__name__
        click.echo(f"warning: the ticket is stored, its receipt is not there yet ({told}); `rtbf log head --sign` tries again", err=True)


def _warn(installation: Installation, ticket_id: str) -> None:
    """Say on standard error what a person should look at before going on."""
    from rtbf.ticket_view import view_ticket  # noqa: PLC0415 - the database layer, when it is needed

    view = view_ticket(installation, ticket_id)
    for mark in view.ticket.identifiers:
        if mark.warnings:
            what = "mixes alphabets; letters that look alike are not equal, check how it was written"
            click.echo(f"note: identifier {mark.number} ({mark.kind}) {what}", err=True)
    if view.linked:
        click.echo(f"note: perhaps the same person as {', '.join(view.linked)}; nothing was merged", err=True)
