"""What a call says about the ticket it means: its id in the path, and in `If-Match` the version that the caller has read.

Text that cannot be an id is refused before it reaches the database or a message.
Source: RFC 9110 sections 8.8.3 and 13.1.1 (entity tags), RFC 6585 section 3 (428).
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Path

from rtbf.api.problems import PreconditionMissing
from rtbf.errors import TicketChanged, UnknownName

_TICKET_ID = re.compile(r"tkt_[0-9a-f]{16}")
_CHECK_ID = re.compile(r"idc_[0-9a-f]{16}")
_TAG = re.compile(r'"(\d{1,9})"')


def entity_tag(version: int) -> str:
    """Return the strong entity tag of a ticket's version."""
    return f'"{version}"'


def lawful_id(ticket_id: Annotated[str, Path(examples=["tkt_0123456789abcdef"])]) -> str:
    """Return the path's ticket id; raises UnknownName for what is none."""
    if _TICKET_ID.fullmatch(ticket_id) is None:
        raise UnknownName("ticket", "", (), "rtbf list")
    return ticket_id


def lawful_check_id(check_id: Annotated[str, Path(examples=["idc_0123456789abcdef"])]) -> str:
    """Return the path's check id; raises UnknownName for what is none."""
    if _CHECK_ID.fullmatch(check_id) is None:
        raise UnknownName("identity check", "", (), "rtbf show TICKET")
    return check_id


def version_read(
    if_match: Annotated[str | None, Header(description="The ETag of the ticket as you read it.", examples=['"3"'])] = None,
) -> int:
    """Return the version that the caller read.

    Raises PreconditionMissing without one: `*` names none either, and would let a stale decision through. Raises
    TicketChanged for a tag that is not of our making, which therefore matches nothing.
    """
    if if_match is None or if_match.strip() == "*":
        raise PreconditionMissing(
            found="no If-Match that names a version",
            expected='If-Match with the ETag of the ticket, such as "3"',
            remedy="read the ticket first",
        )
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise TicketChanged(
            found="an If-Match that is no tag of this ticket", expected="its ETag as it was given", remedy="read the ticket again"
        )
    return int(tag[1])


TicketId = Annotated[str, Depends(lawful_id)]
CheckId = Annotated[str, Depends(lawful_check_id)]
VersionRead = Annotated[int, Depends(version_read)]
