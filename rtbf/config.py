"""Settings from RTBF_* variables, read once at an edge. Inner functions get values, never `Settings`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rtbf.errors import BadInput

_PREFIX = "RTBF_"
_DAY_H = 24


class Settings(BaseSettings):
    """Every knob, with its unit, its default and why."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    home: Path = Field(default=Path("~/.rtbf"), description="folder that holds the whole installation")
    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; unset means SQLite inside the home")
    redis_url: SecretStr = Field(default=SecretStr("redis://127.0.0.1:6379/0"), description="Celery broker of the service")
    actor: str | None = Field(default=None, min_length=1, max_length=80, description="who acts; the terminal's --as wins")
    phone_region: str = Field(default="US", pattern="^[A-Z]{2}$", description="region of phone numbers written without a country code")
    vault_passphrase_file: Path | None = Field(default=None, description="file that locks the vault; unset: one in the home")
    signing_passphrase_file: Path | None = Field(default=None, description="file that locks report and PDF key; unset: one in the home")
    log_passphrase_file: Path | None = Field(default=None, description="file that locks the log key; unset: one in the home")
    root_passphrase_file: Path | None = Field(default=None, description="file that locks root and PDF issuer; unset: one in the home")
    log_state_file: Path | None = Field(default=None, description="what the log signer signed last; unset: in the home")
    log_export_folder: Path | None = Field(default=None, description="append-only folder of signed tree heads; unset: in the home")
    tsa_url: str | None = Field(default=None, pattern="^https?://", max_length=500, description="RFC 3161 authority; unset: no time-stamps")
    tsa_timeout_s: int = Field(default=20, ge=1, le=300, description="seconds to wait for the time-stamp authority")
    tsa_roots_file: Path | None = Field(default=None, description="PEM of the authority's root certificates")
    time_zone: str = Field(default="UTC", max_length=60, description="IANA zone in which legal periods are counted")
    holidays: str | None = Field(default=None, max_length=12, description="holidays that move a deadline, such as DE-BE; unset: weekends")
    identity_valid_h: int = Field(default=72, ge=1, le=2160, description="hours in which a person may answer an identity check")
    identity_attempts: int = Field(default=5, ge=1, le=20, description="wrong answers after which an identity check is over")
    approval_valid_days: int = Field(default=14, ge=1, le=365, description="days after which an unused approval no longer counts")
    grace_h: int = Field(default=24, ge=0, le=2160, description="hours between the last approval and the start of unlearning")
    appeal_days: int = Field(default=90, ge=0, le=3650, description="days between closing and the destruction of a ticket's key")
    key_epoch_days: int = Field(default=30, ge=1, le=3650, description="days after which the vault key is replaced")
    key_backup_days: int = Field(default=30, ge=0, le=3650, description="days for which backups of the vault are kept")
    suppression_review_days: int = Field(default=730, ge=1, le=7300, description="days after which a suppression entry is reviewed")
    residual_days: int = Field(default=30, ge=1, le=3650, description="days after which a residual is due when nothing else says so")
    state_time_out_s: int = Field(
        default=3600,
        ge=1,
        le=604_800,
        description="seconds that one state of one model may take in a verification; then it is inconclusive",
    )
    profile: Literal["smoke", "standard", "deep"] = Field(
        default="standard", description="how much a verification asks when a plan names no profile; smoke can never PASS"
    )
    dp_without_compute: bool = Field(
        default=False, description="whether the bound that a private training left fulfils a request with nothing done; off by default"
    )
    locale: str = Field(
        default="en", pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="letters' language when a ticket names none"
    )
    controller_name: str | None = Field(default=None, max_length=200, description="who answers to the person, as letters name it")
    controller_contact: str | None = Field(default=None, max_length=500, description="how a person reaches the controller, for letters")
    authority_name: str | None = Field(default=None, max_length=200, description="supervisory authority that letters name")
    sells_or_shares: bool | None = Field(default=None, description="whether personal information is sold or shared (CCPA)")
    letters_folder: Path | None = Field(default=None, description="folder with the organisation's own letter templates, searched first")
    mail_from: str = Field(default="privacy@localhost.localdomain", max_length=254, description="address that letters come from")
    mail_host: str | None = Field(default=None, description="mail server; unset: letters are written into the home's outbox folder")
    mail_port: int = Field(default=587, ge=1, le=65535, description="the mail server's port")
    mail_starttls: Literal["required", "none"] = Field(default="required", description="whether letters travel only over TLS")
    mail_user: str | None = Field(default=None, description="login at the mail server")
    mail_password: SecretStr | None = Field(default=None, description="password at the mail server")
    mail_ca_file: Path | None = Field(default=None, description="certificates trusted for the mail server instead of the system's")
    mail_timeout_s: int = Field(default=20, ge=1, le=300, description="seconds to wait for the mail server")
    actor_key_file: Path | None = Field(default=None, description="the private key that signs this person's approvals")
    actor_passphrase_file: Path | None = Field(default=None, description="file with that key's passphrase; unset: it is asked for")
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
    else:
        if settings.grace_h >= settings.approval_valid_days * _DAY_H:
            faults.append("RTBF_GRACE_H reaches beyond RTBF_APPROVAL_VALID_DAYS: every approval would end before the work may start")
    if faults:
        raise BadInput(
            found="; ".join(faults), expected=f"only {', '.join(sorted(known))}", remedy="correct the environment and start again"
        )
    return settings
