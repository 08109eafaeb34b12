"""Replace the vault key, so that a ticket's destroyed key cannot be brought back from a backup for ever (domain.md §7.3).

A rotation begins an epoch, wraps every ticket's key anew in small transactions, and orders the destruction of the epochs
before. Killed midway it continues: keys of earlier epochs are known by their column, and no second epoch is begun.
The bound holds as long as rotations are on time and backups of the key files are as short-lived as the policy says;
nothing here can see those backups. A provider's waiting period is part of the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.errors import Fault
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event
from rtbf.store.ticket_keys import keys_under, rewrap_keys

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from rtbf.installation import Installation

_BATCH = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotated:
    """What a rotation did: the current epoch, how many keys were wrapped anew, and which epochs are destroyed."""

    epoch: int
    rewrapped: int
    destroyed: tuple[int, ...]


def rotate_epoch(installation: Installation, actor: str) -> Rotated:
    """Begin an epoch, or continue a rotation that was cut short; wrap every key anew and destroy the earlier epochs.

    Raises SealBroken for a key that its epoch does not open, and VaultLocked or VaultBroken: no epoch is destroyed then.
    """
    kek = installation.kek
    if not _earlier_epochs(installation):
        number = kek.new_epoch(installation.clock())
        _note(installation, actor, "epoch.begun", {"epoch": number})
    rewrapped, after = 0, ""
    while True:
        with installation.transaction() as session:
            count, last = rewrap_keys(session, kek, after, _BATCH)
        rewrapped += count
        if last is None:
            break
        after = last
    earlier = _earlier_epochs(installation)
    for number in earlier:
        _destroy(installation, number, actor)
    return Rotated(epoch=kek.current_epoch(), rewrapped=rewrapped, destroyed=tuple(earlier))


def is_rotation_due(installation: Installation) -> bool:
    """Return whether the current epoch is as old as the policy lets it be, or an earlier one still lives."""
    return bool(_earlier_epochs(installation)) or next_rotation_at(installation) <= installation.clock()


def next_rotation_at(installation: Installation) -> datetime:
    """Return when the current epoch is to be replaced."""
    return installation.kek.epochs()[-1].created_at + timedelta(days=installation.policy.key_epoch_days)


def resurrection_bound(installation: Installation, shredded_at: datetime) -> datetime:
    """Return until when a backup of key store and vault, taken before `shredded_at`, could bring a key back at most.

    The sum of the longest life of an epoch, of a backup of the key files, and the provider's waiting period.
    """
    policy = installation.policy
    days = policy.key_epoch_days + policy.key_backup_days + installation.kek.destruction_waits_days
    return shredded_at + timedelta(days=days)


def _earlier_epochs(installation: Installation) -> list[int]:
    return [epoch.number for epoch in installation.kek.epochs()[:-1] if epoch.destroyed_at is None]


def _destroy(installation: Installation, number: int, actor: str) -> None:
    now = installation.clock()
    with installation.transaction() as session:
        if left := keys_under(session, number):
            # Stored by transactions that were under way when the epoch ended; they are over by now.
            rewrap_keys(session, installation.kek, "", left)
            left = keys_under(session, number)
        if left:
            raise Fault(
                found=f"{left} key(s) still wrapped under epoch {number}",
                expected="every key wrapped anew before its epoch is destroyed",
                remedy="run `rtbf key rotate` again; nothing was destroyed",
            )
        # Written first: a crash in between leaves an order that the next run carries out, not a deed without a trace.
        append_event(
            session, ticket_id=None, event_type="epoch.destruction_ordered",
            actor_id=actor_id_for(session, actor, now),
            data={"epoch": number, "waits_days": installation.kek.destruction_waits_days}, now=now,
        )  # fmt: skip
    installation.kek.destroy_epoch(number, now)


def _note(installation: Installation, actor: str, event_type: str, data: dict[str, Any]) -> None:
    now = installation.clock()
    with installation.transaction() as session:
        append_event(
            session,
            ticket_id=None,
            event_type=event_type,
            actor_id=actor_id_for(session, actor, now),
            data=data,
            now=now,
        )
