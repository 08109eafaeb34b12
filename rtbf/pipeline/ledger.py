"""The ledger of one installation: events get their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.store.sequencer import sequence_all

if TYPE_CHECKING:
    from rtbf.installation import Installation


def sequence_events(installation: Installation) -> int:
    """Give every committed event its place in the ledger; return how many got one. Raises LedgerForked, LedgerBroken."""
    return sequence_all(installation.transaction, installation.log)
