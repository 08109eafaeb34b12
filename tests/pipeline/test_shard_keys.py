"""Keys of shards: made once, apart from each other, wrapped anew with every epoch, and gone when destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.errors import SealBroken
from rtbf.pipeline.epochs import rotate_epoch
from rtbf.pipeline.shard_keys import StoredShardKeys
from rtbf.vault.envelope import place_of, seal, unseal

if TYPE_CHECKING:
    from rtbf.installation import Installation

PLACE = place_of("shards", "shard", "slice", 1)


def test_every_training_of_every_shard_has_a_key_of_its_own_that_stays(installation: Installation) -> None:
    keys, others = (StoredShardKeys(installation=installation, family_id=name) for name in ("a" * 16, "b" * 16))

    made = [keys.family_key(), others.family_key(), *(keys.shard_key(shard, generation) for shard in (0, 1) for generation in ("g1", "g2"))]

    assert len(set(made)) == 6
    assert {len(key) for key in made} == {32}
    again = StoredShardKeys(installation=installation, family_id="a" * 16)
    assert [again.family_key(), again.shard_key(1, "g2")] == [made[0], made[5]]


def test_a_new_vault_epoch_keeps_them(installation: Installation) -> None:
    keys = StoredShardKeys(installation=installation, family_id="a" * 16)
    before = keys.shard_key(3, "g1")

    rotate_epoch(installation, "officer")

    assert keys.shard_key(3, "g1") == before


def test_what_was_sealed_under_a_destroyed_key_never_opens_again(installation: Installation) -> None:
    keys = StoredShardKeys(installation=installation, family_id="a" * 16)
    sealed = seal(keys.shard_key(0, "g1"), PLACE, b"weights")
    kept = seal(keys.shard_key(0, "g2"), PLACE, b"weights")

    assert keys.destroy(0, "g1")

    assert not keys.destroy(0, "g1")
    with pytest.raises(SealBroken):
        unseal(keys.shard_key(0, "g1"), PLACE, sealed)
    assert unseal(keys.shard_key(0, "g2"), PLACE, kept) == b"weights"
