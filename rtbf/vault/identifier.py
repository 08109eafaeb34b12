"""One identifier of a person, opened in memory for sealing or searching. It cannot be printed: its value is a `Secret`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.vault.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenIdentifier:
    """An identifier with its value. `number` is its place in the ticket, from 1; `kind` is name, email, phone, account or excerpt."""

    number: int
    kind: str
    value: Secret
