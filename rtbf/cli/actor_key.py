"""`rtbf key actor`: a person's own signing key, and how commands that sign get hold of it.

The private key goes to the file that the person names, encrypted under a passphrase that is asked for or read from
RTBF_ACTOR_PASSPHRASE_FILE; it never enters the home or the database. A passphrase is never taken from the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.trust import how_to_sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.installation import Installation

_MAX_PASSPHRASE_BYTES = 4096


@click.command("actor")
@click.argument("name", metavar="NAME")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the private key goes; nothing may be there yet.")
@click.option("--revoke", "revoked_id", metavar="KEY_ID", help="Revoke this key of NAME instead: sha256:…")
@click.pass_obj
def actor(context: CliContext, name: str, out: Path | None, revoked_id: str | None) -> None:
    """Make a key that NAME signs approvals with, and register its public half; or revoke one.

    From then on approvals by NAME count only when they are signed. Hand the new trust.json to your auditors.
    """
    if (out is None) == (revoked_id is None):
        raise click.UsageError("give either --out FILE, to make a key, or --revoke KEY_ID")
    if out is None:
        from rtbf.pipeline.actor_keys import revoke_key  # noqa: PLC0415 - the database layer, when it is needed

        installation = context.open_installation()
        revoke_key(installation, name, revoked_id or "", context.actor)
        shape = {"actor": name, "revoked": revoked_id, "is_waiting": _is_waiting(installation)}
        emit(context, shape, lambda: f"revoked {revoked_id}; {name} needs another key to approve\ntrust    {_told_trust(installation)}")
        return
    _make(context, name, out)


def own_key(context: CliContext, path: Path | None) -> Ed25519PrivateKey | None:
    """Return the key in `path`, opened with its passphrase; without a path, the one of RTBF_ACTOR_KEY_FILE; None without both.

    Raises SignatureRefused when the file cannot be opened, BadInput when the passphrase file cannot be read.
    """
    from rtbf.evidence.actor_key import load_actor_key  # noqa: PLC0415 - cryptography, when it is needed

    named = path or context.settings.actor_key_file
    return None if named is None else load_actor_key(named, _passphrase(context, is_fresh=False))


def _make(context: CliContext, name: str, out: Path) -> None:
    from rtbf.errors import RTBFError  # noqa: PLC0415 - with the database layer, when it is needed
    from rtbf.evidence.actor_key import create_actor_key  # noqa: PLC0415
    from rtbf.evidence.keys import key_id  # noqa: PLC0415
    from rtbf.pipeline.actor_keys import register_key  # noqa: PLC0415

    installation = context.open_installation()
    public = create_actor_key(out, _passphrase(context, is_fresh=True))
    try:
        owner_id = register_key(installation, name, public, context.actor)
    except RTBFError:
        # A key that is registered for nobody would only be mistaken for one that is.
        out.unlink()
        raise
    data = {
        "actor": owner_id, "key": key_id(public), "file": str(out), "trust": str(installation.home.trust),
        "is_waiting": _is_waiting(installation),
    }  # fmt: skip
    emit(
        context,
        data,
        lambda: (
            f"key      {data['key']}\n"
            f"file     {out}  (yours alone: keep it and its passphrase apart, and off this machine if you can)\n"
            f"trust    {_told_trust(installation)}\n\n"
            f"to approve: RTBF_ACTOR_KEY_FILE={out} rtbf approve TICKET --digest … --as {name}"
        ),
    )


def _is_waiting(installation: Installation) -> bool:
    from rtbf.pipeline.trust import waiting_changes  # noqa: PLC0415 - the database layer, when it is needed

    return bool(waiting_changes(installation))


def _told_trust(installation: Installation) -> str:
    if _is_waiting(installation):
        return f"waits for the root; until then no auditor believes the change\n{how_to_sign()}"
    return f"{installation.home.trust}  (changed: hand it to your auditors again)"


def _passphrase(context: CliContext, *, is_fresh: bool) -> str:
    """Return the passphrase from the file that the settings name, or ask for it; a fresh one is asked for twice."""
    from rtbf.errors import BadInput  # noqa: PLC0415 - with what needs it

    path = context.settings.actor_passphrase_file
    if path is None:
        asked: str = click.prompt("passphrase of the key", hide_input=True, confirmation_prompt=is_fresh, err=True)
        return asked
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_PASSPHRASE_BYTES).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as failed:
        raise BadInput(
            found=f"a passphrase file that cannot be read ({type(failed).__name__})",
            expected="one line of UTF-8 text in RTBF_ACTOR_PASSPHRASE_FILE",
            remedy="correct the path, or unset it and be asked",
        ) from failed
    if not text or "\n" in text:
        raise BadInput(
            found="a passphrase file that is empty or has more than one line",
            expected="one line",
            remedy="write the passphrase alone into it",
        )
    return text
