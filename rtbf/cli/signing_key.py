"""`rtbf key rotate --role report|log|pdf`, `rtbf key revoke`, `rtbf key protect`: the keys that this service signs with."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.trust import how_to_sign, told_change

if TYPE_CHECKING:
    from pathlib import Path

_REASONS = ("compromised", "lost", "superseded")


def rotate_signing_key(context: CliContext, role: str, issuer_file: Path | None, passphrase_file: Path | None) -> None:
    """Replace the key of `role` and tell what became of it, and what is to be done next."""
    from rtbf.pipeline.key_rotation import RotatedRole, rotate_key  # noqa: PLC0415 - the database layer, when it is needed

    named: RotatedRole = next(each for each in get_args(RotatedRole) if each == role)
    done = rotate_key(context.open_installation(), named, context.actor, issuer_file=issuer_file, passphrase_file=passphrase_file)
    shape = {"role": done.role, "old": done.old, "new": done.new, "is_waiting": done.is_waiting}
    if done.is_waiting:
        emit(context, shape, lambda: f"{done.new} waits for the root; {done.old or 'no key'} signs until then\n{how_to_sign()}")
        return
    told = "hand trust.json to your auditors again, and back up keys/ anew" if role != "pdf" else "back up keys/ anew"
    emit(context, shape, lambda: f"{done.new} signs now; what {done.old or 'the lost key'} signed stays good\n{told}")


def relock_signing_keys(context: CliContext, group: str, new_path: Path) -> None:
    """Lock the keys of `group` with another passphrase and tell which setting must name it from now on."""
    from rtbf.pipeline.key_passphrases import LockedGroup, relock_keys  # noqa: PLC0415 - the database layer, when it is needed

    named: LockedGroup = next(each for each in get_args(LockedGroup) if each == group)
    files = relock_keys(context.open_installation(), named, new_path)
    told = f"{', '.join(files)} open with {new_path} only: set RTBF_{group.upper()}_PASSPHRASE_FILE to it, then destroy the one before"
    emit(context, {"files": list(files), "passphrase": str(new_path)}, lambda: told)


@click.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@click.option("--reason", type=click.Choice(_REASONS), required=True, help="Goes into the ledger.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(context: CliContext, key_id: str, reason: str, *, yes: bool) -> None:
    """Revoke a report or log key (sha256:…): nothing it signed counts any more, unless a time-stamp shows that it is older."""
    from rtbf.pipeline.key_rotation import revoke_signing_key  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    if not yes:
        click.confirm("Every report or tree head by this key stops counting, for good. Revoke it?", abort=True, err=True)
    change = revoke_signing_key(installation, key_id, reason, context.actor)
    shape = {"key": key_id, "version": change.version, "is_waiting": change.is_waiting}
    told = told_change(version=change.version, is_waiting=change.is_waiting)
    emit(context, shape, lambda: f"revoked {key_id}\n{told}\nif it is in use, replace it: rtbf key rotate --role report|log")


@click.command("protect")
@click.pass_obj
def protect(context: CliContext) -> None:
    """Seal the report key of an earlier release, which lay in the home unencrypted. Key and id stay the same."""
    from rtbf.pipeline.key_rotation import protect_report_key  # noqa: PLC0415 - the database layer, when it is needed

    is_done = protect_report_key(context.open_installation())
    told = "sealed; copies made before still open: rotate it (`rtbf key rotate --role report`) and delete old backups"
    emit(context, {"is_sealed_now": is_done}, lambda: told if is_done else "the report key is sealed already")
