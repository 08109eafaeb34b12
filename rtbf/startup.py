"""From settings to an opened installation, once for terminal, API and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from rtbf.clock import Clock, utc_now
from rtbf.errors import BadInput
from rtbf.installation import EvidencePlaces, Installation, create_installation, open_installation, upgrade_home
from rtbf.notice.sender import Sender, SMTPSender
from rtbf.policy import Policy
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.config import Settings
    from rtbf.home import Home

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


def open_home(settings: Settings, home: Path, clock: Clock = utc_now) -> Installation:
    """Return the installation at `home` with the settings' policy and way of posting letters; raises as `open_installation`."""
    return open_installation(
        home,
        database_url(settings),
        clock,
        policy=policy_of(settings),
        passphrase=settings.vault_passphrase_file,
        places=places_of(settings),
        sender=sender_of(settings),
    )


def make_home(settings: Settings, home: Path, clock: Clock = utc_now) -> Installation:
    """Make a home at `home` and return it opened; raises as `create_installation`."""
    return create_installation(
        home,
        database_url(settings),
        clock,
        policy=policy_of(settings),
        passphrase=settings.vault_passphrase_file,
        places=places_of(settings),
    )


def upgrade_home_keys(settings: Settings, home: Home, clock: Clock = utc_now) -> bool:
    """Give a home of an earlier release the keys it lacks; return whether it lacked any. Raises as `upgrade_home`."""
    return upgrade_home(home, clock(), policy=policy_of(settings), places=places_of(settings))


def places_of(settings: Settings) -> EvidencePlaces:
    """Return where the evidence's keys, state and exports lie, and whom to ask for the time; raises BadInput."""
    return EvidencePlaces(
        signing_passphrase=settings.signing_passphrase_file,
        log_passphrase=settings.log_passphrase_file,
        root_passphrase=settings.root_passphrase_file,
        log_state=settings.log_state_file,
        log_exports=settings.log_export_folder,
        tsa_url=settings.tsa_url,
        tsa_timeout_s=settings.tsa_timeout_s,
        tsa_roots=() if settings.tsa_roots_file is None else read_certificates(settings.tsa_roots_file),
    )


def read_certificates(path: Path) -> tuple[bytes, ...]:
    """Return the certificates of a PEM file, DER; raises BadInput when it cannot be read or holds none."""
    try:
        found = load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as failed:
        raise BadInput(
            found=f"no certificates in {path} ({type(failed).__name__})",
            expected="one or more certificates in PEM",
            remedy="take them from whoever runs the time-stamp authority",
        ) from None
    return tuple(each.public_bytes(Encoding.DER) for each in found)


def database_url(settings: Settings) -> str | None:
    """Return the database's URL, or None for SQLite inside the home."""
    return None if settings.database_url is None else settings.database_url.get_secret_value()


def policy_of(settings: Settings) -> Policy:
    """Return the organisation's own rules."""
    return Policy(
        time_zone=settings.time_zone,
        holidays=settings.holidays,
        phone_region=settings.phone_region,
        identity_valid_s=settings.identity_valid_h * _HOUR_S,
        identity_attempts=settings.identity_attempts,
        approval_valid_s=settings.approval_valid_days * _DAY_S,
        grace_s=settings.grace_h * _HOUR_S,
        appeal_s=settings.appeal_days * _DAY_S,
        key_epoch_days=settings.key_epoch_days,
        key_backup_days=settings.key_backup_days,
        suppression_review_days=settings.suppression_review_days,
        residual_days=settings.residual_days,
        profile=settings.profile,
        dp_without_compute=settings.dp_without_compute,
        locale=settings.locale,
        controller_name=settings.controller_name,
        controller_contact=settings.controller_contact,
        authority_name=settings.authority_name,
        sells_or_shares=settings.sells_or_shares,
        letters=settings.letters_folder,
        letters_from=settings.mail_from,
    )


def sender_of(settings: Settings) -> Sender | None:
    """Return the mail server's sender, or None when letters go into the outbox folder."""
    if settings.mail_host is None:
        return None
    return SMTPSender(
        host=settings.mail_host,
        port=settings.mail_port,
        starttls=settings.mail_starttls,
        username=settings.mail_user,
        password=None if settings.mail_password is None else Secret(settings.mail_password.get_secret_value()),
        from_address=settings.mail_from,
        from_name=settings.controller_name or settings.mail_from,
        timeout_s=settings.mail_timeout_s,
        ca_file=settings.mail_ca_file,
    )
