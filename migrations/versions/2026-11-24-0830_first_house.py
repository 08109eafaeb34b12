"""Lay the first tables: tickets, sealed identifiers, stage records, approvals, ledger, corpora, models, API tokens.

The append-only tables get triggers that refuse UPDATE and DELETE: a seat belt against our own mistakes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("stage_record", "approval", "event", "identity_check")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and their guards."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
        op.execute("SET LOCAL statement_timeout = '60s'")
    _create_people_and_tickets()
    _create_records()
    _create_corpora_and_models()
    _guard_append_only()


def downgrade() -> None:
    """Drop the tables in the reverse order of their references, then the guard function."""
    for name in (
        "api_token",
        "model",
        "corpus_version",
        "event",
        "approval",
        "stage_record",
        "identity_check",
        "identifier",
        "ticket_key",
        "ticket",
        "actor",
    ):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION rtbf_refuse_change()")


def _create_people_and_tickets() -> None:
    op.create_table(
        "actor",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_actor"),
        sa.UniqueConstraint("name", name="uq_actor_name"),
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(40)),
        sa.Column("outcome", sa.String(30)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("lease_owner", sa.String(200)),
        sa.Column("lease_until", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_ticket"),
    )
    op.create_index("ix_ticket_state", "ticket", ["state"])
    op.create_table(
        "ticket_key",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_ticket_key"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_ticket_key_ticket_id_ticket"),
    )
    op.create_table(
        "identifier",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "number", name="pk_identifier"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_identifier_ticket_id_ticket"),
    )
    op.create_table(
        "identity_check",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("method", sa.String(40), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("checked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_check"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_identity_check_ticket_id_ticket"),
        sa.ForeignKeyConstraint(["actor_id"], ["actor.id"], name="fk_identity_check_actor_id_actor"),
    )
    op.create_index("ix_identity_check_ticket_id", "identity_check", ["ticket_id"])


def _create_records() -> None:
    op.create_table(
        "stage_record",
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "stage", "number", name="pk_stage_record"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_stage_record_ticket_id_ticket"),
    )
    op.create_index("ix_stage_record_digest", "stage_record", ["digest"])
    op.create_table(
        "approval",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("ticket_id", sa.String(40), nullable=False),
        sa.Column("plan_digest", sa.String(80), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("is_approval", sa.Boolean, nullable=False),
        sa.Column("given_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_approval_ticket_id_ticket"),
        sa.ForeignKeyConstraint(["actor_id"], ["actor.id"], name="fk_approval_actor_id_actor"),
    )
    op.create_index("ix_approval_ticket_id", "approval", ["ticket_id"])
    op.create_table(
        "event",
        sa.Column("idx", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("ticket_id", sa.String(40)),
        sa.Column("ticket_seq", sa.Integer),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("leaf_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("idx", name="pk_event"),
        sa.UniqueConstraint("ticket_id", "ticket_seq", name="uq_event_ticket_id"),
    )


def _create_corpora_and_models() -> None:
    op.create_table(
        "corpus_version",
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_corpus_version"),
        sa.UniqueConstraint("name", "number", name="uq_corpus_version_name"),
    )
    op.create_index("ix_corpus_version_name", "corpus_version", ["name"])
    op.create_table(
        "model",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("path", sa.String(1000), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
        sa.UniqueConstraint("name", "revision", name="uq_model_name"),
    )
    op.create_index("ix_model_name", "model", ["name"])
    op.create_index("ix_model_digest", "model", ["digest"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
        sa.ForeignKeyConstraint(["actor_id"], ["actor.id"], name="fk_api_token_actor_id_actor"),
    )


def _guard_append_only() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION rtbf_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME; END $$"
        )
        for name in APPEND_ONLY:
            op.execute(
                f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION rtbf_refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION rtbf_refuse_change()"
            )
        return
    for name in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, 'table {name} is append-only'); END"
            )
