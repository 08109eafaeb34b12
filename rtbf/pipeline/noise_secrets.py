"""The secret of a private training's noise and draws: wrapped in the key store until the training has ended, then destroyed.

A training that is killed needs the same secret to go on; whoever has it afterwards can take the noise off again. So it lies beside
the tickets' keys, under an owner name of its own, and goes with the training's end: then nobody can compute the noise, but who
has a backup of the key store from those hours and the vault key (ADR 0013 bounds how long that is).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.store.ticket_keys import destroy_ticket_key, has_ticket_key, make_ticket_key, ticket_key
from rtbf.vault.secret import SecretBytes

if TYPE_CHECKING:
    from rtbf.installation import Installation

_PREFIX = "dpn_"


def noise_secret(installation: Installation, training_id: str) -> SecretBytes:
    """Return the 32 random bytes of this training, made when they are first asked for."""
    owner = _PREFIX + training_id
    with installation.transaction() as session:
        if has_ticket_key(session, owner):
            return SecretBytes(ticket_key(session, installation.kek, owner))
        return SecretBytes(make_ticket_key(session, installation.kek, owner, installation.clock()))


def destroy_noise_secret(installation: Installation, training_id: str) -> bool:
    """Delete the secret of a training; return False when there is none."""
    with installation.transaction() as session:
        return destroy_ticket_key(session, _PREFIX + training_id)


def has_noise_secret(installation: Installation, training_id: str) -> bool:
    """Return whether the secret of a training is there: it was begun, and has not ended."""
    with installation.transaction() as session:
        return has_ticket_key(session, _PREFIX + training_id)
