"""Fixtures of the integration suite: a private PostgreSQL and Redis, started once, and a fresh database for each test.

Missing server programs make these tests fail, not skip: a green run must mean that they ran. TEST_ALLOW_SKIP=1 skips them.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest

from deploy.servers import private_postgres, private_redis, require_binaries
from rtbf.clock import utc_now
from rtbf.errors import ExtraMissing
from rtbf.installation import Installation, create_installation
from rtbf.pipeline.intake import submit_ticket
from rtbf.store.engine import open_engine, upgrade_schema
from rtbf.ticket.intake import read_submission
from tests.installed import POLICY, QUICK_VAULT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.servers import Server

JO = {"subject": [{"kind": "name", "value": "Jo Quillfeather"}], "identity": {"method": "in_person"}}


@pytest.fixture(scope="session")
def servers_installed() -> None:
    """Refuse, or skip when that is allowed, on a machine without PostgreSQL or Redis."""
    try:
        require_binaries()
    except ExtraMissing as missing:
        if os.environ.get("TEST_ALLOW_SKIP") == "1":
            pytest.skip(str(missing))
        pytest.fail(str(missing))


@pytest.fixture(scope="session")
def postgres(servers_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL for the whole session."""
    with private_postgres(tmp_path_factory.mktemp("servers") / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(servers_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis for the whole session."""
    with private_redis(tmp_path_factory.mktemp("servers") / "redis") as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{postgres.url.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_template(postgres: Server) -> str:
    """The name of a PostgreSQL database with this release's tables and no rows, for copying: quicker than migrating each time."""
    name = "migrated_template"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    engine = open_engine(f"{postgres.url.rpartition('/')[0]}/{name}")
    upgrade_schema(engine, None, utc_now())
    engine.dispose()
    return name


@pytest.fixture
def migrated_url(postgres: Server, migrated_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own with this release's tables."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    yield f"{postgres.url.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation on SQLite, and then one on PostgreSQL: the same law holds on both."""
    url = request.getfixturevalue("migrated_url") if request.param == "postgresql" else None
    installation = create_installation(tmp_path / "home", url, policy=POLICY, vault_cost=QUICK_VAULT)
    yield installation
    installation.engine.dispose()


def submit_jo(installation: Installation, actor: str = "olga") -> str:
    """Return the id of a new ticket that is ready to be located."""
    return submit_ticket(installation, read_submission(JO, installation.clock()), actor)


@pytest.fixture
def ready_ticket(either: Installation) -> str:
    """The id of a ticket that is ready to be located."""
    return submit_jo(either)
