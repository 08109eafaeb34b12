"""Register and revoke the public keys that people sign approvals with; both are events, and auditors' trust file follows.

While the root is away, the trust file follows when it is signed (`rtbf.pipeline.trust`); until then nothing that a fresh key
signs can be shown to an auditor.
Does not prove that a key belongs to whom it is registered for: whoever may run commands here may register one. So an actor
has one living key, another is refused until that is revoked, and the ledger says who did either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import BadInput, UnknownName
from rtbf.evidence.keys import APPROVER, key_id, public_der
from rtbf.evidence.trust_change import with_key, with_revocation
from rtbf.pipeline.trust import change_trust
from rtbf.store.actors import actor_id_for, actor_keys, register_actor_key, revoke_actor_key
from rtbf.store.events import append_event

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from rtbf.installation import Installation


def register_key(installation: Installation, name: str, key: Ed25519PublicKey, actor: str) -> str:
    """Register the key for the actor called `name`, add it to the trust file, and return that actor's id.

    Raises BadInput when the actor has a living key already, or the key is another actor's.
    """
    now = installation.clock()
    with installation.transaction() as session:
        owner_id = actor_id_for(session, name, now)
        living = [row.key_id for row in actor_keys(session, owner_id) if row.revoked_at is None]
        if living and living != [key_id(key)]:
            raise BadInput(
                found="a second key for an actor who has one",
                expected="one living key for each actor",
                remedy=f"revoke the other first: `rtbf key actor NAME --revoke {living[0]}`",
            )
        register_actor_key(session, owner_id, key_id(key), public_der(key), now)
        append_event(
            session,
            ticket_id=None,
            event_type="key.registered",
            actor_id=actor_id_for(session, actor, now),
            data={"actor": owner_id, "key": key_id(key)},
            now=now,
        )
        # Before the commit: a key that is stored and that no auditor can trust would be noticed by nobody.
        change_trust(installation, lambda trust: with_key(trust, key, APPROVER, now))
    return owner_id


def revoke_key(installation: Installation, name: str, revoked_id: str, actor: str) -> None:
    """Revoke a key of the actor called `name`, in the trust file too. Its owner still has to sign, with another key.

    Raises UnknownName when the actor has no such key.
    """
    now = installation.clock()
    with installation.transaction() as session:
        owner_id = actor_id_for(session, name, now)
        own = [row.key_id for row in actor_keys(session, owner_id)]
        if revoked_id not in own:
            raise UnknownName("actor key", revoked_id, own, "rtbf key list")
        revoke_actor_key(session, revoked_id, now)
        append_event(
            session,
            ticket_id=None,
            event_type="key.revoked",
            actor_id=actor_id_for(session, actor, now),
            data={"actor": owner_id, "key": revoked_id},
            now=now,
        )
        change_trust(installation, lambda trust: with_revocation(trust, revoked_id, now))
