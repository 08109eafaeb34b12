"""A time-stamping authority behind HTTP on 127.0.0.1: the wire as RFC 3161 section 3.4 says, and servers that do not help."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import TimeStampUnavailable
from rtbf.evidence.timestamp import MAX_TOKEN_BYTES, read_time_stamp, request_time_stamp
from tests.authority import make_authority, time_by_openssl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.authority import Authority

CONTENT = b"an envelope"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Stamps, or does what the path says instead."""

    authority: Authority
    over: threading.Event

    def stamp(self) -> None:
        query = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/broken":
            self.send_error(500)
        elif self.path == "/elsewhere":
            self.send_response(307)
            self.send_header("Location", "/stamp")
            self.end_headers()
        elif self.path == "/drips":
            self._headers(1_000)
            with contextlib.suppress(OSError):
                while not self.over.wait(0.2):
                    self.wfile.write(b"\x30")
        elif self.path == "/floods":
            self._headers(MAX_TOKEN_BYTES * 4)
            with contextlib.suppress(OSError):
                self.wfile.write(b"\x30" * (MAX_TOKEN_BYTES * 4))
        else:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = self.authority.answer(query)
            self._headers(len(answer))
            self.wfile.write(answer)

    def _headers(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_said: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An honest authority."""
    return make_authority(tmp_path / "tsa")


@pytest.fixture
def address(authority: Authority) -> Iterator[str]:
    """Where the authority answers."""
    over = threading.Event()
    handler = type("Handler", (_Handler,), {"authority": authority, "over": over, "do_POST": _Handler.stamp})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_report_is_stamped_over_http(authority: Authority, address: str) -> None:
    token = request_time_stamp(CONTENT, f"{address}/stamp", 5)

    assert read_time_stamp(token, CONTENT, authority.roots) == time_by_openssl(token, authority)


@pytest.mark.parametrize(
    ("path", "found"),
    [("/broken", "HTTP status 500"), ("/elsewhere", "HTTP status 307"), ("/drips", "did not end in time"), ("/floods", "larger than")],
)
def test_a_server_that_does_not_stamp_is_unavailable(address: str, path: str, found: str) -> None:
    with pytest.raises(TimeStampUnavailable, match=found):
        request_time_stamp(CONTENT, address + path, 1)


def test_a_server_that_never_answers_is_given_up() -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(TimeStampUnavailable, match=r"no answer .TimeoutError"):
            request_time_stamp(CONTENT, f"http://127.0.0.1:{port}/", 1)


def test_nobody_at_the_address_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(TimeStampUnavailable, match=r"no answer .ConnectionRefusedError"):
        request_time_stamp(CONTENT, f"http://127.0.0.1:{port}/", 5)
