"""Whose records a private training may use, how many of each, and who takes part in a step: all by a secret key, each for itself.

What one subject brings depends on nobody else's presence: which of its records count, and in which steps. So leaving a
subject out leaves every other one where it was, which is what both the accounting and a later proof of erasure rest on.
Does not look into texts: what others' records say about a subject is not the subject's, and is not protected.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import BadInput
from rtbf.evidence.canonical import digest_bytes
from rtbf.lm.recipes.subjects import NAMELESS, subjects_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.corpora.corpus import Record
    from rtbf.vault.secret import SecretBytes

_RANGE = 2**64
_HALF_BYTE = 128
MIN_SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """The subjects of a corpus with the records that count, in the order of the corpus.

    several      records left out because they name several subjects: one of them could contribute twice over
    over_cap     records left out because their subject has more than k_max
    own_unit     records that name nobody: each is a unit of its own
    """

    records: Mapping[str, tuple[Record, ...]]
    several: int
    over_cap: int
    own_unit: int


def units_of(records: Sequence[Record], field: str, k_max: int, key: bytes) -> Units:
    """Return each subject's records, k_max at most, chosen by the key.

    A record of several subjects is left out: given to each it would let one person contribute through another's clip, and no
    bound on such overlaps is known beforehand. It stays out whichever of them leaves, so nobody's records depend on another.
    """
    found: dict[str, list[Record]] = {}
    several = own_unit = 0
    for record in records:
        first, *others = subjects_of(record, field)
        if others:
            several += 1
            continue
        own_unit += first.startswith(NAMELESS)
        found.setdefault(first, []).append(record)
    kept = {subject: _kept(subject, own, k_max, key) for subject, own in found.items()}
    over_cap = sum(len(own) - len(kept[subject]) for subject, own in found.items())
    return Units(records=kept, several=several, over_cap=over_cap, own_unit=own_unit)


def takes_part(key: bytes, subject: str, step: int, rate: float) -> bool:
    """Return whether a subject is drawn in a step: with probability `rate`, independently of all other subjects and steps.

    The key is secret: who knows in which steps somebody took part has no use for the sampling that the accountant counts on.
    """
    return int.from_bytes(_prf(key, b"take", step.to_bytes(8), subject.encode())[:8]) < rate * _RANGE


def sampler_key(secret: SecretBytes) -> bytes:
    """Return the key of the draws, from the secret of a training. raises BadInput for a secret that could be guessed."""
    return _derived(secret, b"sampler")


def noise_key(secret: SecretBytes, step: int) -> bytes:
    """Return the 32-byte key of one step's noise. raises as `sampler_key`."""
    return _derived(secret, b"noise", step.to_bytes(8))


def sampler_commitment(secret: SecretBytes) -> str:
    """Return a digest by which who is later shown the draws' key can tell that it was this one; it tells nothing of the key."""
    return digest_bytes(_prf(sampler_key(secret), b"commitment"))


def canary_seed(secret: SecretBytes) -> int:
    """Return what the words of a training's canaries are drawn from: nobody knows them beforehand. raises as `sampler_key`."""
    return int.from_bytes(_derived(secret, b"canary words"))


def canary_coins(secret: SecretBytes, count: int) -> tuple[bool, ...]:
    """Return so many fair coins, the same whenever the training goes on; who does not have the secret cannot foresee them."""
    key = _derived(secret, b"canary coins")
    return tuple(_prf(key, place.to_bytes(8))[0] < _HALF_BYTE for place in range(count))


def _kept(subject: str, own: Sequence[Record], k_max: int, key: bytes) -> tuple[Record, ...]:
    if len(own) <= k_max:
        return tuple(own)
    # The place stands for records of equal id: there are none in one corpus version.
    order = sorted(range(len(own)), key=lambda place: (_prf(key, b"keep", subject.encode(), own[place].record_id.encode()), place))
    return tuple(own[place] for place in sorted(order[:k_max]))


def _derived(secret: SecretBytes, *parts: bytes) -> bytes:
    value = secret.reveal()
    if len(value) < MIN_SECRET_BYTES:
        raise BadInput(
            found=f"a noise secret of {len(value)} bytes",
            expected=f"{MIN_SECRET_BYTES} random bytes at least",
            remedy="draw it with secrets.token_bytes(32)",
        )
    return _prf(value, *parts)


def _prf(key: bytes, *parts: bytes) -> bytes:
    # Each part with its length: no two lists of parts give the same bytes.
    told = b"".join(len(part).to_bytes(8) + part for part in (b"rtbf.dp/1", *parts))
    return hmac.digest(key, told, hashlib.sha256)
