"""Step 9: the ticket's events. Whole, in the tree, in lawful order, telling what the report tells, beginning with the receipt."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.canonical import canonical_bytes
from rtbf.report.check.event_lines import MAX_EVENT_BYTES
from rtbf.report.check.event_order import LAWFUL
from rtbf.report.check.run import check_bundle, check_receipt, check_report
from rtbf.ticket.lifecycle import MOVES
from tests import builders, bundles
from tests.bundles import Told, Tree, leaves_of, move, signed_head, story

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.report.check.outcome import CheckOutcome

GOOD = bundles.good_bundle()
TRUST = bundles.trust_bytes()
LINES = GOOD["events.jsonl"].split(b"\n")[:-1]


def step(outcome: CheckOutcome) -> tuple[str, str]:
    return outcome.status, "" if outcome.refusal is None else outcome.refusal.step


def refused(files: dict[str, bytes], **asked: Any) -> str:
    """Return what step 9 says of a bundle that it refuses."""
    outcome = check_bundle(files, TRUST, **asked)
    assert step(outcome) == ("bad", "events"), outcome.refusal
    return outcome.steps[8].detail


def with_lines(lines: list[bytes]) -> dict[str, bytes]:
    return {**GOOD, "events.jsonl": b"".join(line + b"\n" for line in lines)}


def told(change: Callable[[list[Told]], list[Told]]) -> str:
    """Return what is said of a ledger that was kept so from the start, every signature in it good."""
    return refused(bundles.bundle(before=change(story())))


def without(kind: str) -> Callable[[list[Told]], list[Told]]:
    return lambda events: [event for event in events if event.type != kind]


def other(kind: str, **changes: Any) -> Callable[[list[Told]], list[Told]]:
    """Return a change of one kind of event: of its own fields, or with `data` of some of its data's."""

    def change(events: list[Told]) -> list[Told]:
        of_data = changes.pop("data", {})
        return [
            replace(event, **changes, data={**event.data, **of_data})
            if event.type == kind and event.ticket == builders.TICKET_ID
            else event
            for event in events
        ]

    return change


def test_the_whole_chain_holds() -> None:
    outcome = check_bundle(GOOD, TRUST)

    assert outcome.status == "ok"
    assert outcome.steps[8].detail == "9 up to the report and 1 after it, each in the tree"


def _edited(line: bytes, **changes: Any) -> bytes:
    return canonical_bytes({**json.loads(line), **changes})


@pytest.mark.parametrize(
    "lines",
    [
        [*LINES[:4], *LINES[5:]],
        LINES[1:],
        [LINES[1], LINES[0], *LINES[2:]],
        [*LINES, LINES[-1]],
        [_edited(LINES[0], actor={"id": "act_other"}), *LINES[1:]],
        [*LINES[:-1], _edited(LINES[-1], time="2026-03-02T12:00:02.000Z")],
        [*LINES[:-1], _edited(LINES[-1], idx=11)],
        [*LINES[:-1], _edited(LINES[-1], tseq=11)],
        [*LINES[:-1], _edited(LINES[-1], ticket="tkt_01other")],
        [*LINES[:-1], _edited(LINES[-1], log="rtbf/another")],
        [*LINES[:-1], _edited(LINES[-1], nonce="0" * 32)],
    ],
)
def test_an_event_edited_left_out_moved_or_repeated_is_refused(lines: list[bytes]) -> None:
    refused(with_lines(lines))


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b'{"a":NaN}', b"[" * 5000, b'{"a":1,"a":1}', b"x" * (MAX_EVENT_BYTES + 1),
        LINES[0].replace(b'"v":1', b'"v":2'), LINES[0].replace(b'"v":1', b'"v":true'), LINES[0].replace(b'"v":1', b'"v":1.0'),
        LINES[0].replace(b'"tseq":1', b'"tseq":0'), LINES[0].replace(b'"idx":1', b'"idx":-1'), LINES[0].replace(b'"idx":1', b'"idx":"1"'),
        LINES[0].replace(b'"data":{', b'"data":{"x":0.5,'), LINES[0].replace(b',"', b', "', 1), LINES[0] + b" ", LINES[0] + b"\r",
        _edited(LINES[0], actor="act_submitter"), _edited(LINES[0], actor={"id": 1}), _edited(LINES[0], actor={"id": "a", "name": "b"}),
        _edited(LINES[0], data=[]), _edited(LINES[0], tprev="00" * 32), _edited(LINES[0], type="Received"), _edited(LINES[0], nonce=""),
        _edited(LINES[0], time="2026-02-20"), _edited(LINES[0], time="2026-02-20T09:30:00+00:00"), _edited(LINES[0], note="x"),
        _edited(LINES[0], ticket=None),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    said = refused(with_lines([line, *LINES[1:]]))

    assert "line 1" in said


