"""What one guess at a passphrase costs, and the key material that a passphrase gives: Argon2id, for every key file here.

Refuses costs below what Argon2 is defined for, and above what a damaged file may ask of this machine.
A costly guess protects a weak passphrase for a while, not for good: see `require_strong`.
Source: RFC 9106 §4 (second recommended option).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from rtbf.vault.key_file import exactly, whole
from rtbf.vault.secret import SecretBytes

if TYPE_CHECKING:
    from rtbf.vault.secret import Secret

SALT_BYTES = 16
# Bounds on what a file may ask of this machine: a damaged cost must not take all memory. 4 GiB, 1 000 passes.
_MAX_MEMORY_KIB = 1 << 22
_MAX_ITERATIONS = 1000
_MAX_LANES = 64
_KIB_PER_LANE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Argon2Cost:
    """What one guess at the passphrase costs. The default is RFC 9106 §4's second recommended option: 64 MiB, 3 passes, 4 lanes."""

    memory_kib: int = 65536
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        whole(self.lanes, 1, _MAX_LANES)
        whole(self.iterations, 1, _MAX_ITERATIONS)
        whole(self.memory_kib, _KIB_PER_LANE * self.lanes, _MAX_MEMORY_KIB)


def stretched(passphrase: Secret, salt: bytes, cost: Argon2Cost, length: int) -> SecretBytes:
    """Return `length` bytes of key material of a passphrase; takes the time and memory that `cost` says."""
    argon2 = Argon2id(salt=salt, length=length, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib)
    return SecretBytes(argon2.derive(passphrase.reveal().encode()))


def cost_body(cost: Argon2Cost) -> dict[str, int]:
    """Return the cost as key files write it."""
    return {"memory_kib": cost.memory_kib, "iterations": cost.iterations, "lanes": cost.lanes}


def read_cost(body: Any) -> Argon2Cost:  # noqa: ANN401 - untrusted JSON
    """Return the cost that a key file states; raises ValueError when it is none, or beyond the bounds."""
    found = exactly(body, "memory_kib", "iterations", "lanes")
    return Argon2Cost(memory_kib=found["memory_kib"], iterations=found["iterations"], lanes=found["lanes"])
