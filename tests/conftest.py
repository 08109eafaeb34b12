"""What all suites share: sockets are closed except where a suite is about real services on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
_WITH_SOCKETS = (_TESTS / "integration", _TESTS / "journey")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open sockets for integration and journey tests: they talk to PostgreSQL, Redis and the API on 127.0.0.1."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _WITH_SOCKETS):
            item.add_marker(pytest.mark.enable_socket)