@pytest.mark.parametrize("raw", [b"", b"\n", GOOD["events.jsonl"][:-1], GOOD["events.jsonl"] + b"\n", b"\n" * 30_000])
def test_a_file_of_events_that_is_none_is_refused(raw: bytes) -> None:
    refused({**GOOD, "events.jsonl": raw})


def test_a_wrong_or_missing_inclusion_proof_is_refused() -> None:
    name, proof = "proofs/4.tlog-proof", GOOD["proofs/4.tlog-proof"]
    lines = proof.split(b"\n")
    older = bundles.packed(story(), 5)["proofs/4.tlog-proof"]
    bad = [
        {other: content for other, content in GOOD.items() if other != name},
        {**GOOD, "proofs/3.tlog-proof": proof},
        {**GOOD, name: GOOD["proofs/5.tlog-proof"]},
        {**GOOD, name: proof.replace(b"index 4", b"index 5")},
        {**GOOD, name: proof.replace(b"index 4", b"index 04")},
        {**GOOD, name: b"\n".join([*lines[:2], *lines[3:]])},
        {**GOOD, name: b"\n".join([*lines[:2], lines[2], *lines[2:]])},
        # A good proof, and a good head of the same ledger, but not the bundle's.
        {**GOOD, name: older},
        {**GOOD, name: b""},
        {**GOOD, name: b"\xff"},
        {**GOOD, name: proof + b"\n"},
        {**GOOD, name: proof[:-1]},
    ]

    assert ["proof" in refused(files) for files in bad] == [True] * len(bad)


def test_a_report_that_counts_other_events_than_its_ledger_had_is_refused() -> None:
    """Counting one too few would hide the last; one too many would take in what came later."""
    for lie in ({"events": 8}, {"events": 10}, {"last_hash": "cd" * 32}, {"events": 1}, {"tree_size": 13, "events": 13}):
        outcome = check_bundle(bundles.bundle(trail=lie), TRUST)

        assert outcome.status == "bad"
        assert step(outcome)[1] in {"events", "heads"}


def test_an_event_before_the_reports_head_that_it_does_not_count_is_refused() -> None:
    """The last event is hidden: count and last hash are those of the one before it, and only the head's size tells."""
    hidden = [*story(), Told(type="approval.refused", time="2026-03-01T16:00:00.000Z", data={"plan": builders.sha(1)})]
    last = bundles.leaf_hash(bundles.leaves_of(hidden)[-2])

    said = refused(bundles.bundle(before=hidden, trail={"events": 9, "last_hash": last}))

    assert "counts other events" in said


def test_an_unknown_kind_of_event_may_stand_anywhere() -> None:
    # A letter goes to somebody, and that moves nothing.
    franked = Told(type="letter.franked", time="2026-02-20T09:40:00.000Z", data={"to": "sha256:00"})
    noted = [*story()[:3], franked, *story()[3:]]

    outcome = check_bundle(bundles.bundle(before=noted), TRUST)

    assert outcome.status == "ok"


def test_a_new_start_after_a_plan_was_overtaken_is_lawful() -> None:
    def overtaken(events: list[Told]) -> list[Told]:
        place = next(number for number, event in enumerate(events) if event.type == "plan.frozen")
        first = replace(events[place], data={**events[place].data, "record": builders.sha(70)})
        again = move("plan.superseded", "2026-02-28T10:05:00.000Z", "awaiting_approval", "planning")
        return [*events[:place], first, again, *events[place:]]

    outcome = check_bundle(bundles.bundle(before=overtaken(story())), TRUST)

    assert outcome.status == "ok"


def test_a_later_failed_or_closed_ticket_stays_lawful() -> None:
    after = [
        move("verdict.replanned", "2026-03-03T09:00:00.000Z", "verifying", "planning"),
        move("ticket.closed", "2026-03-04T09:00:00.000Z", "planning", "closed", outcome="partially_fulfilled"),
        move("ticket.reopened", "2026-03-05T09:00:00.000Z", "closed", "locating"),
    ]

    outcome = check_bundle(bundles.bundle(after=after), TRUST)

    assert outcome.status == "ok"


