"""What a worker does with one nudge: advance the ticket, and sort what goes wrong by the branch of its error.

TicketBusy         somebody else works on it: let go quietly
Outage             left alone for a while (workers.backoff); the sweep nudges again
Refusal, Fault     a person must look: the ticket's reason becomes `error`
anything else      the same; only the exception's type is logged, its text may hold personal data
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from rtbf import progress
from rtbf.errors import Outage, Refusal, RTBFError, TicketBusy, UnknownName
from rtbf.pipeline.work import note_error

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.ticket_view import TicketView
    from workers.backoff import BackOff

UNFORESEEN = "unforeseen"

_log = structlog.get_logger()


class Advance(Protocol):
    """Takes a ticket as far as it may go; `rtbf.executor.advance` with its work settings filled in."""

    def __call__(self, installation: Installation, ticket_id: str, actor: str, progress: Progress) -> TicketView:
        """Return where the ticket stands afterwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a worker process works with. `actor` is who the ledger names for its steps."""

    installation: Installation
    advance: Advance
    backoff: BackOff
    actor: str


def answer_nudge(bench: Bench, ticket_id: str) -> None:
    """Advance the ticket as far as it may go. Never raises an Exception: every outcome is in the database or the log."""
    with structlog.contextvars.bound_contextvars(ticket=ticket_id):
        if bench.backoff.is_waiting(ticket_id):
            return
        try:
            view = bench.advance(bench.installation, ticket_id, bench.actor, progress.silent)
        except TicketBusy:
            return
        except Outage as outage:
            delay_s = bench.backoff.note_failure(ticket_id)
            _log.warning("ticket.delayed", error=outage.code, found=outage.found, delay_s=delay_s)
        except RTBFError as error:
            told = _log.warning if isinstance(error, Refusal) else _log.error
            told("ticket.stopped", error=error.code, found=error.found)
            _stop(bench, ticket_id, error.code)
        except Exception as unforeseen:  # noqa: BLE001 - the worker's task wrapper
            _log.error("ticket.stopped", error=UNFORESEEN, error_type=type(unforeseen).__name__)
            _stop(bench, ticket_id, UNFORESEEN)
        else:
            bench.backoff.forget(ticket_id)
            _log.info("ticket.advanced", state=view.state, reason=view.reason, outcome=view.outcome)


def _stop(bench: Bench, ticket_id: str, code: str) -> None:
    """Make the ticket wait for a person. When even that fails it stays ready, and is left alone for a while."""
    bench.backoff.forget(ticket_id)
    try:
        note_error(bench.installation, ticket_id, bench.actor, code)
    except UnknownName:
        _log.warning("ticket.missing")
    except Exception as failed:  # noqa: BLE001 - the worker's task wrapper
        delay_s = bench.backoff.note_failure(ticket_id)
        _log.error("ticket.delayed", error_type=type(failed).__name__, delay_s=delay_s)
