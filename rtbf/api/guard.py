"""The outermost layer of the API: limits the body, logs one line a request, and catches what nobody foresaw.

Logged are the method, the route's pattern, the status and the time: never a path or a query as it came, because
anybody may put a name into them. An exception is answered here and not passed on: the web server would print its text.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog

from rtbf.api.problems import BodyTooLarge, problem_of, problem_of_unforeseen
from rtbf.ticket.body import MAX_BODY_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


_log = structlog.get_logger()


class Guard:
    """ASGI layer around the whole app. Bodies over `max_body_bytes` are refused before they are parsed."""

    def __init__(self, app: ASGIApp, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        answer: dict[str, Any] = {}

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
            await send(message)

        await self._answer(scope, receive, noting_send, answer)
        route = getattr(scope.get("route"), "path", "(no route)")
        elapsed_ms = round((time.perf_counter() - started_s) * 1000, 1)
        _log.info("request.answered", method=scope["method"], route=route, status=answer.get("status"), elapsed_ms=elapsed_ms)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, answer: dict[str, Any]) -> None:
        try:
            body = await self._body(scope, receive)
            await self._app(scope, _replay(body, receive), send)
        except BodyTooLarge as refused:
            await problem_of(refused)(scope, receive, send)
        except Exception as unforeseen:  # noqa: BLE001 - the API's last handler
            response = problem_of_unforeseen(unforeseen)
            if "status" not in answer:
                await response(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the whole body; raises BodyTooLarge as soon as more than the limit has come or was announced."""
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > self._max_body_bytes:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise self._too_large()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            found="a body that is too large",
            expected=f"at most {self._max_body_bytes} bytes",
            remedy="send fewer or shorter excerpts; nothing was stored",
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that gives the body once and then whatever the connection says."""
    is_given = False

    async def replaying() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying
