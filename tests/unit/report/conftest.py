"""Fixtures of the report's tests: a good envelope with its trust file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests import builders

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def good_envelope() -> bytes:
    """The signed envelope of a case that passes."""
    return builders.envelope()


@pytest.fixture(scope="session")
def good_trust() -> bytes:
    """A trust file that names the signer since New Year 2026."""
    return builders.trust(NEW_YEAR)
