"""`rtbf serve`: the HTTP edge in this process, until it is interrupted.

The app is named to uvicorn as text: terminal and API are neighbours, and neither imports the other.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

import click

from rtbf.cli.context import emit
from rtbf.errors import ExtraMissing, Outage

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext

_APP_FACTORY = "rtbf.api.app:service_app"


@click.command("serve")
@click.option("--host", help="Address to listen on; default RTBF_API_HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; default RTBF_API_PORT.")
@click.pass_obj
def serve(context: CliContext, host: str | None, port: int | None) -> None:
    """Serve the HTTP API of this home."""
    if importlib.util.find_spec("uvicorn") is None:
        raise ExtraMissing(
            found="no web server in this environment", expected="the service extra", remedy="pip install 'rtbf[service]' and run it again"
        )
    # Opened once here, so that a missing home or an old schema is said before a port is taken.
    context.open_installation().engine.dispose()
    os.environ["RTBF_HOME"] = str(context.home)
    # Only this command needs the server, and plain `rtbf` works without it.
    import uvicorn  # noqa: PLC0415

    # uvicorn's own access log would print paths as they came, and anybody may put a name into a path.
    config = uvicorn.Config(
        _APP_FACTORY,
        factory=True,
        host=host or context.settings.api_host,
        port=port or context.settings.api_port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    try:
        # Bound first, so that the address is told only when it is ours.
        listening = config.bind_socket()
        address, taken = listening.getsockname()[:2]
        url = f"http://{f'[{address}]' if ':' in address else address}:{taken}"
        emit(context, {"url": url, "docs": f"{url}/docs"}, lambda: f"listening on {url}   (description: {url}/docs; Ctrl-C ends it)")
        # A pipe would keep the line until the server ends.
        sys.stdout.flush()
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        # The server has already closed its connections; for this command Ctrl-C is the ordinary end.
        return
    except SystemExit as ended:
        raise _not_started() from ended
    if not server.started:
        raise _not_started()


def _not_started() -> Outage:
    return Outage(
        found="the web server did not start",
        expected="a free address and port",
        remedy="read its message above; choose others with --host and --port",
    )
