"""Attacks on one ticket's events: edited, dropped, moved, invented, of others, in an unlawful order. Step 9."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import digest_of
from rtbf.evidence.ledger import leaf_hash
from rtbf.report.bundle import EVENTS_NAME, proof_name
from tests import builders, bundles
from tests.attacks.heads import FIRST
from tests.attacks.record import COPY, OPERATOR, Attack, Laid, around, bundle, good, laid, replaced, small, tale, without
from tests.bundles import OTHER_TICKET, SERVICE, Told, leaves_of, move, packed, sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _lines() -> list[bytes]:
    return good()[EVENTS_NAME].splitlines(keepends=True)


def _with_lines(lines: Sequence[bytes]) -> Laid:
    return laid(replaced(EVENTS_NAME, b"".join(lines)))


def _lived(change: Callable[[list[Told]], list[Told]], **more: Any) -> Laid:
    """Return the bundle of a ledger whose story was another one, signed all over by the operator."""
    return laid(bundle(before=change(tale()), **more))


def _place(told: Sequence[Told], kind: str) -> int:
    return next(place for place, event in enumerate(told) if event.type == kind)


def _moved(told: list[Told], kind: str, behind: str) -> list[Told]:
    """Return the story with the first event of one kind told right behind that of another."""
    event = told.pop(_place(told, kind))
    return [*told[: _place(told, behind) + 1], event, *told[_place(told, behind) + 1 :]]


def _changed(told: list[Told], kind: str, **data: Any) -> list[Told]:
    return [replace(event, data={**event.data, **data}) if event.type == kind else event for event in told]


def _dropped() -> Laid:
    """The third event and its proof taken out of the bundle."""
    lines = _lines()
    return laid(replaced(EVENTS_NAME, b"".join([*lines[:2], *lines[3:]]), without(proof_name(4))))


def _inserted() -> Laid:
    """An approval that never was, told as the ticket's last event before the start."""
    told = tale()
    forged = leaves_of([*told[:8], replace(told[8], actor="act_second"), *told[8:]])[8]
    return _with_lines([*_lines()[:6], forged + b"\n", *_lines()[6:]])


def _measured_first(told: list[Told]) -> list[Told]:
    """Freeze another plan, measure, and only then freeze the report's plan with the thresholds that fit."""
    frozen = _place(told, "plan.frozen")
    approval = told.pop(_place(told, "approval.given"))
    late = [
        replace(told[frozen], time="2026-03-01T16:00:00.000Z", data={**told[frozen].data, "attempt": 2}),
        replace(approval, time="2026-03-01T16:05:00.000Z"),
    ]
    early = _changed(told[: frozen + 1], "plan.frozen", record=builders.sha(77))
    back = move("verdict.replanned", "2026-03-01T15:30:00.000Z", "verifying", "planning")
    return [*early, *told[frozen + 1 :], back, *late]


def _verdict_told(told: list[Told]) -> list[Told]:
    issued = {"record": digest_of(small().verification), "verdict": "FAIL", "class": "none"}
    return [*told, Told(type="report.issued", time="2026-03-01T16:00:00.000Z", data=issued)]


def _refused(told: list[Told]) -> list[Told]:
    place = _place(told, "approval.given")
    said = {"plan": digest_of(small().plan), "approved": False, "signed_by": None}
    no = Told(type="approval.refused", time="2026-03-01T08:00:00.000Z", actor="act_second", data=said)
    return [*told[:place], no, *told[place:]]


def _short_trail() -> Laid:
    own = [leaf for leaf, event in zip(leaves_of(tale()), tale(), strict=True) if event.ticket == builders.TICKET_ID]
    return laid(bundle(before=[*tale(), Told(type="item.withheld", time="2026-03-01T16:00:00.000Z")],
                               trail={"events": len(own), "last_hash": leaf_hash(own[-1])}))  # fmt: skip


def _received_anew() -> Laid:
    """The operator threw the ticket away and received it anew; the requester kept the receipt of the first time."""
    kept = bundles.receipt(tale())
    later = [replace(event, time="2026-02-25T09:30:00.000Z") if event.type == "ticket.received" else event for event in tale()]
    return laid(bundle(before=later), receipt=kept)


