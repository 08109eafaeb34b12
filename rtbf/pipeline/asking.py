"""Ask a person to show who they are: open the check, then send its code. The clock waits once the letter has left us.

Separate from `identity` because the letter goes out between transactions: no mail server is spoken to inside one.
A crash in between leaves an open check whose clock does not wait, which costs our time and never the person's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import Fault, Refusal
from rtbf.pipeline.identity import Asked, ask_identity, take_back
from rtbf.pipeline.notices import send_identity_request

if TYPE_CHECKING:
    from rtbf.installation import Installation


def ask_person(installation: Installation, ticket_id: str, method: str, doubt: str, actor: str, *, version: int | None = None) -> Asked:
    """Open a check and, for a method with a code, send the letter that carries it.

    Raises what `ask_identity` and the sending raise. When the letter can never go, the check is ended; when the mail
    server is away (MailUnreachable), both wait, and `rtbf sweep` sends it. The clock waits for no question that nobody got.
    """
    asked = ask_identity(installation, ticket_id, method, doubt, actor, version=version)
    if asked.code is not None:
        try:
            send_identity_request(installation, ticket_id, asked, actor)
        except (Refusal, Fault):
            # Nobody holds this code, so nothing may wait for it.
            take_back(installation, ticket_id, asked.check_id, actor)
            raise
    return asked
