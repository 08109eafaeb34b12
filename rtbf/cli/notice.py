"""`rtbf notice preview|send|list`: letters to the person of a ticket. Only `preview` shows one; it is a letter about a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.next_step import WAITS_FOR
from rtbf.cli.typed import typed_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rtbf.installation import Installation
    from rtbf.pipeline.notices import NoticeSeen
    from rtbf.pipeline.posting import NoticeSent

KINDS = ("acknowledgement", "refusal", "partial", "fulfilment", "no_data", "unverified", "withdrawal_confirmed")
"""What is sent by itself; the other kinds belong to `rtbf identify`, `rtbf extend` and `rtbf recipient tell`."""

_WORDS = {
    "sent": "sent by e-mail",
    "written": "to be posted",
    "queued": "waits to be sent",
    "failed": "refused",
    "dropped": "dropped",
}


@click.group("notice")
def notice() -> None:
    """Look at, send and list the letters to a ticket's person."""


@notice.command("preview")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("kind", type=click.Choice([*KINDS, "extension"]))
@click.option("--code", help="Why the whole request is refused, or why it takes longer; codes: `rtbf regime show NAME`.")
@click.option("--text", help="The code in words for the person. `-` asks for it, or reads a pipe.")
@click.pass_obj
def preview(context: CliContext, ticket_id: str, kind: str, code: str | None, text: str | None) -> None:
    """Show the letter that would be sent now; nothing is sent or changed."""
    from rtbf.pipeline.notices import preview_notice  # noqa: PLC0415 - the database layer, when it is needed

    letter = preview_notice(context.open_installation(), ticket_id, kind, code=code, text=typed_words(text, "text"))
    facts = {
        "kind": letter.kind,
        "locale": letter.locale,
        "template_digest": letter.template_digest,
        "subject": letter.subject,
        "body": letter.body.reveal(),
    }
    emit(context, facts, lambda: f"Subject: {letter.subject}\n\n{letter.body.reveal()}")


@notice.command("send")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--code", help="Why the whole request is refused; codes: `rtbf regime show NAME`.")
@click.option("--text", help="The reason in words for the person. `-` asks for it, or reads a pipe.")
@click.option("--by-post", is_flag=True, help="Print it into the outbox folder instead of sending it by e-mail.")
@click.option("--again", is_flag=True, help="Write a new letter although one of this kind was sent, or waits to be.")
@click.pass_obj
def send(context: CliContext, ticket_id: str, kind: str, code: str | None, text: str | None, *, by_post: bool, again: bool) -> None:
    """Send a letter to the person: to the first e-mail address of the ticket, or printed when there is none.

    An answer stops the clock. A fulfilment and a confirmed withdrawal close the ticket with it; after the other answers a
    second person closes it: `rtbf decide TICKET --close OUTCOME`.
    """
    from rtbf.pipeline.notices import send_notice  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.purge import purge_if_closed  # noqa: PLC0415

    installation = context.open_installation()
    words = typed_words(text, "text")
    sent = send_notice(installation, ticket_id, kind, context.actor, code=code, text=words, by_post=by_post, again=again)
    purge_if_closed(installation, ticket_id, context.actor)
    tell_sent(context, installation, ticket_id, sent)


@notice.command("list")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def list_notices(context: CliContext, ticket_id: str) -> None:
    """List a ticket's letters: kind, language, to whom, how, and how far each came. Never what they say."""
    from rtbf.pipeline.notices import ticket_notices  # noqa: PLC0415 - the database layer, when it is needed

    seen = ticket_notices(context.open_installation(), ticket_id)
    emit(context, {"notices": [_facts(entry) for entry in seen]}, lambda: _table(seen))


def tell_sent(context: CliContext, installation: Installation, ticket_id: str, sent: NoticeSent) -> None:
    """Say how far a letter came, and where the ticket stands with it."""
    from rtbf.ticket_view import view_ticket  # noqa: PLC0415 - the database layer, when it is needed

    view = view_ticket(installation, ticket_id)
    facts = {
        "notice_id": sent.notice_id,
        "kind": sent.kind,
        "delivery": sent.state,
        "channel": sent.channel,
        "path": None if sent.path is None else str(sent.path),
        "ticket_id": ticket_id,
        "state": view.state,
        "reason": view.reason,
        "outcome": view.outcome,
    }
    lines = [f"{sent.kind.replace('_', ' ')}: {_WORDS[sent.state]}"]
    if sent.path is not None:
        lines.append(f"  {sent.path}")
    stands = f": {view.outcome}" if view.outcome else f", {WAITS_FOR[view.reason]}" if view.reason else ""
    lines.append(f"{ticket_id}: {view.state}{stands}")
    emit(context, facts, lambda: "\n".join(lines))


def _facts(entry: NoticeSeen) -> dict[str, Any]:
    from rtbf.clock import rfc3339  # noqa: PLC0415 - with the database layer

    return {
        "notice_id": entry.notice_id,
        "kind": entry.kind,
        "to": entry.to,
        "locale": entry.locale,
        "template_digest": entry.template_digest,
        "channel": entry.channel,
        "code": entry.code,
        "delivery": entry.state,
        "written_at": rfc3339(entry.written_at),
        "sent_at": None if entry.sent_at is None else rfc3339(entry.sent_at),
    }


def _table(seen: Sequence[NoticeSeen]) -> RenderableType:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    from rtbf.cli.drawing import moment  # noqa: PLC0415

    if not seen:
        return "No letters yet: `rtbf notice send TICKET acknowledgement`"
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("letter", "to", "words", "how far", "when"):
        table.add_column(column, overflow="fold", no_wrap=column == "when")
    for entry in seen:
        kind = entry.kind.replace("_", " ") + (f"\n{entry.code.rpartition(':')[2]}" if entry.code else "")
        table.add_row(kind, entry.to, entry.locale, _WORDS.get(entry.state, entry.state), moment(entry.sent_at or entry.written_at))
    return table
