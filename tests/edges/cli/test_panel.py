"""The ticket's page: who must act comes first, every command it names exists, and nothing is cut off or told that must not be."""

from __future__ import annotations

import dataclasses
import io
import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import pytest
from rich.console import Console

from rtbf.cli.main import root
from rtbf.cli.next_step import WAITS_FOR, next_step
from rtbf.cli.ticket_json import ticket_json
from rtbf.cli.ticket_panel import brief_panel, ticket_panel
from rtbf.evidence.canonical import digest_of
from rtbf.pipeline.dossier import Dossier, LetterSeen, read_dossier
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.residuals import NamedResidual
from rtbf.pipeline.standing import CheckStanding
from rtbf.plan.approval import ApprovalGiven
from rtbf.plan.decisions import count_decisions
from rtbf.ticket.deadline import ClockEvent, fold_clock
from rtbf.ticket.facts import Facts
from rtbf.ticket.intake import read_submission
from rtbf.ticket.lifecycle import REASONS
from rtbf.ticket.record import IdentifierMark
from rtbf.ticket.regime import load_regime
from rtbf.ticket.working_days import Calendar
from rtbf.ticket_view import TicketView
from tests import builders, results

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.plan.holds import Hold

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PLAN = builders.plan(quorum=2, grace_s=86_400)
DIGEST = digest_of(PLAN)
NAMES = {
    builders.SUBMITTER: "olga", builders.PLANNER: "max", builders.APPROVER: "dina", builders.DECIDER: "otto",
}  # fmt: skip


