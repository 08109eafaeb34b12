"""The only reader of the time. Everything else is handed a `Clock`, so tests can stop it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(tz=UTC)


def rfc3339(instant: datetime) -> str:
    """Return `instant` as RFC 3339 text in UTC with milliseconds and `Z` (evidence.md §2.1)."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Return the aware UTC instant that `text` names; raises ValueError when it names none or has no offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant.astimezone(UTC)