ATTACKS = (
    Attack(name="event-edited", numbers=(10,), holds="the database", done="an event's actor changed", step="events",
           make=lambda: _with_lines([line.replace(b"act_planner", b"act_plannex") for line in _lines()])),
    Attack(name="event-dropped", numbers=(10, 13), holds=COPY, done="an inconvenient event and its proof left out", step="events",
           make=_dropped),
    Attack(name="events-reordered", numbers=(10,), holds=COPY, done="two events in each other's place", step="events",
           make=lambda: _with_lines([*_lines()[:4], _lines()[5], _lines()[4], *_lines()[6:]])),
    Attack(name="event-inserted", numbers=(10,), holds="the database", done="an approval that never was, written into the story",
           step="events", make=_inserted),
    Attack(name="event-twice", numbers=(10,), holds=COPY, done="one event told twice", step="events",
           make=lambda: _with_lines([*_lines()[:4], _lines()[3], *_lines()[4:]])),
    Attack(name="event-of-another-ticket", numbers=(8,), holds=COPY, done="an event of another ticket among this one's", step="events",
           make=lambda: _with_lines([*_lines()[:2], leaves_of(tale())[3] + b"\n", *_lines()[2:]])),
    Attack(name="events-of-another-ticket", numbers=(8,), holds=COPY, done="the report of one ticket with the events of another",
           step="events",
           make=lambda: laid(around(good(), packed(
               [*tale(), sealing(small(), good()["report.dsse.json"], None, None)], FIRST, OTHER_TICKET)))),
    Attack(name="event-of-another-ledger", numbers=(8,), holds=OPERATOR, done="an event that names another installation's ledger",
           step="events", make=lambda: _lived(lambda told: [*told[:2], replace(told[2], log="rtbf/fedcba9876543210"), *told[3:]])),
    Attack(name="events-with-carriage-returns", numbers=(5,), holds=COPY, done="events with CR LF at the end of lines", step="events",
           make=lambda: _with_lines([line.replace(b"\n", b"\r\n") for line in _lines()])),
    Attack(name="events-without-last-line-end", numbers=(5,), holds=COPY, done="the last line's end cut off", step="events",
           make=lambda: _with_lines([*_lines()[:-1], _lines()[-1][:-1]])),
    Attack(name="events-empty", numbers=(13,), holds=COPY, done="an empty file of events", step="events", make=lambda: _with_lines([])),
    Attack(name="event-reformatted", numbers=(5,), holds=COPY, done="an event written with a space more", step="events",
           make=lambda: _with_lines([_lines()[0].replace(b'{"actor":', b'{"actor": '), *_lines()[1:]])),
    Attack(name="proof-missing", numbers=(10,), holds=COPY, done="an event's proof left out", step="events",
           make=lambda: laid(without(proof_name(2)))),
    Attack(name="proofs-missing", numbers=(10,), holds=COPY, done="all the events' proofs left out", step="events",
           make=lambda: laid({name: content for name, content in good().items() if not name.startswith("proofs/")})),
    Attack(name="proof-of-another-event", numbers=(10,), holds=COPY, done="one event's proof under another's name", step="events",
           make=lambda: laid(replaced(proof_name(2), good()[proof_name(4)]))),
    Attack(name="proof-more", numbers=(10,), holds=COPY, done="a proof of a leaf that is no event of the bundle", step="events",
           make=lambda: laid(replaced(proof_name(3), good()[proof_name(4)]))),
    Attack(name="plan-frozen-after-measuring", numbers=(15,), holds=OPERATOR, done="thresholds fixed when the results were known",
           step="events", make=lambda: _lived(_measured_first)),
    Attack(name="plan-never-frozen", numbers=(15,), holds=OPERATOR, done="work on a plan that the ledger does not know", step="events",
           make=lambda: _lived(lambda told: _changed(told, "plan.frozen", record=builders.sha(77)))),
    Attack(name="attempt-renumbered", numbers=(16,), holds=OPERATOR, done="a plan frozen for one attempt, its report called another's",
           step="events", make=lambda: _lived(lambda told: _changed(told, "plan.frozen", attempt=2))),
    Attack(name="approval-told-after-the-start", holds=OPERATOR, done="an approval dated before the start, written down after it",
           step="events", make=lambda: _lived(lambda told: _moved(told, "approval.given", "unlearning.started"))),
    Attack(name="approval-never-told", holds=OPERATOR, done="an approval that the ledger does not have", step="events",
           make=lambda: _lived(lambda told: [event for event in told if event.type != "approval.given"])),
    Attack(name="refusal-kept-quiet", numbers=(13,), holds=OPERATOR, done="a second approver's refusal left out of the report",
           step="events", make=lambda: _lived(_refused)),
    Attack(name="walk-unlawful", numbers=(10,), holds=OPERATOR, done="a ticket that went on without its search", step="events",
           make=lambda: _lived(lambda told: [event for event in told if event.type != "footprint.completed"])),
    Attack(name="other-weights-told", numbers=(7, 10), holds=OPERATOR, done="a report about other weights than the ledger names",
           step="events", make=lambda: _lived(lambda told: _changed(told, "unlearning.finished", artefact=builders.sha(77)))),
    Attack(name="other-verdict-told", numbers=(6,), holds=OPERATOR, done="another verdict in the report than in the ledger",
           step="events", make=lambda: _lived(_verdict_told)),
    Attack(name="event-not-counted", numbers=(13,), holds=OPERATOR, done="a report that stops counting before its own tree's last event",
           step="events", make=_short_trail),
    Attack(name="submitter-changed", numbers=(10,), holds=OPERATOR, done="a ticket received from somebody else than the report says",
           step="events", make=lambda: _lived(lambda told: [told[0], replace(told[1], actor=SERVICE), *told[2:]])),
    Attack(name="dated-before-its-events", numbers=(9,), holds=OPERATOR,
           done="a report dated back, before work that the ledger tells of", step="events",
           make=lambda: laid(bundle(small(issued_at="2026-03-01T10:00:00.000Z", clock=builders.clock_part(as_of_on="2026-03-01"))))),
    Attack(name="ticket-received-anew", numbers=(14,), holds=OPERATOR, done="a ticket dropped after intake and received anew, later",
           step="events", make=_received_anew),
    Attack(name="receipt-of-another-ticket", numbers=(14,), holds=OPERATOR, done="another requester's receipt",
           step="events", make=lambda: laid(good(), receipt=bundles.receipt(tale(), idx=3))),
)  # fmt: skip
