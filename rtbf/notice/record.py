"""The record of one letter: of what kind, in which words, to whom, and how far it came.

Holds no letter: subject and body are personal data, and what is kept of them is sealed under the ticket's key.
Does not prove that anybody read it: `sent` means that a mail server took it, `written` that a file waits for the post or another program.
"""

from __future__ import annotations

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
