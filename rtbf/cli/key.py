"""`rtbf key …`: the keys that auditors trust (`cli.trust`, `cli.signing_key`), and those that let this service forget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.actor_key import actor
from rtbf.cli.context import CliContext, emit
from rtbf.cli.signing_key import protect, relock_signing_keys, revoke, rotate_signing_key
from rtbf.cli.trust import ROOT_PASSPHRASE, list_keys, trust, tsa_roots

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.installation import Installation


@click.group("key")
def key() -> None:
    """Show, replace and destroy this installation's keys."""


for _elsewhere in (actor, list_keys, trust, tsa_roots, revoke, protect):
    key.add_command(_elsewhere)


@key.command("status")
@click.pass_obj
def status(context: CliContext) -> None:
    """Show the vault key's epochs, when the next one is due, the bound on old backups, and the suppression list's keys."""
    shape = _status(context.open_installation())
    emit(context, shape, lambda: _status_table(shape))


@key.command("rotate")
@click.option("--role", type=click.Choice(["vault", "report", "log", "pdf"]), default="vault", show_default=True, help="Which key.")
@click.option("--issuer", "issuer_file", type=click.Path(path_type=Path, dir_okay=False), help="For pdf: pdf-ca.key, where it is kept.")
@ROOT_PASSPHRASE
@click.pass_obj
def rotate(context: CliContext, role: str, issuer_file: Path | None, passphrase_file: Path | None) -> None:
    """Replace a key: the vault's, or one that signs reports, tree heads or PDFs. Killed midway, run it again.

    vault: every ticket's key is wrapped anew, then the key before is destroyed. The others: what the old key signed stays good.
    """
    if role != "vault":
        rotate_signing_key(context, role, issuer_file, passphrase_file)
        return
    from rtbf.pipeline.epochs import rotate_epoch  # noqa: PLC0415 - the database layer, when it is needed

    done = rotate_epoch(context.open_installation(), context.actor)
    gone = ", ".join(str(number) for number in done.destroyed) or "none"
    emit(
        context,
        {"epoch": done.epoch, "rewrapped": done.rewrapped, "destroyed": list(done.destroyed)},
        lambda: f"epoch {done.epoch}: {done.rewrapped} ticket key(s) wrapped anew; epoch(s) destroyed: {gone}\nback up keys/ anew",
    )


@key.command("passphrase")
@click.option("--new", "new_path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File with the passphrase to come.")
@click.option("--of", "group", type=click.Choice(["vault", "signing", "log", "root"]), default="vault", show_default=True, help="Whose.")
@click.pass_obj
def passphrase(context: CliContext, new_path: Path, group: str) -> None:
    """Lock the vault, or the keys that sign, with another passphrase. The keys stay; backups of the files keep the old lock."""
    if group != "vault":
        relock_signing_keys(context, group, new_path)
        return
    from rtbf.vault.passphrase_file import change_passphrase, read_passphrase  # noqa: PLC0415 - the vault, when it is needed

    home = context.open_installation().home
    old_path = context.settings.vault_passphrase_file or home.vault_passphrase
    change_passphrase(home.vault, read_passphrase(old_path), read_passphrase(new_path))
    emit(
        context,
        {"vault": str(home.vault), "passphrase": str(new_path)},
        lambda: f"the vault opens with {new_path} only: set RTBF_VAULT_PASSPHRASE_FILE to it, then destroy {old_path}",
    )