def view(**changes: Any) -> TicketView:
    ticket = builders.ticket(ticket_id="tkt_0123456789abcdef", external_ref="jira:PRIV-1042")
    made = TicketView(
        ticket=ticket, state="planning", reason="need_decision", outcome=None, attempt=0, version=3, created_at=NOW, closed_at=None,
        shred_due_at=None, shredded_at=None, wake_at=None, linked=(), identity_methods=("document_viewed",), footprint=builders.footprint(),
        decisions=None, plan=None, plan_digest=None, approvals=(), unlearned=None, verification=None, report=None,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def clock(*events: ClockEvent, received: str = "2026-02-20", holidays: str | None = None) -> Any:
    start = ClockEvent(kind="start", at=datetime.fromisoformat(received + "T09:00:00+00:00"))
    return fold_clock(load_regime("eu-gdpr"), Calendar(time_zone="UTC", holidays=holidays), [start, *events], NOW)


def dossier(*, facts: dict[str, Any] | None = None, seen: dict[str, Any] | None = None, **changes: Any) -> Dossier:
    """Return a dossier whose view has the fields of `seen` and whose facts are those of `facts`."""
    made = Dossier(
        view=view(**(seen or {})), facts=Facts(is_identified=True, **({"has_footprint": True, "has_hits": True} | (facts or {}))),
        clock=clock(), now=NOW, today=NOW.date(), level_needed="low", checks=(), footprint_digest=digest_of(builders.footprint()),
        undecided=(), counts=(), held={}, missing_approvals=None, grace_ends_at=None, is_quorum_live=False, letters=(), duties=(),
        residuals=(), names=NAMES, receipt=None, appeal_days=90,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def check(result: str, method: str = "email_code", level: str | None = None) -> CheckStanding:
    return CheckStanding(
        check_id="idc_1",
        method=method,
        doubt="unknown_sender",
        result=result,
        level=level,
        attempts=1,
        asked_at=NOW,
        expires_at=NOW + timedelta(hours=72),
    )


def approval(*, is_approval: bool = True, key_id: str | None = None, days: int = 14) -> ApprovalGiven:
    return ApprovalGiven(
        actor_id=builders.APPROVER, plan_digest=DIGEST, is_approval=is_approval, given_at=NOW - timedelta(days=1),
        expires_at=NOW + timedelta(days=days - 1), key_id=key_id,
    )  # fmt: skip


WITH_PLAN = {"state": "awaiting_approval", "plan": PLAN, "plan_digest": DIGEST, "decisions": builders.decisions()}
HELD: dict[str, Hold] = {"record:1": builders.hold(), "record:2": builders.hold()}
DECIDED = {"is_decided": True, "is_anything_erased": True}
VERIFIED = {**WITH_PLAN, "state": "verifying", "verification": builders.verification()}
CASES: dict[str, tuple[str, Dossier, str, str]] = {
    # name: reason, dossier, a word of who, a command that must be among those named
    "identity not shown": ("need_identity", dossier(seen={"state": "received"}), "officer", "rtbf identify tkt_0123456789abcdef record"),
    "identity asked": ("need_identity", dossier(checks=(check("open"),)), "person", "rtbf identify tkt_0123456789abcdef answer"),
    "identity over": (
        "need_identity",
        dossier(checks=(check("expired"),), facts={"is_identity_over": True}, seen={"state": "identifying"}),
        "officer",
        "rtbf decide tkt_0123456789abcdef --close unverified",
    ),
    "identity too weak": (
        "need_identity",
        dossier(checks=(check("passed", level="low"),), level_needed="high"),
        "officer",
        "rtbf identify",
    ),
    "undecided": (
        "need_decision",
        dossier(undecided=("record:1",)),
        "officer",
        "rtbf decide tkt_0123456789abcdef all --verdict erase --code CODE",
    ),
    "nothing found": (
        "need_decision",
        dossier(facts={"has_hits": False}),
        "second person",
        "rtbf notice send tkt_0123456789abcdef no_data",
    ),
    "all kept": ("need_decision", dossier(facts={"is_decided": True}), "second person", "rtbf decide tkt_0123456789abcdef --close refused"),
    "only in corpora": (
        "need_decision",
        dossier(facts=DECIDED),
        "second person",
        "rtbf decide tkt_0123456789abcdef --close partially_fulfilled",
    ),
    "no verdict good enough": ("need_decision", dossier(facts=DECIDED, seen=VERIFIED), "second person", "rtbf plan tkt_0123456789abcdef"),
    "rest not named": (
        "need_decision",
        dossier(facts={**DECIDED, "is_rest_named": False, "is_releasable": True, "verdict": "PASS"}, seen=VERIFIED),
        "second person",
        "rtbf residual list tkt_0123456789abcdef",
    ),
    "plan spent": ("need_plan", dossier(facts=DECIDED), "engineer", "rtbf plan tkt_0123456789abcdef"),
    "approvals missing": (
        "need_approval",
        dossier(seen=WITH_PLAN, missing_approvals=2),
        "neither",
        f"rtbf approve tkt_0123456789abcdef --digest {DIGEST}",
    ),
    "letter missing": ("need_notice", dossier(seen=VERIFIED), "officer", "rtbf notice send tkt_0123456789abcdef fulfilment"),
    "held": ("hold", dossier(facts=DECIDED, held=HELD), "hold", "rtbf hold release hld_01test"),
    "held plan": ("hold", dossier(facts=DECIDED, held=HELD, seen=WITH_PLAN), "hold", "rtbf hold list"),
    "grace": (
        "grace_period",
        dossier(seen=WITH_PLAN, missing_approvals=0, grace_ends_at=NOW + timedelta(hours=20)),
        "time",
        f"rtbf reject tkt_0123456789abcdef --digest {DIGEST}",
    ),
    "ready": ("awaiting_worker", dossier(seen={"state": "locating"}), "worker", "rtbf run tkt_0123456789abcdef"),
    "stopped": ("error", dossier(seen={"state": "unlearning"}), "operator", "rtbf log show tkt_0123456789abcdef"),
}


def in_reason(name: str) -> Dossier:
    reason, made, _, _ = CASES[name]
    return dataclasses.replace(made, view=dataclasses.replace(made.view, reason=reason))


def drawn(renderable: Any, width: int = 80) -> str:
    """Return what a terminal of `width` columns shows; what would be cut off there is cut off here."""
    file = io.StringIO()
    Console(file=file, width=width, highlight=False, markup=False).print(renderable)
    return file.getvalue()


def parsed(line: str) -> click.Context:
    """Parse a command line as a shell and the terminal would, without running it; raises click's UsageError when it is none."""
    choices = {"METHOD": "in_person", "DOUBT": "unknown_sender", "CODE": "NonNecessity", "KIND": "partial"}
    program, *words = shlex.split(line)
    assert program == "rtbf"
    arguments = [choices.get(word, word) for word in words]
    context, command = click.Context(root), root
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments[0])
        assert found is not None, f"no command {arguments[0]} in: {line}"
        command, name, arguments = found, arguments[0], arguments[1:]  # type: ignore[assignment]
        context = click.Context(command, info_name=name, parent=context)
    return command.make_context(name, arguments, parent=context.parent)


def test_every_reason_has_words_and_a_case_here() -> None:
    assert set(WAITS_FOR) == set(REASONS)
    assert {reason for reason, _, _, _ in CASES.values()} == set(REASONS)


@pytest.mark.parametrize("name", CASES)
def test_the_next_step_says_who_acts_and_by_which_command(name: str) -> None:
    step = next_step(in_reason(name))

    assert CASES[name][2] in step.who
    assert any(command.line.startswith(CASES[name][3]) for command in step.commands), step.commands
    assert all(f"`{command.line}`" in step.text for command in step.commands)


@pytest.mark.parametrize("name", CASES)
def test_every_command_of_a_next_step_exists_and_parses(name: str) -> None:
    for command in next_step(in_reason(name)).commands:
        assert parsed(command.line).command is not None


def test_a_refusal_without_an_exemption_to_name_asks_for_its_reason() -> None:
    """What is somebody else's has no exemption, and a refusal that gives no reason is never written."""
    others = builders.decisions(kept=dict.fromkeys(["model:assistant", *(f"record:{n}" for n in range(1, 21))], "not_about_subject"))
    kept = builders.decisions(kept=dict.fromkeys(["model:assistant", *(f"record:{n}" for n in range(1, 21))], "retain"))
    made = in_reason("all kept")

    lines = [next_step(dataclasses.replace(made, counts=count_decisions(decided))).commands[0].line for decided in (others, kept)]

    assert lines == [
        "rtbf notice send tkt_0123456789abcdef refusal --code CODE --text -",
        "rtbf notice send tkt_0123456789abcdef refusal",
    ]
    assert all(parsed(line) for line in lines)


@pytest.mark.parametrize("line", ["rtbf aprove tkt_1", "rtbf decide tkt_1 --close done", "rtbf hold release"])
def test_the_measure_sees_a_command_that_does_not_parse(line: str) -> None:
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(line)


def test_a_letter_that_was_sent_is_not_asked_for_again() -> None:
    told = dossier(facts={"has_hits": False, "notices": frozenset({"no_data"})}, seen={"reason": "need_decision"})

    lines = [command.line for command in next_step(told).commands]

    assert lines[0] == "rtbf decide tkt_0123456789abcdef --close no_data"


@pytest.mark.parametrize(
    ("missing", "words"), [(1, "1 more person must read the plan and approve it by its digest (1 of 2 approved)"), (2, "2 more people")]
)
def test_the_page_says_how_many_approvals_are_missing(missing: int, words: str) -> None:
    waiting = dossier(seen={**WITH_PLAN, "reason": "need_approval"}, missing_approvals=missing)

    assert words in next_step(waiting).sentence


def test_the_grace_period_says_until_when_and_how_a_trial_does_without() -> None:
    sentence = next_step(in_reason("grace")).sentence

    assert "2026-03-03 08:00 UTC" in sentence  # noon of 2 March and 20 hours
    assert "RTBF_GRACE_H=0" in sentence


@pytest.mark.parametrize("name", CASES)
def test_the_page_fits_eighty_columns_and_keeps_every_command_whole(name: str) -> None:
    made = in_reason(name)

    text = drawn(ticket_panel(made, ("clock", "items", "plan", "residuals")))

    assert max(map(len, text.splitlines())) <= 80
    joined = text.replace(" \\\n", " ")
    for command in next_step(made).commands:
        assert " ".join(command.line.split()) in " ".join(joined.split())
    if made.view.plan_digest is not None:
        assert f"digest {made.view.plan_digest}\n" in text


def test_the_first_lines_are_the_ticket_who_acts_and_by_when() -> None:
    lines = drawn(ticket_panel(in_reason("undecided"))).splitlines()

    assert lines[0].startswith("tkt_0123456789abcdef  planning, waits for a person's decision")
    assert lines[1].split() == ["who", "acts", "a", "privacy", "officer"]
    # 20 February and one month: 20 March, 18 days after 2 March.
    assert lines[2].strip() == "by         2026-03-20 (Fri), 18 days left"


@pytest.mark.parametrize(
    ("received", "words", "style"),
    [
        ("2026-01-20", "OVERDUE by 10 days", "bold red"),  # due 20 February
        ("2026-02-02", "due today", "bold yellow"),  # due 2 March
        ("2026-02-09", "7 days left", "bold yellow"),  # due 9 March
        ("2026-02-10", "8 days left", "green"),  # due 10 March
    ],
)
def test_the_deadline_is_told_in_words_and_colour(received: str, words: str, style: str) -> None:
    from rtbf.cli.ticket_panel import deadline_text  # noqa: PLC0415 - the part under test

    text = deadline_text(dossier(clock=clock(received=received)))

    assert text.plain.endswith(words)
    assert text.spans[-1].style == style


def test_waiting_and_extension_are_marked_and_the_strict_date_is_told_apart() -> None:
    waiting = clock(
        ClockEvent(kind="extend", at=NOW - timedelta(days=4), code="justifications:ComplexityOfProcess"),
        ClockEvent(kind="suspend", at=NOW - timedelta(days=3)),
    )

    text = drawn(ticket_panel(dossier(clock=waiting)))

    assert "clock waits for identity" in text
    assert "3 day(s) of waiting added" in " ".join(text.split())
    assert "extended" in text
    assert "strictly   2026-03-20 (Fri), 18 days left" in text


def test_every_step_of_the_clock_is_printed_on_request_only() -> None:
    made = in_reason("undecided")

    shown, hidden = (" ".join(drawn(ticket_panel(made, wanted)).split()) for wanted in (("clock",), ()))

    assert made.clock.steps
    assert all(step in shown for step in made.clock.steps)
    assert all(step not in hidden for step in made.clock.steps)


def test_items_are_shown_by_number_corpus_and_record_never_by_text() -> None:
    text = drawn(
        ticket_panel(
            dossier(
                seen={"decisions": builders.decisions(kept={"record:2": "retain"})}, counts=count_decisions(builders.decisions()), held=HELD
            ),
            ("items",),
        )
    )

    row = next(line for line in text.splitlines() if "r0001" in line)
    assert row.split() == ["2", "community", "r0001", "1", "name", "×2", "retain", "LegalClaims", "HELD"]
    assert "model:assistant" in text
    assert digest_of(builders.footprint()) in text


def test_decisions_are_counted_with_the_meaning_of_their_code() -> None:
    decided = builders.decisions(kept={"record:1": "retain", "record:2": "retain"})

    text = " ".join(drawn(ticket_panel(dossier(seen={"decisions": decided}, counts=count_decisions(decided)))).split())

    assert "18 records erase NonNecessity (Art. 17(1)(a)): the data are no longer needed" in text
    assert "2 records retain LegalClaims (Art. 17(3)(e)): needed to establish, exercise or defend legal claims" in text
    assert "by otto" in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (approval(), "by dina, self-declared, not signed; counts until 2026-03-15 12:00 UTC"),
        (approval(key_id="sha256:k"), "by dina, signed with their own key; counts until"),
        (approval(days=0), "by dina, self-declared, not signed; expired 2026-03-01 12:00 UTC"),
        (approval(is_approval=False), "rejected by dina"),
    ],
)
def test_an_approval_says_by_whom_how_and_until_when(given: ApprovalGiven, words: str) -> None:
    text = " ".join(drawn(ticket_panel(dossier(seen={**WITH_PLAN, "approvals": (given,)}))).split())

    assert words in text


