"""The words for one letter: its kind, the way it takes, and how far it came.

Does not prove that anybody read it: `sent` means that a mail server took it, `written` that a file waits for the post or another program.
"""

from __future__ import annotations

from typing import Literal, get_args

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
NOTICE_KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)
"""`recipient` goes to an organisation that received the data (GDPR Art. 19); all others go to the requester."""

Channel = Literal["email", "post", "file"]
Delivery = Literal["sent", "written", "failed"]

REQUESTER = "requester"
