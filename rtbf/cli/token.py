"""`rtbf token create|list|revoke`: who may call the API. A token is shown once; only its hash is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.context import CliContext, emit
from rtbf.clock import rfc3339
from rtbf.store.actors import actor_id_for, actor_name, create_token, list_tokens, revoke_token

if TYPE_CHECKING:
    from rich.table import Table


@click.group("token")
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command("create")
@click.argument("name")
@click.pass_obj
def create(context: CliContext, name: str) -> None:
    """Create a token for the actor NAME and print it once.

    What is done with the token is done by the actor NAME: give every calling system its own.
    """
    installation = context.open_installation()
    now = installation.clock()
    with installation.transaction() as session:
        secret = create_token(session, name, actor_id_for(session, name, now), now)
    emit(context, {"name": name, "token": secret}, lambda: secret)


@token.command("list")
@click.pass_obj
def list_all(context: CliContext) -> None:
    """List the tokens, newest first; their values cannot be shown again."""
    installation = context.open_installation()
    with installation.transaction() as session:
        rows = [
            {
                "id": row.id,
                "name": row.name,
                "actor": actor_name(session, row.actor_id),
                "created_at": rfc3339(row.created_at),
                "revoked_at": None if row.revoked_at is None else rfc3339(row.revoked_at),
            }
            for row in list_tokens(session)
        ]
    emit(context, {"tokens": rows}, lambda: _table(rows))


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke(context: CliContext, token_id: str) -> None:
    """Revoke the token with this ID; it stops working at once."""
    installation = context.open_installation()
    with installation.transaction() as session:
        revoke_token(session, token_id, installation.clock())
    emit(context, {"id": token_id, "is_revoked": True}, lambda: f"{token_id} is revoked")


def _table(rows: list[dict[str, str | None]]) -> Table:
    # Drawn only for people; see rtbf.cli.context.
    from rich.table import Table  # noqa: PLC0415

    table = Table("id", "name", "actor", "created", "revoked")
    for row in rows:
        table.add_row(*(row[field] or "" for field in ("id", "name", "actor", "created_at", "revoked_at")))
    return table
