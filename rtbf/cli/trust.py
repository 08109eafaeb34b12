"""`rtbf key list|trust|tsa-roots`: whom auditors are told to believe, and the ceremony in which the root signs it."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.installation import Installation

ROOT_FILE = click.option("--root", "root_file", type=click.Path(path_type=Path, dir_okay=False), help="The root's key, where it is kept.")
ROOT_PASSPHRASE = click.option(
    "--root-passphrase-file", "passphrase_file", type=click.Path(path_type=Path, dir_okay=False), help="File with the root's passphrase."
)
_HALF = 8
"""Groups of a fingerprint on one line."""


@click.command("list")
@click.pass_obj
def list_keys(context: CliContext) -> None:
    """List the keys that auditors are to trust, the root's fingerprint, and what waits for the root."""
    shape = _trust_shape(context.open_installation())
    emit(context, shape, lambda: _trust_table(shape))


@click.command("trust")
@ROOT_FILE
@ROOT_PASSPHRASE
@click.option("--renew", is_flag=True, help="Sign a fresh version even when nothing waits: a trust file expires after two years.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def trust(context: CliContext, root_file: Path | None, passphrase_file: Path | None, *, renew: bool, yes: bool) -> None:
    """Show what waits for the root, and sign it when the root is here or named. Hand the new trust.json to your auditors."""
    from rtbf.pipeline.key_rotation import sign_waiting  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.trust import is_root_at_home, waiting_changes  # noqa: PLC0415

    installation = context.open_installation()
    waiting = waiting_changes(installation)
    version = installation.trust.version
    if not waiting and not renew:
        told = f"nothing waits for the root; version {version} is in force"
        emit(context, {"version": version, "waiting": [], "rotated": []}, lambda: told)
        return
    if root_file is None and not is_root_at_home(installation):
        shape = {"version": version, "waiting": list(waiting), "rotated": []}
        emit(context, shape, lambda: "\n".join([*_told_waiting(waiting), how_to_sign()]))
        return
    if not yes:
        for line in (*_told_waiting(waiting), f"version {version} becomes {version + 1}"):
            click.echo(line, err=True)
        click.confirm("Sign it as the root?", abort=True, err=True)
    change, rotated = sign_waiting(
        installation, waiting, context.actor, root_file=root_file, passphrase_file=passphrase_file, renews=renew
    )  # fmt: skip
    emit(
        context,
        {"version": change.version, "waiting": [], "signed": list(change.changes), "rotated": [each.new for each in rotated]},
        lambda: "\n".join([
            *change.changes,
            f"version {change.version} is in force: hand {installation.home.trust} to your auditors again",
            *(f"{each.role}: {each.new} signs now; back up keys/ anew" for each in rotated),
        ]),
    )  # fmt: skip


@click.command("tsa-roots")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def tsa_roots(context: CliContext, file: Path) -> None:
    """Let auditors believe the time-stamps of an authority: add the root certificates of FILE (PEM) to the trust file."""
    from rtbf.evidence.trust_change import with_certificates  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.trust import change_trust  # noqa: PLC0415
    from rtbf.startup import read_certificates  # noqa: PLC0415

    certificates = read_certificates(file)
    change = change_trust(context.open_installation(), lambda held: with_certificates(held, tsa_roots=certificates))
    shape = {"version": change.version, "is_waiting": change.is_waiting, "certificates": len(certificates)}
    emit(context, shape, lambda: told_change(version=change.version, is_waiting=change.is_waiting))


def told_change(*, version: int, is_waiting: bool) -> str:
    """Return what became of a change of the trust file, and what is to be done next."""
    if is_waiting:
        return f"the change waits for the root; version {version} stays in force until then\n{how_to_sign()}"
    return f"trust file version {version} is in force: hand it to your auditors again"


def how_to_sign() -> str:
    """Return how the root signs what waits."""
    return "to sign it: rtbf key trust --root FILE --root-passphrase-file FILE"


def fingerprint_lines(key: str) -> tuple[str, str]:
    """Return a fingerprint in two lines of eight groups, as it is read aloud and printed."""
    from rtbf.evidence.keys import fingerprint  # noqa: PLC0415 - cryptography, when it is needed

    groups = fingerprint(key).split(" ")
    return " ".join(groups[:_HALF]), " ".join(groups[_HALF:])


def _told_waiting(waiting: tuple[str, ...]) -> tuple[str, ...]:
    return ("waiting for the root:", *(f"  {line}" for line in waiting)) if waiting else ()


def _trust_shape(installation: Installation) -> dict[str, Any]:
    from rtbf.pipeline.trust import is_root_at_home, waiting_changes  # noqa: PLC0415 - the database layer, when it is needed

    held = installation.trust
    return {
        **{name: value for name, value in dataclasses.asdict(held).items() if name not in {"pdf_roots", "tsa_roots"}},
        "root_fingerprint": " ".join(fingerprint_lines(held.root or "")),
        "is_root_at_home": is_root_at_home(installation),
        "waiting": list(waiting_changes(installation)),
        "pdf_certificate_until": _pdf_certificate_until(installation),
        "pdf_roots": len(held.pdf_roots),
        "tsa_roots": len(held.tsa_roots),
    }


def _pdf_certificate_until(installation: Installation) -> str | None:
    """Return when the certificate of the PDF key ends, or None when there is none to be read."""
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - cryptography, when it is needed

    from rtbf.clock import rfc3339  # noqa: PLC0415
    from rtbf.errors import VaultBroken  # noqa: PLC0415

    with contextlib.suppress(VaultBroken):
        return rfc3339(load_der_x509_certificate(installation.pdf_certificate).not_valid_after_utc)
    return None


def _trust_table(shape: dict[str, Any]) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=f"trust file, version {shape['version']}", title_justify="left")
    for column in ("role", "key", "from", "until", "revoked"):
        # Folded, never shortened: `rtbf key revoke` asks for the whole id.
        table.add_column(column, overflow="fold")
    for entry in shape["keys"]:
        role = entry["role"] if entry["name"] is None else f"{entry['role']} {entry['name']}"
        until, revoked = ((entry[name] or "")[:10] for name in ("not_after", "revoked_at"))
        table.add_row(role, entry["id"], entry["not_before"][:10], until, revoked)
    where = "in this home: move keys/root.key, keys/root.passphrase and keys/pdf-ca.key to a safe place"
    lines = [
        f"issued {shape['issued'][:10]}, expires {(shape['expires'] or '')[:10]}",
        "root fingerprint, for auditors to compare:",
        *(f"  {line}" for line in fingerprint_lines(shape["root"])),
        f"root key {where if shape['is_root_at_home'] else 'away from this home'}",
        f"log in use {shape['logs'][-1]['origin']}" if shape["logs"] else "no log",
        f"PDF certificate until {(shape['pdf_certificate_until'] or 'unknown: it cannot be read')[:28]}",
        f"witnesses needed {shape['witnesses_needed']}; time-stamp roots {shape['tsa_roots']}",
        *(_told_waiting(tuple(shape["waiting"]))),
    ]
    return Group(table, *lines, *([how_to_sign()] if shape["waiting"] else []))
