"""`rtbf init`, `rtbf db upgrade|backup`: the installation itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.trust import fingerprint_lines

if TYPE_CHECKING:
    from pathlib import Path


@click.command("init")
@click.pass_obj
def init(context: CliContext) -> None:
    """Make a home: an empty database, the keys, and a trust file for auditors under a root. Refuses to touch an existing one."""
    from rtbf.startup import database_url, make_home  # noqa: PLC0415 - the database layer, when it is needed

    installation = make_home(context.settings, context.home)
    home, root = installation.home, installation.trust.root or ""
    database = "external" if database_url(context.settings) else str(home.database)
    data = {"home": str(home.path), "trust": str(home.trust), "database": database, "root": root}
    first_half, second_half = fingerprint_lines(root)
    emit(
        context,
        data,
        lambda: (
            f"home      {home.path}\n"
            f"database  {data['database']}\n"
            f"trust     {home.trust}  (give this file to your auditors, by a path of its own)\n"
            f"root      {first_half}\n"
            f"          {second_half}  (its fingerprint: print it, and read it to your auditors)\n"
            f"          move {home.root_key.name}, {home.root_passphrase.name} and {home.pdf_ca_key.name} out of keys/ to a safe place\n"
            f"keys      {home.vault.parent}  (back them up apart from the database; whoever has both can read tickets)\n\n"
            "next: `rtbf corpus add NAME FILE`, `rtbf model add FOLDER --name NAME --trained-on CORPUS`, `rtbf submit --name -`"
        ),
    )


@click.group("db")
def db() -> None:
    """Upgrade or back up the database."""


@db.command("upgrade")
@click.pass_obj
def upgrade(context: CliContext) -> None:
    """Bring schema and keys to this release; a SQLite database is backed up first, and a newer one is refused."""
    from rtbf.clock import utc_now  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.home import existing_home  # noqa: PLC0415
    from rtbf.startup import upgrade_home_keys  # noqa: PLC0415
    from rtbf.store.engine import head_revision, open_engine, upgrade_schema  # noqa: PLC0415

    url, database = _database(context)
    backup = upgrade_schema(open_engine(url), database, utc_now())
    has_new_keys = upgrade_home_keys(context.settings, existing_home(context.home))
    data = {"schema": head_revision(), "backup": None if backup is None else str(backup), "has_new_keys": has_new_keys}
    told = [f"schema {data['schema']}", f"backup {backup}" if backup else "nothing to back up"]
    if has_new_keys:
        told.append("keys   a root, a log key, a PDF key and a signed trust file were made: see `rtbf key list`")
        told.append("       the report key stays as it is: `rtbf key protect` seals it")
    emit(context, data, lambda: "\n".join(told))


@db.command("backup")
@click.pass_obj
def backup(context: CliContext) -> None:
    """Copy the SQLite database, consistently, beside itself."""
    from rtbf.clock import utc_now  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.errors import BadInput  # noqa: PLC0415
    from rtbf.store.engine import backup_sqlite, open_engine  # noqa: PLC0415

    url, database = _database(context)
    if database is None:
        raise BadInput(found="a database outside the home", expected="SQLite in the home", remedy="use pg_dump, or your provider's backups")
    target = backup_sqlite(open_engine(url), database, utc_now())
    emit(context, {"backup": str(target)}, lambda: f"backup {target}")


def _database(context: CliContext) -> tuple[str, Path | None]:
    """Return the database's URL, whose schema may be any, and the SQLite file when it is ours."""
    from rtbf.home import existing_home  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.store.engine import sqlite_url  # noqa: PLC0415

    home = existing_home(context.home)
    url = context.settings.database_url
    if url is not None:
        return url.get_secret_value(), None
    return sqlite_url(home.database), home.database
