"""Step 10: the ledger names exactly the files at hand. Envelope, PDF and token are those of the event `report.sealed`.

A token that came later is named by a later `report.stamped`. A report that the ledger says was superseded is still what it
was; that it was superseded is said loudly. Does not show a superseding report that was made after the bundle.
Source: evidence.md §4 step 8; attacks 16 to 18 and 21 of its §5.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rtbf.report.approvals import exact_instant
from rtbf.report.bundle import PDF_NAME, TOKEN_NAME
from rtbf.report.check.handed import Misfit, Seen
from rtbf.report.check.moment import LATE, TOLERANCE
from rtbf.report.check.versions import InTreeBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtbf.report.check.event_lines import Event
    from rtbf.report.check.handed import Found, Handed
    from rtbf.report.check.versions import InTree

EXPECTED = "the files that the ledger names"
SEALED = "report.sealed"
STAMPED = "report.stamped"
_FIELDS = frozenset({"attempt", "report", "envelope", "pdf", "token", "supersedes"})


def check(handed: Handed, found: Found) -> Seen:
    """Compare the files with the sealing event; raises Misfit when one is another, missing, or not named."""
    body = found.body
    if handed.bundle is None or not isinstance(body, InTreeBody):
        return Seen(is_decided=False, detail="not at hand: the bundle has the event that names the files")
    predicate = body.predicate
    sealed = _sealing_event(found.events, predicate)
    _require_place(sealed, found.events, predicate)
    envelope = _digest(handed.envelope)
    if sealed.data["envelope"] != envelope:
        raise Misfit("an envelope that is not the one that was sealed", "the digest in the event")
    _require_named(handed.bundle, PDF_NAME, {sealed.data["pdf"]} - {None})
    _require_token(handed.bundle, sealed, found)
    if handed.pdf is not None and _digest(handed.pdf) != sealed.data["pdf"]:
        raise Misfit("a PDF that is not the one that was sealed", "the digest in the event")
    found.superseded_by = _superseded_by(found.events, sealed, predicate.report.report_id)
    _remark_on_rivals(sealed, found)
    days = (exact_instant(sealed.time) - exact_instant(predicate.report.issued_at)).days
    if days >= LATE.days:
        found.remarks.append(f"the ledger sealed the report {days} day(s) after its stated time of issue: nothing shows that it is older")
    names = ", ".join(["envelope", *(word for word, name in (("PDF", PDF_NAME), ("time-stamp", TOKEN_NAME)) if name in handed.bundle)])
    return Seen(is_decided=True, detail=f"event {sealed.seq} names {names} by digest")


def _sealing_event(events: tuple[Event, ...], predicate: InTree) -> Event:
    report = predicate.report
    found = [event for event in events if event.type == SEALED and event.data.get("report") == report.report_id]
    if len(found) != 1:
        raise Misfit(f"{len(found)} events that seal this report", "exactly one")
    (sealed,) = found
    is_text = all(sealed.data.get(name) is None or isinstance(sealed.data[name], str) for name in _FIELDS - {"attempt"})
    if set(sealed.data) != _FIELDS or not is_text or not _is_number(sealed.data["attempt"], report.attempt):
        raise Misfit("an event that seals this report otherwise than it is", f"this attempt, and {', '.join(sorted(_FIELDS))}")
    earlier = None if predicate.supersedes is None else predicate.supersedes.report_id
    if sealed.data["supersedes"] != earlier:
        raise Misfit("a report and its sealing that name different reports as superseded", "one word on both")
    return sealed


def _require_place(sealed: Event, events: tuple[Event, ...], predicate: InTree) -> None:
    """The report lies between its own tree head and its sealing, and supersedes the last one sealed on its attempt, if there is one.

    So nobody measures again until it fits and hands out the result as if it were the first.
    """
    if sealed.idx < predicate.trail.tree_size:
        raise Misfit("a report sealed before the tree head that it names", "the report's head first")
    if exact_instant(sealed.time) < exact_instant(predicate.report.issued_at) - TOLERANCE:
        raise Misfit("a report dated forward: sealed before the time at which it says it was issued", "issue before sealing")
    before = [event.data for event in events if event.type == SEALED and event.seq < sealed.seq]
    standing = [(told.get("report"), told.get("envelope")) for told in before if told.get("attempt") == predicate.report.attempt][-1:]
    earlier = predicate.supersedes
    if earlier is None and standing:
        raise Misfit("a second report on one attempt that does not say which it supersedes", "the report sealed before it, named by both")
    if earlier is not None and standing != [(earlier.report_id, earlier.envelope_sha256)]:
        raise Misfit("a report that supersedes another than the ledger sealed last on its attempt", "the report sealed before this one")


def _require_named(bundle: Mapping[str, bytes], name: str, digests: set[str]) -> None:
    if name in bundle and _digest(bundle[name]) not in digests:
        raise Misfit(f"a {name} that the ledger does not name", "the digest in the event")
    if name not in bundle and digests:
        raise Misfit(f"no {name}, though the ledger names one", "a whole bundle")


def _require_token(bundle: Mapping[str, bytes], sealed: Event, found: Found) -> None:
    """The token at hand is the sealed one, or one that a later event names; such an event may name a token that nobody has."""
    at_sealing = {sealed.data["token"]} - {None}
    later = {
        str(event.data.get("token"))
        for event in found.events[sealed.seq :]
        if event.type == STAMPED and event.data.get("report") == sealed.data["report"]
    }
    if TOKEN_NAME in bundle or at_sealing:
        _require_named(bundle, TOKEN_NAME, at_sealing | later)
    elif later:
        found.remarks.append("the ledger names a time-stamp that came later and is not in this bundle")


def _superseded_by(events: tuple[Event, ...], sealed: Event, report_id: str) -> str | None:
    """Return the last report of the chain that stands in for this one, None when none does."""
    standing = report_id
    for event in events[sealed.seq :]:
        if event.type == SEALED and event.data.get("supersedes") == standing:
            standing = str(event.data.get("report"))
    return None if standing == report_id else standing


def _is_number(value: object, number: int) -> bool:
    """Return whether a JSON value is this number; true is 1 to Python and not to JSON."""
    return type(value) is int and value == number


def _remark_on_rivals(sealed: Event, found: Found) -> None:
    """Say when a later report on this attempt names none as superseded: it is refused itself, and is no fault of this one."""
    later = [event.data for event in found.events[sealed.seq :] if event.type == SEALED]
    rivals = sum(told.get("attempt") == sealed.data["attempt"] and told.get("supersedes") is None for told in later)
    if rivals:
        found.remarks.append(f"the ledger names {rivals} more report(s) on this attempt that do not say which they supersede")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