@key.command("shred")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--early", is_flag=True, help="Before the appeal window is over; needs a second person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def shred(context: CliContext, ticket_id: str, *, early: bool, yes: bool) -> None:
    """Destroy the key of a closed ticket: nobody reads any more who it was about. It cannot be taken back."""
    from rtbf.clock import rfc3339  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.shredding import shred_ticket  # noqa: PLC0415

    installation = context.open_installation()
    if not yes:
        click.confirm(f"Destroy the key of {ticket_id} for good?", abort=True, err=True)
    done = shred_ticket(installation, ticket_id, context.actor, early=early)
    shape = {
        "ticket_id": ticket_id, "shredded_at": rfc3339(done.shredded_at), "bound_at": rfc3339(done.bound_at),
        "is_scrubbed": done.is_scrubbed,
    }  # fmt: skip
    told = [
        f"the key of {ticket_id} was destroyed at {shape['shredded_at']}",
        f"a backup of key store and vault taken before could bring it back until {done.bound_at:%Y-%m-%d}",
        "a backup of the database alone cannot",
    ]
    if not done.is_scrubbed:
        told.append("its bytes still lie in the database's files, because a reader stood in the way: run `rtbf upkeep`")
    emit(context, shape, lambda: "\n".join(told))


def _status(installation: Installation) -> dict[str, Any]:
    from rtbf.clock import rfc3339  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.epochs import next_rotation_at, resurrection_bound  # noqa: PLC0415
    from rtbf.store.suppression import token_counts, usable_keys  # noqa: PLC0415
    from rtbf.store.ticket_keys import key_counts  # noqa: PLC0415

    now = installation.clock()
    with installation.transaction() as session:
        keys, tokens = key_counts(session), token_counts(session)
    policy = installation.policy
    return {
        "epochs": [
            {
                "epoch": epoch.number, "created_at": rfc3339(epoch.created_at), "age_days": (now - epoch.created_at).days,
                "destroyed_at": None if epoch.destroyed_at is None else rfc3339(epoch.destroyed_at),
                "ticket_keys": keys.get(epoch.number, 0),
            }
            for epoch in installation.kek.epochs()
        ],
        "next_rotation_at": rfc3339(next_rotation_at(installation)),
        "is_rotation_late": next_rotation_at(installation) < now,
        "bound": {
            "days": policy.key_epoch_days + policy.key_backup_days + installation.kek.destruction_waits_days,
            "epoch_days": policy.key_epoch_days,
            "backup_days": policy.key_backup_days,
            "waits_days": installation.kek.destruction_waits_days,
            "if_shredded_now": rfc3339(resurrection_bound(installation, now)),
        },
        "suppression": [
            {
                "generation": generation.number, "created_at": rfc3339(generation.created_at),
                "destroyed_at": None if generation.destroyed_at is None else rfc3339(generation.destroyed_at),
                "tokens": tokens.get(generation.number, 0),
            }
            for generation in usable_keys(installation.home.suppression_keys).generations
        ],
    }  # fmt: skip


def _status_table(shape: dict[str, Any]) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    epochs = Table("vault key", "since", "age", "ticket keys", "state", title="epochs", title_justify="left")
    for entry in shape["epochs"]:
        state = "in use" if entry is shape["epochs"][-1] else "to be destroyed"
        state = state if entry["destroyed_at"] is None else f"destroyed {entry['destroyed_at'][:10]}"
        age = f"{entry['age_days']} d" if entry["destroyed_at"] is None else ""
        epochs.add_row(str(entry["epoch"]), entry["created_at"][:10], age, str(entry["ticket_keys"]), state)
    generations = Table("list key", "since", "entries", "state", title="suppression list", title_justify="left")
    for entry in shape["suppression"]:
        state = "destroyed " + entry["destroyed_at"][:10] if entry["destroyed_at"] else "in use"
        generations.add_row(str(entry["generation"]), entry["created_at"][:10], str(entry["tokens"]), state)
    bound = shape["bound"]
    late = "  LATE: run `rtbf upkeep`" if shape["is_rotation_late"] else ""
    return Group(
        epochs,
        f"next epoch due {shape['next_rotation_at'][:10]}{late}",
        f"a key destroyed today can come back from old backups until {bound['if_shredded_now'][:10]} at most: "
        f"{bound['epoch_days']} days of an epoch + {bound['backup_days']} of key backups + {bound['waits_days']} of the provider",
        "",
        generations,
    )
