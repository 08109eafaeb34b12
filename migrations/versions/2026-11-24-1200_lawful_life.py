"""Give tickets a lawful life: clock, notices, holds, residuals, recipients, outbox; and a key store of its own.

Ticket keys move out of the main database, so that its backups cannot open a ticket whose key was destroyed. Identity
checks become rows that are answered, so they are no longer append-only; what happened stands in the ledger.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from rtbf.errors import BadInput

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
KEY_SCHEMA = "rtbf_keys"
TABLES = (
    "regime_pack",
    "suppression",
    "idempotency",
    "ticket_link",
    "sealed_text",
    "residual",
    "hold",
    "recipient_duty",
    "recipient",
    "clock_event",
    "notice",
    "outbox",
    "actor_key",
)
LEVELS = """
    CASE method WHEN 'account_login' THEN 'substantial' WHEN 'document_viewed' THEN 'high' WHEN 'in_person' THEN 'high' ELSE 'low' END
"""


def upgrade() -> None:
    """Add the columns and tables, and move the wrapped keys; those made until now belong to the vault key's epoch 1."""
    if _is_postgres():
        op.execute("SET LOCAL lock_timeout = '5s'")
        op.execute("SET LOCAL statement_timeout = '60s'")
        op.execute(f"CREATE SCHEMA {KEY_SCHEMA}")
    op.create_table(
        "ticket_key",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_ticket_key"),
        schema=KEY_SCHEMA,
    )
    op.execute(
        f"INSERT INTO {KEY_SCHEMA}.ticket_key (ticket_id, epoch, wrapped, created_at) "  # noqa: S608 - constants only
        f"SELECT k.ticket_id, 1, k.wrapped, t.created_at FROM {_main('ticket_key')} k JOIN ticket t ON t.id = k.ticket_id"
    )
    if not _is_postgres():
        # Else the keys stay readable in the file's free pages, and in every backup of it.
        op.execute("PRAGMA main.secure_delete=ON")
    op.execute(f"DROP TABLE {_main('ticket_key')}")
    for column in ("wake_at", "open_notices_from", "shred_due_at", "shredded_at"):
        op.add_column("ticket", sa.Column(column, INSTANT))
    op.create_index("ix_ticket_wake_at", "ticket", ["wake_at"])
    op.add_column("identifier", sa.Column("index_token", sa.String(64)))
    op.create_index("ix_identifier_index_token", "identifier", ["index_token"])
    _open_identity_checks()
    op.add_column("approval", sa.Column("expires_at", INSTANT))
    op.add_column("approval", sa.Column("key_id", sa.String(80)))
    op.add_column("approval", sa.Column("envelope", sa.LargeBinary))
    _create_packs_and_keys()
    _create_letters_and_clock()
    _create_recipients()
    _create_holds_and_residuals()
    _create_links()
    _create_suppression_and_outbox()
    _guard("clock_event")


def downgrade() -> None:
    """Take it all back; wrapped keys return into the main database.

    What the older release has no place for goes: the new tables' rows, identity checks that were not passed (there, every
    check is one), and when approvals end and who signed them; without an end they count for nothing after the next upgrade.
    Refused with keys of a later epoch than the first, which the older release could not open.
    """
    if op.get_bind().scalar(sa.text(f"SELECT count(*) FROM {KEY_SCHEMA}.ticket_key WHERE epoch <> 1")):  # noqa: S608 - constants only
        raise BadInput(
            found="ticket keys wrapped under a later epoch of the vault",
            expected="keys of its first epoch, the only one that the older release knows",
            remedy="go on with this release, or restore the backup that was made before the upgrade",
        )
    op.create_table(
        "ticket_key_back",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_ticket_key"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_ticket_key_ticket_id_ticket"),
    )
    op.execute(
        "INSERT INTO ticket_key_back (ticket_id, wrapped) "  # noqa: S608 - constants only
        f"SELECT ticket_id, wrapped FROM {KEY_SCHEMA}.ticket_key WHERE ticket_id IN (SELECT id FROM ticket)"
    )
    op.drop_table("ticket_key", schema=KEY_SCHEMA)
    op.rename_table("ticket_key_back", "ticket_key")
    for name in TABLES:
        op.drop_table(name)
    # SQLite refuses to drop a column of a table that a trigger names.
    _unguard("approval")
    for column in ("envelope", "key_id", "expires_at"):
        op.drop_column("approval", column)
    _guard("approval")
    op.execute("DELETE FROM identity_check WHERE result <> 'passed'")
    for column in ("code_seal", "answered_at", "expires_at", "attempts", "level", "result", "doubt"):
        op.drop_column("identity_check", column)
    op.execute("ALTER TABLE identity_check RENAME COLUMN asked_at TO checked_at")
    _guard("identity_check")
    op.drop_index("ix_identifier_index_token", "identifier")
    op.drop_column("identifier", "index_token")
    op.drop_index("ix_ticket_wake_at", "ticket")
    for column in ("shredded_at", "shred_due_at", "open_notices_from", "wake_at"):
        op.drop_column("ticket", column)
    if _is_postgres():
        op.execute(f"DROP SCHEMA {KEY_SCHEMA}")


