"""What tests install with: the cheapest lawful vault, a policy without grace period, and a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rtbf.policy import Policy
from rtbf.vault.argon2 import Argon2Cost

QUICK_VAULT = Argon2Cost(memory_kib=8, iterations=1, lanes=1)
"""The cheapest lawful cost: what the recommended one is worth is the vault tests' matter."""
POLICY = Policy(
    grace_s=0, controller_name="Example Models", controller_contact="privacy@example.org", authority_name="Example Authority",
    sells_or_shares=False, profile="smoke",
)  # fmt: skip
NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


class FrozenClock:
    """A clock that shows one instant until it is moved by hand."""

    def __init__(self, instant: datetime = NOON) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        return self.instant

    def move(self, **span: float) -> None:
        """Go forward by a timedelta's arguments, for example `clock.move(seconds=61)`."""
        self.instant += timedelta(**span)
