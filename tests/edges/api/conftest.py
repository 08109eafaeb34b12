"""Fixtures of the API's tests: the app over the frozen installation, and a caller with a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from rtbf.api.app import create_app
from rtbf.store.actors import actor_id_for, create_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.installation import Installation


@pytest.fixture
def anybody(installation: Installation) -> Iterator[TestClient]:
    """A caller without a token."""
    with TestClient(create_app(installation)) as client:
        yield client


@pytest.fixture
def caller(installation: Installation) -> Iterator[TestClient]:
    """A caller with a token that speaks for the actor "jira"."""
    now = installation.clock()
    with installation.transaction() as session:
        token = create_token(session, "jira", actor_id_for(session, "jira", now), now)
    with TestClient(create_app(installation), headers={"Authorization": f"Bearer {token}"}) as client:
        yield client
