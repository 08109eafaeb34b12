"""Our own copies of a closed ticket: what goes at once, what goes with its key, and what others have to delete.

While the appeal window lasts the sealed item log and the weights in use stay, and so do letters that may wait for the
post; everything else in the ticket's folder goes: control models (made from other people's records), training checkpoints,
adapters and weights of attempts that did not end in use, whatever a crash left half-written. A new kind of file is
deleted unless it is named here, not kept unless it is named.
Files are deleted after the transaction that closes the ticket, never inside it. Before anything is deleted a list of it is
written beside, and after the deletion it becomes `copy.purged` events in one transaction; so a crash anywhere leaves
work that the next run finishes, and every copy is told of once. Deleting a file does not wipe the disk it lay on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove, TicketBusy
from rtbf.pipeline.copies import LIST_PREFIX, Copy, delete_copies, finish_lists, unfinished_lists, write_list
from rtbf.pipeline.moves import note
from rtbf.pipeline.questions import PASSES_NAME, QUESTIONS_NAME
from rtbf.pipeline.remaining import open_remaining
from rtbf.pipeline.residuals import open_residual
from rtbf.pipeline.superseded_shards import destroy_keys, superseded_checkpoints
from rtbf.plan.record import Plan
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.events import ticket_events_so_far
from rtbf.store.leases import claim_lease, release_lease, this_process
from rtbf.store.notices import notices_of
from rtbf.store.records import newest_record
from rtbf.store.residuals import residuals_of
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import CLOSED
from rtbf.unlearn.record import Unlearned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow

ERASED = frozenset({"fulfilled", "partially_fulfilled"})
OWN_COPIES, EARLIER_WEIGHTS = "own_copies", "earlier_weights"
_LETTER_FILES = (".eml", ".txt")
_LEASE_S = 600
_IN_USE = frozenset({"live", "candidate", "superseded"})
"""Superseded weights are a residual of whoever superseded them: another ticket may still measure against them."""
_ITEM_LOG = "items.sealed"
_STAYS_A_WHILE = frozenset({"item_log", "letter"})
_KINDS = {
    "controls": "control_model", "checkpoint": "training_checkpoint", "adapter": "adapter",
    "merged": "weights", "retrained": "weights", "private": "weights",
    _ITEM_LOG: "item_log", QUESTIONS_NAME: "questions", PASSES_NAME: "passes",
}  # fmt: skip
"""Name within a ticket's folder → what a copy of it is called. Hidden names are what an interrupted writer left."""


def plan_purge(session: Session, installation: Installation, row: TicketRow, actor_id: str, now: datetime) -> None:
    """Open a residual, with the closing's actor as its owner, for everything that cannot go with the closing.

    Own copies are due when the ticket's key is; earlier weights and source records by the policy's days, for their owner
    alone can delete them. In the caller's transaction; deletes nothing.
    """
    if row.outcome in ERASED:
        open_remaining(session, installation, row, actor_id, now)
        plan, unlearned = newest_record(session, row.id, Plan), newest_record(session, row.id, Unlearned)
        has_new_weights = plan is not None and unlearned is not None and unlearned.kind not in {"unchanged", "accounted"}
        if plan is not None and has_new_weights and EARLIER_WEIGHTS not in {one.reason for one in residuals_of(session, row.id)}:
            open_residual(session, installation, row.id, EARLIER_WEIGHTS, plan.model, actor_id, now)
    if any(copy.kind in _STAYS_A_WHILE for copy in _own_files(session, installation, row, now, is_all=True)):
        open_residual(session, installation, row.id, OWN_COPIES, row.id, actor_id, now, due_at=row.shred_due_at)
        for residual in residuals_of(session, row.id):
            # The report opened it before anybody knew when the ticket would close.
            if residual.reason == OWN_COPIES and residual.resolved_at is None:
                residual.due_at = row.shred_due_at
    session.flush()


def purge_if_closed(installation: Installation, ticket_id: str, actor: str) -> int:
    """Purge a ticket that has just been closed; an open one, or one that a process works on, is left to the next upkeep."""
    with installation.transaction() as session:
        is_closed = find_ticket(session, ticket_id).state == CLOSED
    try:
        return purge_ticket(installation, ticket_id, actor) if is_closed else 0
    except TicketBusy:
        return 0


def purge_ticket(installation: Installation, ticket_id: str, actor: str, *, is_all: bool = False) -> int:
    """Delete what may go of a closed ticket's copies and return how many copies that were; run again, it finds nothing.

    `is_all` when the key is destroyed next: the item log and all letters go too. Weights in use never go.
    Raises IllegalMove for an open ticket, TicketBusy while a process works on it.
    """
    owner = this_process()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state != CLOSED:
            raise IllegalMove(
                found=f"a purge of {ticket_id} in '{row.state}'", expected="a closed ticket", remedy=f"see `rtbf show {ticket_id}`"
            )
        claim_lease(session, ticket_id, owner, installation.clock(), _LEASE_S)
        copies = _own_files(session, installation, row, installation.clock(), is_all=is_all)
    try:
        if not copies and not unfinished_lists(installation.home.ticket_artefacts(ticket_id)):
            return 0
        return _purge(installation, ticket_id, copies, actor)
    finally:
        with installation.transaction() as session:
            release_lease(session, ticket_id, owner)