def test_warnings_name_duplicates_look_alike_letters_and_a_late_acknowledgement() -> None:
    marks = (IdentifierMark(number=1, kind="name", commitment="hmac-sha256:" + "1a" * 32, warnings=("mixed_scripts",)),)
    seen = {"linked": ("tkt_fedcba9876543210",), "ticket": builders.ticket(ticket_id="tkt_0123456789abcdef", identifiers=marks)}

    text = drawn(ticket_panel(dossier(seen=seen)))

    assert "acknowledged by 2026-02-25 (Wed)" in text  # a Friday, and three working days
    assert "  $ rtbf notice send tkt_0123456789abcdef acknowledgement\n" in text
    assert "  $ rtbf show tkt_fedcba9876543210\n" in text
    assert "identifier 1 (name) mixes alphabets" in text


def test_no_late_acknowledgement_is_told_once_a_letter_left_or_the_day_is_not_over() -> None:
    assert dossier().is_acknowledgement_overdue
    assert not dossier(facts={"notices": frozenset({"acknowledgement"})}).is_acknowledgement_overdue
    assert not dossier(clock=clock(received="2026-02-25")).is_acknowledgement_overdue  # Monday 2 March is the third working day


def test_letters_recipients_and_residuals_are_told_with_their_state() -> None:
    letter = LetterSeen(
        kind="acknowledgement", to="requester", channel="file", state="written", code=None, created_at=NOW, sent_at=NOW, is_delivered=True
    )
    late = NamedResidual(
        residual_id="res_1", ticket_id="tkt_0123456789abcdef", reason="backup_retention", name="nightly", owner=None,
        due_at=NOW - timedelta(days=1), needs_identifiers=False, resolved_at=None,
    )  # fmt: skip
    settled = dataclasses.replace(late, residual_id="res_2", name="weekly", owner="max", resolved_at=NOW)
    made = dossier(letters=(letter,), duties=(("Mirror Ltd", "due"),), residuals=(late, settled))

    text, whole = drawn(ticket_panel(made)), drawn(ticket_panel(made, ("residuals",)))

    assert "acknowledgement to the person: in the outbox folder" in text
    assert "Mirror Ltd" in text
    assert "res_1  NO OWNER, due 2026-03-01" in text
    assert "1 residual(s) are past their date" in text
    assert "res_2" not in text
    assert "res_2  max, resolved 2026-03-02" in whole


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({}, "Key of this ticket: alive"),
        ({"shred_due_at": NOW + timedelta(days=90)}, "to be destroyed on 2026-05-31"),
        ({"shredded_at": NOW, "shred_due_at": NOW}, "destroyed on 2026-03-02"),
    ],
)
def test_the_page_says_what_becomes_of_the_key(seen: dict[str, Any], words: str) -> None:
    assert words in drawn(ticket_panel(dossier(seen=seen)))


