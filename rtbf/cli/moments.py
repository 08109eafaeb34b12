"""A date or an instant as people type it: a bare date means until the end of that day, in the installation's zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def end_of_date(text: str, time_zone: str, option: str) -> datetime:
    """Return the first instant, UTC, after the day that `text` (2026-12-31) names, or the instant (RFC 3339) itself.

    Raises BadInput naming `option` for anything else.
    """
    from datetime import date  # noqa: PLC0415 - with the calendar

    from rtbf.clock import parse_rfc3339  # noqa: PLC0415
    from rtbf.errors import BadInput  # noqa: PLC0415
    from rtbf.ticket.working_days import Calendar  # noqa: PLC0415 - reads the table of countries, 0.1 s

    calendar = Calendar(time_zone=time_zone)
    try:
        return calendar.end_of(date.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise BadInput(
            found=f"{option} that is no date",
            expected="a date such as 2026-12-31, or an instant with an offset such as 2026-12-31T12:00:00+01:00",
            remedy="correct it and try again",
        ) from None