def has_copies(session: Session, installation: Installation, row: TicketRow) -> bool:
    """Return whether anything of a closed ticket could be purged now."""
    is_unfinished = bool(unfinished_lists(installation.home.ticket_artefacts(row.id)))
    return is_unfinished or bool(_own_files(session, installation, row, installation.clock(), is_all=False))


def _purge(installation: Installation, ticket_id: str, copies: Sequence[Copy], actor: str) -> int:
    """1. write the list  2. delete  3. events and registry in one transaction  4. drop the list."""
    folder = installation.home.ticket_artefacts(ticket_id)
    if copies:
        write_list(folder, copies, installation.home.stored_form)
    lists = unfinished_lists(folder)
    for listed in lists:
        delete_copies(listed, installation.home.resolved)
    now = installation.clock()
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, now)
        told = _told_batches(session, ticket_id)
        for listed in lists:
            if listed.batch in told:
                continue
            for kind, (count, size_bytes) in sorted(listed.totals.items()):
                data = {"batch": listed.batch, "kind": kind, "count": count, "bytes": size_bytes}
                note(session, ticket_id, "copy.purged", actor_id, now, data)
            _mark_purged(session, listed.paths)
            destroy_keys(session, listed.paths)
    finish_lists(lists)
    return sum(count for listed in lists for count, _ in listed.totals.values())


def _told_batches(session: Session, ticket_id: str) -> set[str]:
    return {event.data["batch"] for event in ticket_events_so_far(session, ticket_id) if event.type == "copy.purged"}


def _mark_purged(session: Session, paths: Sequence[str]) -> None:
    for registered in registry.all_models(session):
        is_gone = any(registered.location == path or registered.location.startswith(f"{path}/") for path in paths)
        if is_gone and registered.status not in _IN_USE:
            registry.set_model_status(session, registered.model.name, registered.model.revision, "purged")


def _own_files(session: Session, installation: Installation, row: TicketRow, now: datetime, *, is_all: bool) -> list[Copy]:
    """Return what of the ticket's folder and letters may go at `now`."""
    folder = installation.home.ticket_artefacts(row.id)
    found = []
    if folder.is_dir():
        kept = _kept(session, installation, row)
        for part in sorted(folder.iterdir()):
            is_shelf = part.is_dir() and not part.is_symlink() and not part.name.startswith(".")
            for path in sorted(part.iterdir()) if is_shelf else [part]:
                kind = _kind_of(path, part)
                is_needed = any(path == one or path in one.parents or one in path.parents for one in kept)
                if not is_needed and (is_all or kind != "item_log") and not path.name.startswith(LIST_PREFIX):
                    found.append(Copy(kind=kind, path=path))
    found += superseded_checkpoints(session, installation, row.id)
    return found + _letters(session, installation, row, now, is_all=is_all)


def _kind_of(path: Path, part: Path) -> str:
    if path.name.startswith(".") and not path.name.endswith(".checkpoint"):
        return "half_written"
    if path.name.endswith(".checkpoint"):
        return "training_checkpoint"
    return _KINDS.get(part.name) or _KINDS.get(path.name) or "other"


def _kept(session: Session, installation: Installation, row: TicketRow) -> set[Path]:
    """Return the folders of weights in use: by the registry's word, or as the adapter that the newest attempt handed over."""
    kept = {installation.home.resolved(registered.location) for registered in registry.all_models(session) if registered.status in _IN_USE}
    unlearned = newest_record(session, row.id, Unlearned)
    if unlearned is not None and unlearned.kind == "adapter" and row.outcome in ERASED:
        kept.add(installation.home.artefacts_of(row.id, unlearned.attempt) / "adapter")
    return kept


def _letters(session: Session, installation: Installation, row: TicketRow, now: datetime, *, is_all: bool) -> list[Copy]:
    """Return the ticket's letters in the outbox folder whose time is over: until then somebody may have yet to post them."""
    there = {path.name for path in installation.home.outbox.iterdir()} if installation.home.outbox.is_dir() else set()
    if not there:
        return []
    oldest = now - timedelta(days=installation.policy.outbox_days)
    return [
        Copy(kind="letter", path=installation.home.outbox / f"{notice.id}{suffix}")
        for notice in notices_of(session, row.id)
        if is_all or (notice.sent_at is not None and notice.sent_at < oldest)
        for suffix in _LETTER_FILES
        if f"{notice.id}{suffix}" in there
    ]