def test_a_closed_ticket_names_who_settles_what_remains() -> None:
    residual = NamedResidual(
        residual_id="res_1", ticket_id="tkt_0123456789abcdef", reason="backup_retention", name="nightly", owner="max",
        due_at=NOW, needs_identifiers=False, resolved_at=None,
    )  # fmt: skip
    closed = {"state": "closed", "outcome": "partially_fulfilled", "reason": None}

    step, quiet = next_step(dossier(seen=closed, residuals=(residual,))), next_step(dossier(seen=closed))

    assert (step.who, step.commands[0].line) == ("max", "rtbf residual list tkt_0123456789abcdef")
    assert (quiet.who, quiet.commands) == ("nobody", ())


def test_a_brief_answer_says_what_was_done_and_what_comes_next() -> None:
    lines = drawn(brief_panel(in_reason("undecided"), "decided: 1 erase")).splitlines()

    assert lines[0] == "decided: 1 erase"
    assert any("rtbf decide tkt_0123456789abcdef all" in line for line in lines)
    assert not any("Footprint" in line for line in lines)


def test_the_machines_form_has_stable_keys_and_long_parts_on_request() -> None:
    made = in_reason("undecided")

    told = json.loads(json.dumps(ticket_json(made)))

    assert {"ticket_id", "state", "reason", "outcome", "attempt", "footprint", "plan", "verdict", "report", "next"} <= told.keys()
    assert (told["clock"]["deadline"], told["clock"]["is_overdue"], told["undecided"]) == ("2026-03-20", False, 1)
    assert told["commands"][0] == "rtbf show tkt_0123456789abcdef --items"
    assert "items" not in told
    items = ticket_json(made, ("items",))["items"]
    assert (len(items), items[0]["record_id"], items[20]["item"]) == (21, "r0000", "model:assistant")


