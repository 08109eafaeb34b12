"""Whether the process lives, and whether it can work. Neither needs a token, neither tells anything about tickets."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from rtbf.api.auth import Opened
from rtbf.store.engine import require_current_schema

router = APIRouter(tags=["health"])


class HealthShape(BaseModel):
    """A short yes; a no is a problem document."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str


@router.get("/healthz")
def report_alive() -> HealthShape:
    """Say that the process answers."""
    return HealthShape(status="ok")


@router.get("/readyz")
def report_ready(installation: Opened) -> HealthShape:
    """Say that the database answers and has this release's schema; a 503 problem otherwise."""
    require_current_schema(installation.engine)
    return HealthShape(status="ready")
