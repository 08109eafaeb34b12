"""Settings from RTBF_* variables, read once at an edge. Inner functions get values, never `Settings`."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rtbf.errors import BadInput

_PREFIX = "RTBF_"


class Settings(BaseSettings):
    """Every knob, with its unit, its default and why."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    home: Path = Field(default=Path("~/.rtbf"), description="folder that holds the whole installation")
    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; unset means SQLite inside the home")
    redis_url: SecretStr = Field(default=SecretStr("redis://127.0.0.1:6379/0"), description="Celery broker of the service")
    actor: str | None = Field(default=None, min_length=1, max_length=80, description="who acts; the terminal's --as wins")
    phone_region: str = Field(default="US", pattern="^[A-Z]{2}$", description="region of phone numbers written without a country code")
    lease_s: int = Field(default=60, ge=5, le=3600, description="seconds after which a silent worker loses its ticket")
    torch_threads: int = Field(default=1, ge=1, le=256, description="threads per process; on shared CPUs one is fastest")
    api_host: str = Field(default="127.0.0.1", description="address the API listens on")
    api_port: int = Field(default=8080, ge=1, le=65535, description="port the API listens on")


def read_settings() -> Settings:
    """Return the settings; raises BadInput that lists every unknown RTBF_ name and every bad value at once."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    faults = [f"{name} is no setting" for name in sorted(os.environ) if name.startswith(_PREFIX) and name not in known]
    try:
        settings = Settings()
    except ValidationError as refused:
        # The input is left out on purpose: a database URL may hold a password.
        faults += [f"{_PREFIX}{str(error['loc'][0]).upper()}: {error['msg']}" for error in refused.errors(include_input=False)]
    if faults:
        raise BadInput(
            found="; ".join(faults), expected=f"only {', '.join(sorted(known))}", remedy="correct the environment and start again"
        )
    return settings
