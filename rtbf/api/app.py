"""The HTTP API: one app for one installation. Never reaches torch, Celery or Redis: tickets wait in the database.

Handlers are plain functions, run in a thread each; a handler's work is one transaction of the pipeline.
"""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from rtbf.api.guard import Guard
from rtbf.api.problems import install_problems
from rtbf.api.routes import description, health, identity, tickets
from rtbf.config import read_settings
from rtbf.installation import Installation
from rtbf.logs import configure_logs
from rtbf.startup import open_home


def create_app(installation: Installation) -> FastAPI:
    """Return the app that answers for `installation`."""
    # FastAPI's interactive pages load scripts from somebody else's server; routes/description.py serves a plain one.
    app = FastAPI(
        title="rtbf",
        version=version("rtbf"),
        summary="Deletion tickets for language models: submit one, follow it, fetch its signed report.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        # A redirect would repeat the path as it came.
        redirect_slashes=False,
        # Built-in tracing would send paths as they came, and anybody may put a name into a path.
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    app.state.installation = installation
    install_problems(app)
    app.include_router(description.router)
    app.include_router(health.router)
    app.include_router(tickets.router)
    app.include_router(identity.router)
    app.add_middleware(Guard)
    return app


def service_app() -> FastAPI:
    """Return the app for the installation that the RTBF_* variables name; what uvicorn's `--factory` calls."""
    settings = read_settings()
    configure_logs(is_json=True)
    return create_app(open_home(settings, settings.home))
