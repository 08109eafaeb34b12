"""Turn the ledger into a tree: pending events that wait for their place, complete subtrees, signed heads.

A writer no longer waits for the ledger's lock. The tree's nodes over the events made until now are worked out here, by
RFC 9162 §2.1 and without the application's code, which may change.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

from rtbf.errors import BadInput

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TABLES = ("pending_event", "tree_node", "tree_head")
READ_AT_ONCE = 10_000


def upgrade() -> None:
    """Create the tables, work out the nodes, and let the database refuse changes."""
    if _is_postgres():
        op.execute("SET LOCAL lock_timeout = '5s'")
        op.execute("SET LOCAL statement_timeout = '60s'")
    op.create_table(
        "pending_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), nullable=False),
        sa.Column("ticket_id", sa.String(40)),
        sa.Column("event_type", sa.String(60), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pending_event"),
    )
    op.create_table(
        "tree_node",
        sa.Column("level", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("pos", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "pos", name="pk_tree_node"),
    )
    op.create_table(
        "tree_head",
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", name="pk_tree_head"),
    )
    _grow_tree()
    _guard("tree_node", "UPDATE", "DELETE")
    _guard("tree_head", "UPDATE", "DELETE")
    # The sequencer deletes what it has given a place to; nobody changes what waits.
    _guard("pending_event", "UPDATE")


def downgrade() -> None:
    """Drop the tables; the events stay. Refused while events wait for their place: the older release would not know of them."""
    waiting = op.get_bind().scalar(sa.text("SELECT count(*) FROM pending_event"))
    if waiting:
        raise BadInput(
            found=f"{waiting} event(s) that have no place in the ledger yet",
            expected="none: the older release would lose them",
            remedy="run `rtbf log head`, which gives them their places, and then go down",
        )
    for name in TABLES:
        op.drop_table(name)


def _grow_tree() -> None:
    """Store every complete subtree over the events there are."""
    connection = op.get_bind()
    nodes = sa.table("tree_node", sa.column("level", sa.Integer), sa.column("pos", sa.BigInteger), sa.column("hash", sa.LargeBinary))
    size = connection.scalar(sa.text("SELECT count(*) FROM event")) or 0
    newest = connection.scalar(sa.text("SELECT max(idx) FROM event"))
    if size and newest != size - 1:
        raise BadInput(
            found=f"{size} event(s) of which the last is number {newest}",
            expected="a ledger without a gap",
            remedy="restore the database from a backup made before events were lost",
        )
    waiting: dict[int, bytes] = {}
    for start in range(0, size, READ_AT_ONCE):
        query = sa.text("SELECT idx, leaf_hash FROM event WHERE idx >= :start AND idx < :end ORDER BY idx")
        made = []
        for idx, hashed in connection.execute(query, {"start": start, "end": start + READ_AT_ONCE}).all():
            level, position, reached = 0, idx, bytes.fromhex(hashed)
            while level in waiting:
                reached = hashlib.sha256(b"\x01" + waiting.pop(level) + reached).digest()
                level, position = level + 1, position >> 1
                made.append({"level": level, "pos": position, "hash": reached})
            waiting[level] = reached
        if made:
            connection.execute(nodes.insert(), made)


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _guard(name: str, *verbs: str) -> None:
    """Let the database itself refuse to change a row, and to delete one where that is never right."""
    if _is_postgres():
        refused = (("append_only", " OR ".join(verbs), "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT"))
        for suffix, what, each in refused:
            op.execute(f"CREATE TRIGGER {name}_{suffix} BEFORE {what} ON {name} FOR EACH {each} EXECUTE FUNCTION rtbf_refuse_change()")
        return
    for verb in verbs:
        op.execute(
            f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} BEGIN SELECT RAISE(ABORT, 'table {name} is append-only'); END"
        )