def swapped(first: str, second: str) -> Callable[[list[Told]], list[Told]]:
    def swap(events: list[Told]) -> list[Told]:
        kinds = [event.type for event in events]
        one, two = kinds.index(first), kinds.index(second)
        changed = list(events)
        changed[one], changed[two] = events[two], events[one]
        return changed

    return swap


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (without("plan.frozen"), "no lawful move"),
        (without("unlearning.started"), "no lawful move"),
        (without("unlearning.finished"), "no end of unlearning"),
        (without("footprint.completed"), "no lawful move"),
        (without("approval.given"), "other decisions"),
        (swapped("plan.frozen", "unlearning.started"), "no lawful move"),
        (swapped("approval.given", "unlearning.started"), "out of order"),
        (swapped("plan.frozen", "approval.given"), "out of order"),
        (swapped("unlearning.started", "unlearning.finished"), "no lawful move"),
        (other("plan.frozen", data={"record": builders.sha(71)}), "no event that froze"),
        (other("plan.frozen", data={"attempt": 2}), "no event that froze"),
        (other("ticket.received", data={"record": builders.sha(72)}), "received otherwise"),
        (other("ticket.received", actor="act_other"), "received otherwise"),
        (other("footprint.completed", data={"record": builders.sha(73)}), "no event of the report's footprint"),
        (other("unlearning.started", time="2026-03-01T08:30:00.000Z"), "another time"),
        (other("unlearning.finished", data={"record": builders.sha(74)}), "another result"),
        (other("unlearning.finished", data={"artefact": builders.sha(75)}), "another result"),
        (other("approval.given", actor="act_other"), "other decisions"),
        (other("approval.given", time="2026-03-01T08:16:00.000Z"), "other decisions"),
        (other("approval.given", data={"signed_by": None}), "other decisions"),
        (other("approval.given", data={"plan": builders.sha(76)}), "other decisions"),
        (other("approval.given", type="approval.refused"), "other decisions"),
        (other("plan.frozen", data={"from": "received"}), "no lawful move"),
        (other("plan.frozen", data={"to": "unlearning"}), "no lawful move"),
        (other("identity.established", data={"from": 7, "to": []}), "no lawful move"),
        (lambda events: [events[2], events[1], *events[3:]], "begin with its receipt"),
        (lambda events: [*events, replace(events[1], time="2026-03-02T11:00:00.000Z")], "received twice"),
        (lambda events: [*events, Told(type="plan.frozen", time="2026-03-02T11:00:00.000Z")], "no lawful move"),
        (lambda events: [*events, Told(type="letter.franked", time=builders.ISSUED_AT, data={"from": "verifying"})], "no lawful move"),
        (
            lambda events: [
                *events,
                Told(type="report.issued", time="2026-03-02T11:00:00.000Z", data={
                    "record": builders.digest_of(builders.case().verification), "verdict": "FAIL", "class": "none",
                }),
            ],
            "another verdict",
        ),
    ],
)  # fmt: skip
def test_a_ledger_that_tells_another_story_than_the_report_is_refused(change: Any, found: str) -> None:
    said = told(change)

    assert found in said


def test_thresholds_loosened_after_measuring_are_refused() -> None:
    """The margins stand in the plan, and the plan that was frozen before the start is another one."""

    def frozen_late(events: list[Told]) -> list[Told]:
        kinds = [event.type for event in events]
        frozen = events[kinds.index("plan.frozen")]
        strict = replace(frozen, data={**frozen.data, "record": builders.sha(77)})
        late = [
            move("verdict.replanned", "2026-03-02T10:00:00.000Z", "verifying", "planning"),
            replace(frozen, time="2026-03-02T10:01:00.000Z"),
        ]
        return [*(strict if event is frozen else event for event in events), *late]

    said = told(frozen_late)

    assert "a start of unlearning at another time" in said


def test_a_decision_on_the_plan_that_the_report_leaves_out_is_refused() -> None:
    """Somebody said no."""
    plan = builders.digest_of(builders.case().plan)

    def somebody_said_no(events: list[Told]) -> list[Told]:
        no = Told(type="approval.refused", time="2026-03-01T08:20:00.000Z", actor="act_no", data={"plan": plan, "signed_by": None})
        place = [event.type for event in events].index("approval.given")
        return [*events[: place + 1], no, *events[place + 1 :]]

    said = told(somebody_said_no)

    assert "other decisions" in said


def test_an_event_of_another_ledger_is_refused() -> None:
    said = refused(bundles.bundle(after=[Told(type="notice.sent", time="2026-03-03T09:00:00.000Z", log="rtbf/another")]))

    assert "another ledger" in said


def test_the_table_of_lawful_moves_knows_every_move_of_today() -> None:
    """It may know more: what was lawful once stays in it."""
    today = {(made.event, made.source, made.target) for made in MOVES}
    known = {(event, source, target) for event, steps in LAWFUL.items() for source, target in steps}

    assert today <= known


@pytest.mark.parametrize("size", [2, 5, 12])
def test_a_receipt_of_this_ticket_is_confirmed(size: int) -> None:
    receipt = bundles.receipt(size=size)

    in_bundle, alone = check_bundle(GOOD, TRUST, receipt=receipt), check_report(GOOD["report.dsse.json"], TRUST, receipt=receipt)

    assert (in_bundle.status, alone.status) == ("ok", "ok")
    assert "the receipt is of the first of them" in in_bundle.steps[8].detail
    assert "of this report's ticket" in alone.steps[8].detail


