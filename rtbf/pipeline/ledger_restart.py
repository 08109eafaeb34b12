"""Begin the ledger anew after a real loss, so that everybody sees the break: another name, an event, a new head.

Only when the signer refuses: a ledger that goes on is not broken off. Asked again after a kill, or once the root has signed
the trust file, it goes on where it stopped. What was lost stays lost; its last head stays in the exports and in the event.
Source: ADR 0015; evidence-trials on lost log keys and restored backups.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, LedgerForked, RecordBroken
from rtbf.evidence.head_exports import exported_sizes, read_exported
from rtbf.evidence.log_name import next_name
from rtbf.evidence.log_signer import adopt_tree, require_signable
from rtbf.evidence.log_state import read_state
from rtbf.evidence.strict_base64 import base64_text
from rtbf.evidence.tree_head import TreeHead, head_in
from rtbf.evidence.trust_change import with_log
from rtbf.pipeline.ledger import seal_ledger, seen_tree, sequence_events, signer_places, stored_head
from rtbf.pipeline.trust import change_trust
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event
from rtbf.store.tree_heads import head_note, sizes_of_heads

if TYPE_CHECKING:
    from rtbf.evidence.trust_file import Trust
    from rtbf.installation import Installation
    from rtbf.pipeline.ledger import SealedHead

REASONS = ("backup_restored", "state_lost", "history_changed")
"""Why a ledger cannot go on: an older database, no memory of what was signed, or other events than those that were signed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestartedLog:
    """The new name, the last head under the old one, and the first under the new one; `sealed` is None while the root must sign."""

    origin: str
    lost: TreeHead
    sealed: SealedHead | None


def restart_log(installation: Installation, reason: str, actor: str) -> RestartedLog:
    """Go on under the next name, with an event that names the last head under the old one; sign the first head under it.

    Raises BadInput for an unknown reason, and when the ledger can go on as it is or nobody has a head of it; LedgerForked or
    LedgerBroken when the database's own tree does not hold. Without the root's key at hand the trust file waits for it.
    """
    if reason not in REASONS:
        raise BadInput(found="an unknown reason", expected=f"one of {', '.join(REASONS)}", remedy="name the one that fits")
    before, origin = _names(installation)
    lost = _last_head(installation, before)
    log_keys = installation.trust.logs[-1].key_ids

    def renamed(trust: Trust) -> Trust:
        if any(log.origin == origin for log in trust.logs):
            return trust
        return with_log(trust, origin, log_keys[-1], continues=before)

    if change_trust(installation, renamed).is_waiting:
        return RestartedLog(origin=origin, lost=lost, sealed=None)
    now = installation.clock()
    with installation.transaction() as session:
        told = {"origin_before": before, "size_before": lost.size, "root_before": base64_text(lost.root), "reason": reason}
        append_event(session, ticket_id=None, event_type="log.restarted", actor_id=actor_id_for(session, actor, now), data=told, now=now)
    sequence_events(installation)
    adopt_tree(signer_places(installation), origin=origin, tree=lambda: seen_tree(installation, origin))
    return RestartedLog(origin=origin, lost=lost, sealed=seal_ledger(installation))


def _names(installation: Installation) -> tuple[str, str]:
    """Return the name that is given up and the next one; a restart that was begun is ended, and not begun again."""
    current = installation.trust.logs[-1]
    if current.continues is not None and not _is_used(installation, current.origin):
        return current.continues, current.origin
    places = signer_places(installation)
    with contextlib.suppress(LedgerForked, RecordBroken):
        require_signable(places, origin=current.origin, tree=lambda: seen_tree(installation, current.origin))
        raise BadInput(
            found="a ledger that goes on from what was signed",
            expected="one that the signer refuses",
            remedy="sign it: `rtbf log head --sign`; nothing was changed",
        )
    return current.origin, next_name(current.origin)


def _is_used(installation: Installation, origin: str) -> bool:
    """Return whether a head under that name exists anywhere."""
    with installation.transaction() as session:
        largest, _ = sizes_of_heads(session, origin)
    return largest is not None or bool(exported_sizes(installation.log_exports, origin))


def _last_head(installation: Installation, origin: str) -> TreeHead:
    """Return the largest head under that name, wherever it is kept; raises BadInput when nobody has one."""
    found: list[TreeHead] = []
    with contextlib.suppress(RecordBroken):
        state = read_state(installation.log_state)
        if state is not None and state.origin == origin:
            found.append(TreeHead(origin=origin, size=state.size, root=state.root))
    with installation.transaction() as session:
        largest, _ = sizes_of_heads(session, origin)
        note = None if largest is None else head_note(session, origin, largest)
    if note is not None:
        found.append(stored_head(note))
    for size in exported_sizes(installation.log_exports, origin)[::-1]:
        # A kill may have cut the newest file short, and a stranger may have laid one there.
        with contextlib.suppress(ValueError):
            found.append(head_in(read_exported(installation.log_exports, origin, size)))
            break
    if not found:
        raise BadInput(
            found=f"no head under the name '{origin}'", expected="a signed ledger", remedy="sign it first: `rtbf log head --sign`"
        )
    return max(found, key=lambda head: head.size)
