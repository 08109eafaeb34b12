"""The secrets of a family of shards: one that places its subjects, and one for the checkpoints of each training of each shard."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol


class ShardKeys(Protocol):
    """Where the keys of one family are kept (`rtbf.pipeline.shard_keys.StoredShardKeys`)."""

    def family_key(self) -> bytes:
        """Return the secret that places subjects and draws who takes part in a step; 32 bytes, the same at every call."""

    def shard_key(self, shard: int, generation: str) -> bytes:
        """Return the key that seals the checkpoints of one training of one shard; 32 bytes, the same until it is destroyed."""

    def destroy(self, shard: int, generation: str) -> bool:
        """Delete the key of one training of one shard; return False when there was none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DerivedKeys:
    """Keys that follow from one secret and are kept nowhere: of a control model, whose checkpoints are deleted when it is made.

    places   the key that places subjects and draws who takes part, where that is another family's; None: one of its own
    """

    secret: bytes
    places: bytes | None = None

    def family_key(self) -> bytes:
        """Return the family's key."""
        return prf(self.secret, b"family") if self.places is None else self.places

    def shard_key(self, shard: int, generation: str) -> bytes:
        """Return the key of one training of one shard."""
        return prf(self.secret, b"shard", shard.to_bytes(8), generation.encode())

    def destroy(self, shard: int, generation: str) -> bool:  # noqa: ARG002 - a ShardKeys
        """Return False: there is nothing to delete but the secret itself."""
        return False


def prf(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA256 over the parts, each with its length: no two lists of parts give the same bytes (RFC 2104)."""
    told = b"".join(len(part).to_bytes(8) + part for part in (b"rtbf.sharded/1", *parts))
    return hmac.digest(key, told, hashlib.sha256)
