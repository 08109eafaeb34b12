"""The record of one letter: of what kind, in which words, to whom, and how far it came.

Holds no letter: subject and body are personal data, and what is kept of them is sealed under the ticket's key.
Does not prove that anybody read it: `sent` means that a mail server took it, `written` that a file waits for the post or another program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = "rtbf.notice/1"

NoticeKind = Literal[
    "acknowledgement",
    "identity_request",
    "extension",
    "refusal",
    "partial",
    "fulfilment",
    "no_data",
    "unverified",
    "withdrawal_confirmed",
    "recipient",
]
NOTICE_KINDS: tuple[NoticeKind, ...] = (
    "acknowledgement",
    "identity_request",
    "extension",
    "refusal",
    "partial",
    "fulfilment",
    "no_data",
    "unverified",
    "withdrawal_confirmed",
    "recipient",
)
"""`recipient` goes to an organisation that received the data (GDPR Art. 19); all others go to the requester."""

Channel = Literal["email", "post", "file"]
Delivery = Literal["sent", "written", "failed"]

REQUESTER = "requester"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One letter of a ticket. `to` is "requester" or a recipient's id; `sent_at` is RFC 3339, UTC."""

    notice_id: str
    ticket_id: str
    kind: NoticeKind
    locale: str
    """The locale of the words really used, which may be wider than the one asked for (`de` for `de-AT`)."""
    template_digest: str
    channel: Channel
    to: str
    sent_at: str
    delivery: Delivery
    schema: str = SCHEMA
