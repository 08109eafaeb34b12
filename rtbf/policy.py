"""What an organisation decides once for all its tickets: periods, zone, and who writes the letters. Values, read at an edge.

The law's own periods are not here: they are the regime packs (rtbf/ticket/regimes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Periods in seconds or days as the names say. Each default is the safe one; an organisation may set another."""

    time_zone: str = "UTC"
    """IANA name of the civil time in which days are counted."""
    holidays: str | None = None
    """Public holidays that move a deadline, as country[-subdivision], e.g. "DE-BE"; None moves it over weekends only."""
    phone_region: str = "US"

    identity_valid_s: int = 72 * _HOUR_S
    """How long a person may answer an identity check."""
    identity_attempts: int = 5
    """Wrong answers after which a check is over."""

    approval_valid_s: int = 14 * _DAY_S
    grace_s: int = 24 * _HOUR_S
    """Between the approval that completes the quorum and the start of unlearning: time to notice a mistake."""
    appeal_s: int = 90 * _DAY_S
    """Between closing and the destruction of the ticket's key: time for a complaint to be heard."""

    key_epoch_days: int = 30
    """After how many days the vault key is replaced."""
    key_backup_days: int = 30
    """How long the organisation keeps backups of the key store and the vault key: the bound on bringing a key back."""
    suppression_review_days: int = 730
    idempotency_s: int = 48 * _HOUR_S
    outbox_days: int = 90
    profile: str = "standard"
    """How much a verification asks when the plan names no profile (`plan.profile`)."""
    residual_days: int = 30
    """When a residual is due if nothing else says so."""

    locale: str = "en"
    """The letters' language when a ticket names none."""
    controller_name: str | None = None
    controller_contact: str | None = None
    authority_name: str | None = None
    """The supervisory authority named in letters."""
    letters_from: str = "privacy@localhost.localdomain"
    """The address letters come from; the default one is for letters that are printed or posted by somebody else."""
    dp_without_compute: bool = False
    """Whether a bound on a person's influence that a private training left fulfils a request by itself, with nothing done (DESIGN §2)."""
    sells_or_shares: bool | None = None
    """Whether the controller sells or shares personal information: a letter under the CCPA has to say so."""
    letters: Path | None = None
    """A folder with the organisation's own letter templates, searched first."""
