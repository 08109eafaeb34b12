"""The worker's one task, `rtbf.advance(ticket_id)`. Opens the installation once per process, after Celery has forked."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from rtbf.config import read_settings
from rtbf.executor import advance
from rtbf.logs import configure_logs
from rtbf.startup import open_home
from rtbf.store.leases import this_process
from rtbf.work_lease import WorkSettings
from workers.app import ADVANCE_TASK, app
from workers.backoff import BackOff
from workers.nudge import Bench, answer_nudge

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.ticket_view import TicketView

WORKER_ACTOR = "rtbf-worker"
"""Who the ledger names for a worker's steps when RTBF_ACTOR is unset."""


@app.task(name=ADVANCE_TASK)  # type: ignore[untyped-decorator]  # Celery ships no types
def advance_ticket(ticket_id: str) -> None:
    """Advance one ticket as far as it may go; what the message says is only which."""
    answer_nudge(_bench(), ticket_id)


@functools.cache
def _bench() -> Bench:
    """Return this process's bench. An installation that cannot be opened yet is tried again with the next nudge."""
    settings = read_settings()
    configure_logs(is_json=True)
    work = WorkSettings(
        lease_s=settings.lease_s,
        torch_threads=settings.torch_threads,
        phone_region=settings.phone_region,
        owner=this_process(),
        state_time_out_s=settings.state_time_out_s,
    )

    def advance_here(installation: Installation, ticket_id: str, actor: str, progress: Progress) -> TicketView:
        return advance(installation, ticket_id, actor, progress, work=work)

    return Bench(
        installation=open_home(settings, settings.home),
        advance=advance_here,
        backoff=BackOff(time.monotonic),
        actor=settings.actor or WORKER_ACTOR,
    )
