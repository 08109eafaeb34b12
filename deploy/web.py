"""Two questions to a port: is it free, and does our API answer there."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit

from rtbf.errors import BadInput

_TIMEOUT_S = 2


def require_free_port(port: int) -> None:
    """Return when nobody listens on this loopback port; raises BadInput otherwise."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as taken:
            raise BadInput(
                found=f"port {port} is taken", expected="a free port for the API", remedy="stop what listens there, or choose --api-port"
            ) from taken


def answers_http(url: str) -> bool:
    """Return whether `url` answers 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
