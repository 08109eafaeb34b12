"""Who is calling: a bearer token becomes the actor it speaks for, or the call is refused. Tokens are known by hash only.

Source: RFC 6750. Scopes come with a later round: a token here may submit and read tickets, and cannot approve.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from rtbf.errors import Unauthorised
from rtbf.installation import Installation
from rtbf.store.actors import actor_name, actor_of_token

_MAX_TOKEN_LENGTH = 200
_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token made by `rtbf token create NAME`.")


def opened(request: Request) -> Installation:
    """Return the installation this app was made for."""
    installation: Installation = request.app.state.installation
    return installation


def calling_actor(
    installation: Annotated[Installation, Depends(opened)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """Return the name of the actor the call's token speaks for; raises Unauthorised, never saying why a token fails."""
    if credentials is not None and len(credentials.credentials) <= _MAX_TOKEN_LENGTH:
        with installation.transaction() as session:
            actor_id = actor_of_token(session, credentials.credentials)
            if actor_id is not None:
                return actor_name(session, actor_id)
    raise Unauthorised(
        found="no valid token", expected="Authorization: Bearer TOKEN", remedy="ask the operator for `rtbf token create NAME`"
    )


Opened = Annotated[Installation, Depends(opened)]
Actor = Annotated[str, Depends(calling_actor)]