def test_a_ticket_dropped_and_taken_in_again_is_noticed_by_its_receipt() -> None:
    """The operator lost an inconvenient start and tells the story anew, with every signature good."""
    receipt = bundles.receipt()
    anew = bundles.bundle(before=other("ticket.received", time="2026-02-27T09:30:00.000Z")(story()))

    said = refused(anew, receipt=receipt)

    assert "another event than the bundle begins with" in said


def test_a_receipt_of_another_ticket_is_refused() -> None:
    others = bundles.receipt(idx=3)

    said = refused(GOOD, receipt=others)
    alone = check_report(GOOD["report.dsse.json"], TRUST, receipt=others)

    assert "another ticket" in said
    assert step(alone) == ("bad", "events")


RECEIPT = bundles.receipt()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{}", b"[]", b"\xff", b"[" * 1000, RECEIPT[:-1], RECEIPT + b"x", RECEIPT.replace(b"receipt/1", b"receipt/2"),
        RECEIPT.replace(b'"idx\\":1', b'"idx\\":2'), RECEIPT.replace(b"index 1", b"index 2"), RECEIPT.replace(b"tkt_01test", b"tkt_02test"),
        bundles.receipt(idx=2), bundles.receipt(log_key=builders.signing_key()),
        canonical_bytes({**json.loads(RECEIPT), "leaf": 1}), canonical_bytes({**json.loads(RECEIPT), "proof": ""}),
        canonical_bytes({**json.loads(RECEIPT), "more": ""}), canonical_bytes({**json.loads(RECEIPT), "leaf": "\u0000"}),
    ],
)  # fmt: skip
def test_a_receipt_that_is_none_is_refused(raw: bytes) -> None:
    beside, by_itself = check_bundle(GOOD, TRUST, receipt=raw), check_receipt(raw, TRUST)

    assert step(beside) == ("bad", "events")
    assert by_itself.status == "bad"
    assert step(by_itself)[1] in {"form", "heads"}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_receipt_may_be_laid_out_anew(indent: int | None) -> None:
    """An API's answer has an order and line ends of its own; the leaf and the proof inside are what is checked."""
    parts = json.loads(RECEIPT)
    raw = json.dumps({name: parts[name] for name in ("schema", "leaf", "proof")}, indent=indent).encode() + b"\n"

    assert [check_bundle(GOOD, TRUST, receipt=raw).status, check_receipt(raw, TRUST).status] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("issued_at", "answer"),
    # The last event before the report is of 1 March, 15:00; clocks may differ by five minutes.
    [("2026-03-01T14:54:59.999Z", ("bad", "events")), ("2026-03-01T14:55:00.000Z", ("ok", ""))],
)
def test_a_report_dated_before_its_own_events_is_refused(issued_at: str, answer: tuple[str, str]) -> None:
    """The deadline was missed; a date before it is in the statement, and the ledger tells when the work was really done."""
    made = builders.case(issued_at=issued_at, clock=builders.clock_part(as_of_on="2026-03-01"))

    outcome = check_bundle(bundles.bundle(made), TRUST)

    assert (outcome.status, "" if outcome.refusal is None else outcome.refusal.step) == answer


def test_a_receipt_is_held_against_a_head_from_elsewhere() -> None:
    """A ticket that was dropped has no bundle: then the requester asks for the newest head, and for the proof from the receipt's."""
    grown, rewritten = Tree(leaves_of(story())), Tree(leaves_of([event for event in story() if event.ticket != builders.TICKET_ID]))
    kept, other = (signed_head(tree.head()).encode() for tree in (grown, rewritten))

    proven = check_receipt(RECEIPT, TRUST, head=kept, consistency=grown.consistency(5))
    unproven = check_receipt(RECEIPT, TRUST, head=kept)
    forged = check_receipt(bundles.receipt(size=3), TRUST, head=other, consistency=rewritten.consistency(3))

    assert [(outcome.status, outcome.refusal and outcome.refusal.step) for outcome in (proven, unproven, forged)] == [
        ("ok", None), ("cannot decide", "heads"), ("bad", "heads"),
    ]  # fmt: skip
    assert "your head of 12 leaves is of the same ledger" in proven.steps[7].detail


def test_a_receipt_by_itself_says_what_was_received() -> None:
    outcome = check_receipt(RECEIPT, TRUST)

    assert outcome.status == "ok"
    assert [each.name for each in outcome.steps if each.status == "ok"] == ["form", "trust", "heads", "events"]
    assert outcome.steps[8].detail == "ticket tkt_01test was received at 2026-02-20T09:30:00.000Z, leaf 1 of that tree"
    assert (outcome.verdict, outcome.envelope_sha256) == (None, None)