def _open_identity_checks() -> None:
    """Checks recorded so far were passed at once, by the level their method has; a default never makes a check a passed one."""
    _unguard("identity_check")
    op.execute("ALTER TABLE identity_check RENAME COLUMN checked_at TO asked_at")
    op.add_column("identity_check", sa.Column("doubt", sa.String(40)))
    op.add_column("identity_check", sa.Column("result", sa.String(20), nullable=False, server_default="expired"))
    op.add_column("identity_check", sa.Column("level", sa.String(20)))
    op.add_column("identity_check", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.add_column("identity_check", sa.Column("expires_at", INSTANT))
    op.add_column("identity_check", sa.Column("answered_at", INSTANT))
    op.add_column("identity_check", sa.Column("code_seal", sa.LargeBinary))
    op.execute(f"UPDATE identity_check SET result = 'passed', level = {LEVELS}, answered_at = asked_at")  # noqa: S608 - constants only


def _create_packs_and_keys() -> None:
    op.create_table(
        "regime_pack",
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_regime_pack"),
    )
    op.create_table(
        "actor_key",
        sa.Column("key_id", sa.String(80), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("spki", sa.LargeBinary, nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("key_id", name="pk_actor_key"),
        _refers("actor_key", "actor_id", "actor.id"),
    )
    op.create_index("ix_actor_key_actor_id", "actor_key", ["actor_id"])


def _create_letters_and_clock() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("locale", sa.String(35), nullable=False),
        sa.Column("template_digest", sa.String(80), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("to", sa.String(40), nullable=False),
        sa.Column("code", sa.String(80)),
        sa.Column("basis", sa.String(80)),
        sa.Column("body", sa.LargeBinary),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        _refers("notice", "ticket_id", "ticket.id"),
        _refers("notice", "actor_id", "actor.id"),
    )
    op.create_index("ix_notice_ticket_id", "notice", ["ticket_id"])
    op.create_table(
        "clock_event",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("code", sa.String(80)),
        sa.Column("notice_id", sa.String(40)),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "number", name="pk_clock_event"),
        _refers("clock_event", "ticket_id", "ticket.id"),
        _refers("clock_event", "notice_id", "notice.id"),
        _refers("clock_event", "actor_id", "actor.id"),
    )


def _create_recipients() -> None:
    op.create_table(
        "recipient",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("contact", sa.String(320), nullable=False),
        sa.Column("artefacts", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("retired_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_recipient"),
        sa.UniqueConstraint("name", name="uq_recipient_name"),
    )
    op.create_table(
        "recipient_duty",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("recipient_id", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("notice_id", sa.String(40)),
        sa.Column("justification", sa.LargeBinary),
        sa.Column("changed_by", sa.String(40), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "recipient_id", name="pk_recipient_duty"),
        _refers("recipient_duty", "ticket_id", "ticket.id"),
        _refers("recipient_duty", "recipient_id", "recipient.id"),
        _refers("recipient_duty", "notice_id", "notice.id"),
        _refers("recipient_duty", "changed_by", "actor.id"),
    )


def _create_holds_and_residuals() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("scope_kind", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(300), nullable=False),
        sa.Column("ground", sa.String(80), nullable=False),
        sa.Column("authority_ref", sa.String(200), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.Column("placed_by", sa.String(40), nullable=False),
        sa.Column("released_at", INSTANT),
        sa.Column("released_by", sa.String(40)),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
        _refers("hold", "placed_by", "actor.id"),
        _refers("hold", "released_by", "actor.id"),
    )
    op.create_index("ix_hold_scope", "hold", ["scope"])
    op.create_table(
        "residual",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("owner_id", sa.String(40)),
        sa.Column("due_at", INSTANT),
        sa.Column("needs_identifiers", sa.Boolean, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("resolved_at", INSTANT),
        sa.Column("resolved_by", sa.String(40)),
        sa.PrimaryKeyConstraint("id", name="pk_residual"),
        _refers("residual", "ticket_id", "ticket.id"),
        _refers("residual", "owner_id", "actor.id"),
        _refers("residual", "resolved_by", "actor.id"),
    )
    op.create_index("ix_residual_ticket_id", "residual", ["ticket_id"])


def _create_links() -> None:
    op.create_table(
        "sealed_text",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sealed_text"),
        _refers("sealed_text", "ticket_id", "ticket.id"),
    )
    op.create_index("ix_sealed_text_ticket_id", "sealed_text", ["ticket_id"])
    op.create_table(
        "ticket_link",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("earlier_id", sa.String(40), nullable=False),
        sa.Column("matched", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "earlier_id", name="pk_ticket_link"),
        _refers("ticket_link", "ticket_id", "ticket.id"),
        _refers("ticket_link", "earlier_id", "ticket.id"),
    )
    op.create_table(
        "idempotency",
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "key_hash", name="pk_idempotency"),
        _refers("idempotency", "actor_id", "actor.id"),
        _refers("idempotency", "ticket_id", "ticket.id"),
    )


def _create_suppression_and_outbox() -> None:
    op.create_table(
        "suppression",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.Column("effect", sa.String(20), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("normaliser", sa.String(30), nullable=False),
        sa.Column("is_temporary", sa.Boolean, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("review_at", INSTANT, nullable=False),
        sa.Column("lift_reason", sa.String(40)),
        sa.Column("lift_asked_by", sa.String(40)),
        sa.PrimaryKeyConstraint("token", "origin", name="pk_suppression"),
        _refers("suppression", "lift_asked_by", "actor.id"),
        # In the order of the tokens: an order of insertion would tell in which order people came.
        sqlite_with_rowid=False,
    )
    op.create_index("ix_suppression_origin", "suppression", ["origin"])
    op.create_table(
        "outbox",
        sa.Column("idx", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("ticket_id", sa.String(40)),
        sa.Column("event_type", sa.String(60), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("delivered_at", INSTANT),
        sa.PrimaryKeyConstraint("idx", name="pk_outbox"),
    )
    op.create_index("ix_outbox_ticket_id", "outbox", ["ticket_id"])


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _main(table: str) -> str:
    """Return a table of the main database by its full name: on SQLite both databases hold a `ticket_key` for a moment."""
    return table if _is_postgres() else f"main.{table}"


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}_{target.partition('.')[0]}")


def _guard(name: str) -> None:
    """Let the database itself refuse to change or delete a row of an append-only table."""
    if _is_postgres():
        for suffix, verbs, each in (("append_only", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT")):
            op.execute(f"CREATE TRIGGER {name}_{suffix} BEFORE {verbs} ON {name} FOR EACH {each} EXECUTE FUNCTION rtbf_refuse_change()")
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} BEGIN SELECT RAISE(ABORT, 'table {name} is append-only'); END"
        )


def _unguard(name: str) -> None:
    if _is_postgres():
        for suffix in ("append_only", "no_truncate"):
            op.execute(f"DROP TRIGGER {name}_{suffix} ON {name}")
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER {name}_no_{verb}")
