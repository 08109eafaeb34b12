"""`rtbf approve|reject`: a person's yes or no to one plan, by its digest, signed with that person's own key where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.cli.actor_key import own_key
from rtbf.cli.show_ticket import show_ticket

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext

_DIGEST = click.option("--digest", required=True, help="The plan's digest as you read it: sha256:…")
_KEY = click.option(
    "--key", "key_file", type=click.Path(path_type=Path), help="Your signing key (RTBF_ACTOR_KEY_FILE); see `rtbf key actor`."
)


@click.command("approve")
@click.argument("ticket_id", metavar="TICKET")
@_DIGEST
@_KEY
@click.pass_obj
def approve(context: CliContext, ticket_id: str, digest: str, key_file: Path | None) -> None:
    """Approve a plan. You must have neither submitted the ticket, nor made the plan, nor decided what is erased.

    The digest is never filled in for you. With --key the approval is signed, and whoever has registered a key must use it;
    without one it is recorded as self-declared, and the report says so. The key's passphrase is read from
    RTBF_ACTOR_PASSPHRASE_FILE, or asked for.
    """
    _decide(context, ticket_id, digest, key_file, is_approval=True)


@click.command("reject")
@click.argument("ticket_id", metavar="TICKET")
@_DIGEST
@_KEY
@click.pass_obj
def reject(context: CliContext, ticket_id: str, digest: str, key_file: Path | None) -> None:
    """Reject a plan; the ticket goes back to planning. Anyone may, also within the grace period."""
    _decide(context, ticket_id, digest, key_file, is_approval=False)


def _decide(context: CliContext, ticket_id: str, digest: str, key_file: Path | None, *, is_approval: bool) -> None:
    from rtbf.pipeline.approvals import decide_plan  # noqa: PLC0415 - the database layer, when it is needed

    key = own_key(context, key_file)
    decide_plan(context.open_installation(), ticket_id, digest, context.actor, is_approval=is_approval, key=key)
    how = "self-declared, not signed" if key is None else "signed with your key"
    show_ticket(context, ticket_id, is_brief=True, said=f"{'approved' if is_approval else 'rejected'} by {context.actor}, {how}")
