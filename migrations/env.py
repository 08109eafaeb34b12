"""Alembic's entry: the engine is handed over by `rtbf.store.engine`; there is no alembic.ini and no second URL."""

from __future__ import annotations

from alembic import context

from rtbf.store import law_tables, vault_tables  # noqa: F401 - their tables belong to the same metadata
from rtbf.store.tables import Base

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
