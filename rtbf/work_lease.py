"""Hold a ticket while it is worked on: what the working process was told, and the lease that keeps every other one away.

The lease is kept alive by a thread of its own. It does not stop a process that lost it in the middle of a step: the next
report of progress does.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import RTBFError, TicketBusy
from rtbf.store.leases import claim_lease, release_lease, renew_lease

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.installation import Installation
    from rtbf.progress import Progress

_HEARTBEATS_PER_LEASE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkSettings:
    """What the edge read from its settings: the lease in seconds, torch threads, phone region, and this process's name."""

    lease_s: int
    torch_threads: int
    phone_region: str
    owner: str
    state_time_out_s: float | None = None
    """Seconds that one state of one arm may take in a verification; None for no limit."""


@contextlib.contextmanager
def leased(installation: Installation, ticket_id: str, progress: Progress, work: WorkSettings) -> Iterator[Progress]:
    """Hold the ticket's lease for a block: a thread keeps it alive, also through steps that report nothing for minutes.

    The yielded progress raises TicketBusy once another process has taken the lease over: then this one stops.
    """
    with installation.transaction() as session:
        claim_lease(session, ticket_id, work.owner, installation.clock(), work.lease_s)
    is_over = threading.Event()
    lost: list[RTBFError] = []

    def keep() -> None:
        while not is_over.wait(work.lease_s / _HEARTBEATS_PER_LEASE):
            try:
                with installation.transaction() as session:
                    renew_lease(session, ticket_id, work.owner, installation.clock(), work.lease_s)
            except TicketBusy as busy:
                lost.append(busy)
                return
            except RTBFError:
                # The database is away for a moment; the stage itself will meet that, or the next beat succeeds.
                continue

    def guarded(step: str, done: int, total: int) -> None:
        if lost:
            raise lost[0]
        progress(step, done, total)

    keeper = threading.Thread(target=keep, name=f"lease of {ticket_id}", daemon=True)
    keeper.start()
    try:
        yield guarded
    finally:
        is_over.set()
        keeper.join()
        with installation.transaction() as session:
            release_lease(session, ticket_id, work.owner)
