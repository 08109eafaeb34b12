"""The keys of a sharded model: one that places its subjects, and one that seals each training of each shard.

They lie wrapped in the key store beside the tickets' keys, under owner names of their own, so that epochs, re-wrapping and
backups hold for them too. Destroying a shard's key makes that training's checkpoints unreadable for everybody who has no
backup of the key store: the same bound as for a ticket (ADR 0013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.store.ticket_keys import destroy_ticket_key, has_ticket_key, make_ticket_key, ticket_key

if TYPE_CHECKING:
    from rtbf.installation import Installation

_PREFIX = "shk_"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredShardKeys:
    """The keys of one family of shards, made when they are first asked for (`rtbf.lm.recipes.sharded.keys.ShardKeys`)."""

    installation: Installation
    family_id: str

    def family_key(self) -> bytes:
        """Return the secret that places subjects and draws who takes part in a step; raises KeyDestroyed with its epoch."""
        return self._key(self._owner())

    def shard_key(self, shard: int, generation: str) -> bytes:
        """Return the key that seals the checkpoints of one training of one shard; raises KeyDestroyed with its epoch."""
        return self._key(self._owner(shard, generation))

    def destroy(self, shard: int, generation: str) -> bool:
        """Delete the key of one training of one shard; return False when it was gone already."""
        with self.installation.transaction() as session:
            return destroy_ticket_key(session, self._owner(shard, generation))

    def _key(self, owner: str) -> bytes:
        with self.installation.transaction() as session:
            if has_ticket_key(session, owner):
                return ticket_key(session, self.installation.kek, owner)
            return make_ticket_key(session, self.installation.kek, owner, self.installation.clock())

    def _owner(self, *parts: int | str) -> str:
        return family_owner(self.family_id, *parts)


def family_owner(family_id: str, *parts: int | str) -> str:
    """Return under which name a key of a family lies: of the family itself, or of (shard, generation)."""
    return ".".join([_PREFIX + family_id, *map(str, parts)])
