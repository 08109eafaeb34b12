"""Routes whose JSON bodies are read as strictly as the terminal reads a file: no repeated keys, no NaN, no endless nesting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from rtbf.errors import BadInput
from rtbf.ticket.body import read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class StrictJSONRoute(APIRoute):
    """A route that reads its body by `rtbf.ticket.body`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, handed a request that reads strictly."""
        original = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await original(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - untrusted JSON
        """Return the body; raises the JSONDecodeError that FastAPI answers with 422, carrying our words and not the text."""
        body = await self.body()
        try:
            return read_body(body)
        except BadInput as refused:
            fault = refused.found
        raise json.JSONDecodeError(fault, "", 0)
