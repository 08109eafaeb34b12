"""What a keeper of key-encryption keys (KEKs) must do. A ticket's key is never stored unless wrapped by one of them.

KEKs live in epochs. Any backup of the database could bring back a wrapped ticket key that was deleted; it can be opened
as long as its epoch's KEK exists somewhere. So live ticket keys are re-wrapped under a fresh epoch from time to time and
the old epoch is destroyed: the age of the oldest living epoch, plus the provider's waiting period, plus the age of the
oldest backup of the KEKs themselves, bounds how long a forgotten person can be brought back (domain.md §7.3).

What a provider for a KMS or an HSM must do beyond the signatures:
- one non-exportable 256-bit key per epoch, created with rotation switched off (automatic rotation keeps the old key
  material alive under the same name, and destroys no bound); AES-KWP (RFC 5649) inside the device, or the service's
  authenticated encryption with the epoch's number in its encryption context;
- `destroy_epoch` orders the destruction and says so at once: from then on `unwrap` refuses, even while the service could
  still cancel the order. The wait is real and belongs into the bound: AWS KMS waits 7 to 30 days (ScheduleKeyDeletion,
  30 unless told otherwise), so `destruction_waits_days` is what was asked for there, never 0;
- `current_epoch` and `epochs` answer without the network where they can: listing tickets calls them.

Only the passphrase file (`rtbf.vault.passphrase_file`) was exercised. No KMS and no HSM provider exists here, and this
interface was tried against none. Any provider passes tests/unit/vault/test_key_wrappers.py or is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

KEY_BYTES = 32
"""Length of a ticket's key and of a KEK: AES-256."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrappedKey:
    """A ticket's key that only the KEK of `epoch` opens."""

    epoch: int
    blob: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One KEK's life. `destroyed_at` is when its destruction was ordered; add the provider's waiting period."""

    number: int
    created_at: datetime
    destroyed_at: datetime | None


class KeyWrapper(Protocol):
    """A keeper of KEKs. Every call may find that another process has begun or destroyed an epoch since the last one."""

    @property
    def destruction_waits_days(self) -> int:
        """Return how long a destroyed KEK can still be brought back by the provider itself; backups come on top."""
        ...

    def current_epoch(self) -> int:
        """Return the number of the epoch that keys are wrapped under: the highest one, which is never destroyed."""
        ...

    def wrap(self, key: bytes) -> WrappedKey:
        """Return `key` wrapped under the current epoch; raises ValueError unless it is 32 bytes long."""
        ...

    def unwrap(self, wrapped: WrappedKey) -> bytes:
        """Return the key; raises KeyDestroyed, KeyUnknown (an epoch never held here) or SealBroken (changed or moved)."""
        ...

    def new_epoch(self, now: datetime) -> int:
        """Begin an epoch with a fresh random KEK and return its number, one above the last; earlier ones stay readable."""
        ...

    def destroy_epoch(self, number: int, now: datetime) -> None:
        """Destroy an epoch's KEK for good; doing it twice changes nothing.

        Raises BadInput for the current epoch and UnknownName for one that never was. That no living ticket's key is still
        wrapped under it is the caller's to make sure: the provider does not know the tickets.
        """
        ...

    def epochs(self) -> tuple[Epoch, ...]:
        """Return all epochs ever begun, by number from 1, the destroyed ones included."""
        ...