def _measured() -> Dossier:
    made = in_reason("undecided")
    return dataclasses.replace(made, view=dataclasses.replace(made.view, plan=builders.plan(), verification=builders.verification()))


def test_the_page_says_the_verdict_in_short_and_every_measurement_on_request() -> None:
    short, whole = (drawn(ticket_panel(_measured(), wanted)) for wanted in ((), ("probes",)))

    assert "Verdict PASS" in short
    assert "every measurement: rtbf show tkt_0123456789abcdef --probes" in short
    assert "Can it be brought back?" not in short
    assert "Can it be brought back?" in whole
    assert builders.verification().verdict.claim[:60] in " ".join(short.split())


def test_the_machines_form_has_the_budget_and_every_probes_figures_on_request() -> None:
    plan = builders.plan()

    told = json.loads(json.dumps(ticket_json(_measured())))
    whole = json.loads(json.dumps(ticket_json(_measured(), ("probes",))))

    assert (told["plan"]["profile"], told["plan"]["cost"]["verification"]) == (plan.profile, plan.cost.verification)
    assert sum(one["tokens"] for one in told["plan"]["sets"]) == sum(one.tokens * one.passes for one in plan.sets)
    assert "probes" not in told
    by_id = {probe["probe_id"]: probe for probe in whole["probes"]}
    assert len(by_id) == len(builders.passing_probes())
    assert (by_id["F2"]["estimate"], by_id["F2"]["interval"]["low"], by_id["F2"]["finding"]["status"]) == (
        "0.010000", "-0.020000", "equivalent",
    )  # fmt: skip
    assert ticket_json(in_reason("undecided"), ("probes",))["probes"] == []


def test_neither_page_nor_json_tells_an_identifier(installation: Installation) -> None:
    body = {"subject": [{"kind": "name", "value": "Ines Varga"}, {"kind": "email", "value": "ines@example.org"}], "channel": "email"}
    ticket_id = submit_ticket(installation, read_submission(body, installation.clock()), "olga")

    made = read_dossier(installation, ticket_id)

    told = drawn(ticket_panel(made, ("clock", "items", "plan", "residuals"))) + json.dumps(ticket_json(made))
    assert "entered by olga" in told
    assert "Varga" not in told
    assert "ines@" not in told


def test_what_became_of_shards_stands_on_the_page() -> None:
    made = dossier(seen={**WITH_PLAN, "unlearned": builders.unlearned(kind="retrained", proof=results.sharded_proof())})

    text = drawn(ticket_panel(made))

    assert "\nShards\n" in text
    assert max(map(len, text.splitlines())) <= 80
