"""A ticket drawn for the terminal, 80 columns wide: first who must act, by when and how, then everything else.

Shows counts, ids, codes and digests; never an identifier's value or a record's text. What must be copied is never cut:
a digest has a line of its own, and a long command is broken as a shell lets it be broken.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from rtbf.cli.drawing import command_text, day, grid, moment, residual_rows, section
from rtbf.cli.next_step import WAITS_FOR, next_step
from rtbf.cli.plan_panel import decision_part, hold_part, items_part, plan_part
from rtbf.cli.proof_part import proof_part
from rtbf.cli.verdict_table import verification_summary, verification_table
from rtbf.ticket.clock_round import FLAGS
from rtbf.ticket.codes import all_codes
from rtbf.ticket.deadline import is_overdue
from rtbf.ticket.identity import DOUBTS
from rtbf.ticket.working_days import day_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rich.console import RenderableType

    from rtbf.pipeline.dossier import Dossier

SOON_DAYS = 7
"""Days left from which a deadline is shown in yellow."""
_WARNINGS = {"mixed_scripts": "mixes alphabets whose letters look alike; compare it with the person's own letter"}
_LETTER_STATES = {"queued": "not sent yet", "sent": "taken by the mail server", "written": "in the outbox folder"}


def ticket_panel(dossier: Dossier, wanted: Collection[str] = (), events: Collection[bytes] = ()) -> RenderableType:
    """Return the ticket's page; `wanted` (of `rtbf.cli.show_ticket.SECTIONS`) says which parts are shown in full."""
    view = dossier.view
    parts: list[RenderableType | None] = [_head(dossier), *_first_block(dossier), _warnings(dossier)]
    parts.append(_clock_steps(dossier) if "clock" in wanted else None)
    parts += [_request(dossier), _identity(dossier), _footprint(dossier)]
    parts.append(items_part(dossier) if "items" in wanted else None)
    parts += [decision_part(dossier), hold_part(dossier), plan_part(dossier, is_whole="plan" in wanted)]
    if view.verification is not None:
        is_whole = "probes" in wanted
        told = verification_table(view.verification) if is_whole else verification_summary(view.verification, dossier.ticket_id)
        parts += [Text(""), told]
    parts.append(None if view.unlearned is None else proof_part(view.unlearned.proof))
    parts += [_letters(dossier), _recipients(dossier), _residuals(dossier, with_resolved="residuals" in wanted), _key(dossier)]
    parts.append(_ledger(events) if "events" in wanted else None)
    return Group(*(part for part in parts if part is not None))


def brief_panel(dossier: Dossier, said: str) -> RenderableType:
    """Return what was done, and what comes next."""
    return Group(*([Text(said, style="green")] if said else []), _head(dossier), *_first_block(dossier))


def deadline_text(dossier: Dossier) -> Text:
    """Return the deadline in words and colour: red when it is over, yellow from a week before, green otherwise."""
    clock = dossier.clock
    if clock.stopped_at is not None:
        kept = clock.answered_in_time
        return Text(f"answered on {moment(clock.stopped_at)}, {'in time' if kept else 'LATE'}", style="green" if kept else "bold red")
    if dossier.view.state == "closed":
        return Text(f"no letter stopped the clock; it would be due on {day_text(clock.deadline)}", style="dim")
    days_left = (clock.deadline - dossier.today).days
    text = Text.assemble((day_text(clock.deadline), "bold"), ", ", days_left_text(days_left, is_late=is_overdue(clock, dossier.now)))
    marks = [
        "clock waits for identity" if clock.is_suspended else "",
        f"{clock.suspended_days} day(s) of waiting added" if clock.suspended_days else "",
        "extended" if clock.is_extended else "",
        f"reopened (round {clock.round_number})" if clock.round_number > 1 else "",
    ]
    for mark in filter(None, marks):
        text.append(f" · {mark}", style="yellow")
    return text


def days_left_text(days_left: int, *, is_late: bool) -> Text:
    """Return the days left in words and colour."""
    words = "due today" if days_left == 0 else f"{days_left} day{'' if days_left == 1 else 's'} left"
    if is_late:
        words = f"OVERDUE by {-days_left} day{'' if days_left == -1 else 's'}"
    return Text(words, style=deadline_style(days_left, is_late=is_late))


def deadline_style(days_left: int | None, *, is_late: bool) -> str:
    """Return the colour of a deadline: red when it is over, yellow from a week before, green otherwise, dim when nothing is due."""
    if days_left is None:
        return "dim"
    return "bold red" if is_late else "bold yellow" if days_left <= SOON_DAYS else "green"


def _head(dossier: Dossier) -> RenderableType:
    view = dossier.view
    ending = f"closed: {view.outcome}" if view.state == "closed" else f"{view.state}, {WAITS_FOR.get(view.reason or '', view.reason)}"
    return Rule(Text.assemble((dossier.ticket_id, "bold"), f"  {ending}"), align="left", characters="─", style="dim")


def _first_block(dossier: Dossier) -> Iterator[RenderableType]:
    step = next_step(dossier)
    table = grid()
    table.add_row("who acts", Text(step.who, style="bold"))
    clock = dossier.clock
    is_due = clock.stopped_at is None and dossier.view.state != "closed"
    table.add_row("by" if is_due else "clock", deadline_text(dossier))
    if is_due:
        if clock.strict_deadline != clock.deadline:
            strict = (clock.strict_deadline - dossier.today).days
            table.add_row(
                "strictly",
                Text.assemble(
                    f"{day_text(clock.strict_deadline)}, ",
                    days_left_text(strict, is_late=strict < 0),
                    ", if waiting and extension do not count",
                ),
            )
        if clock.extended_deadline is not None and not clock.is_extended and dossier.now < clock.deadline_at:
            hint = f"can be extended once, to {day_text(clock.extended_deadline)}: rtbf extend -h"
            table.add_row("", Text(hint, style="dim"))
    table.add_row("what", Text(step.sentence))
    yield table
    for command in step.commands:
        yield Text(f"  {command.purpose}", style="dim")
        yield command_text(command.line)


def _warnings(dossier: Dossier) -> RenderableType | None:
    """Return what an officer should look at, each with the command for it where there is one."""
    ticket_id, view = dossier.ticket_id, dossier.view
    found: list[tuple[str, str | None]] = []
    if dossier.is_acknowledgement_overdue:
        by = day_text(dossier.clock.acknowledge_by)
        found.append((f"the receipt should have been acknowledged by {by}", f"rtbf notice send {ticket_id} acknowledgement"))
    found += [
        (f"may be about the same person as {other}; nothing is merged by itself", f"rtbf show {other}") for other in dossier.view.linked
    ]
    for mark in view.ticket.identifiers:
        found += [(f"identifier {mark.number} ({mark.kind}) {_WARNINGS.get(warning, warning)}", None) for warning in mark.warnings]
    found += [(FLAGS[flag], None) for flag in dossier.clock.flags]
    late = sum(entry.due_at is not None and entry.due_at < dossier.now for entry in dossier.open_residuals)
    if late:
        found.append((f"{late} residual(s) are past their date", f"rtbf residual list {ticket_id}"))
    if not found:
        return None
    parts: list[RenderableType] = [section("Look at")]
    for text, command in found:
        parts.append(Padding(Text(text, style="yellow"), (0, 0, 0, 2)))
        parts += [] if command is None else [command_text(command)]
    return Group(*parts)


def _clock_steps(dossier: Dossier) -> RenderableType:
    return Group(section("Clock"), *(Text(f"  {number}. {step}") for number, step in enumerate(dossier.clock.steps, start=1)))


def _request(dossier: Dossier) -> RenderableType:
    ticket = dossier.view.ticket
    known = {code.code: code for codes in all_codes().values() for code in codes}
    table = grid()
    table.add_row("received", f"{day_text(dossier.clock.received_on)} by {ticket.channel}, entered by {dossier.names[ticket.submitted_by]}")
    table.add_row(
        "regime", f"{ticket.regime}   letters in '{ticket.locale}'" + (f"   reference {ticket.external_ref}" if ticket.external_ref else "")
    )
    table.add_row("asked by", ticket.requester_role.replace("_", " "))
    for code in ticket.grounds:
        meaning = known.get(code)
        table.add_row("ground", code if meaning is None else f"{meaning.short}: {meaning.meaning} ({meaning.article})")
    if not ticket.grounds:
        table.add_row("ground", "none named by the person; each decision names its own")
    table.add_row("about", ", ".join(f"{mark.number} {mark.kind} {mark.commitment[7:15]}…" for mark in ticket.identifiers))
    if ticket.models:
        table.add_row("only in", ", ".join(ticket.models))
    return Group(section("Request"), table)


def _identity(dossier: Dossier) -> RenderableType:
    shown = "established" if dossier.facts.is_identified else "NOT established"
    title = section(f"Identity: {shown}", f"level '{dossier.level_needed}' is needed")
    table = grid()
    for check in dossier.checks:
        asked = f"asked on {moment(check.asked_at)}"
        until = f", may answer until {moment(check.expires_at)}" if check.result == "open" and check.expires_at is not None else ""
        level = f", level '{check.level}'" if check.level is not None else ""
        wrong = f", {check.attempts} answer(s) given" if check.attempts else ""
        style = {"passed": "green", "open": "yellow"}.get(check.result, "red")
        table.add_row(check.result, Text.assemble((check.method, style), f"{level}; {asked}{until}{wrong}"))
        if check.doubt is not None:
            table.add_row("", f"doubt: {DOUBTS.get(check.doubt, check.doubt)}")
    return Group(title, table) if dossier.checks else title


def _footprint(dossier: Dossier) -> RenderableType | None:
    footprint = dossier.view.footprint
    if footprint is None:
        return None
    table = grid()
    for corpus in footprint.searched:
        unread = f", {corpus.unread} unread" if corpus.unread else ""
        table.add_row("corpus", f"{corpus.corpus}: found in {corpus.hits} of {corpus.records} records{unread}")
    for reached in footprint.models:
        table.add_row("model", f"{reached.model}: has learned {reached.hits} of them")
    for gap in footprint.not_searched:
        table.add_row("not searched", Text(f"{gap.kind} {gap.name}: {gap.reason}", style="yellow"))
    found = f"{len(footprint.hits)} record{'' if len(footprint.hits) == 1 else 's'}"
    return Group(section(f"Footprint {footprint.revision}: {found}", f"rtbf show {dossier.ticket_id} --items"), table)


def _letters(dossier: Dossier) -> RenderableType:
    if not dossier.letters:
        return section("Letters: none yet", f"rtbf notice send {dossier.ticket_id} KIND")
    table = grid()
    for letter in dossier.letters:
        to = "the person" if letter.to == "requester" else letter.to
        code = f", {letter.code}" if letter.code else ""
        when = moment(letter.sent_at) if letter.sent_at is not None else moment(letter.created_at)
        state = _LETTER_STATES.get(letter.state, letter.state)
        style = "" if letter.is_delivered else "yellow"
        table.add_row(when, Text(f"{letter.kind.replace('_', ' ')} to {to}{code}: {state}", style=style))
    return Group(section("Letters"), table)


def _recipients(dossier: Dossier) -> RenderableType | None:
    if not dossier.duties:
        return None
    table = grid()
    for name, state in dossier.duties:
        table.add_row(state, Text(name, style="yellow" if state == "due" else ""))
    return Group(section("Recipients to be told (GDPR Art. 19)"), table)


def _residuals(dossier: Dossier, *, with_resolved: bool) -> RenderableType | None:
    shown = dossier.residuals if with_resolved else dossier.open_residuals
    if not shown:
        return section("Residuals: none recorded") if with_resolved else None
    rows = [row for entry in shown for row in residual_rows(entry, dossier.now, with_why=with_resolved)]
    count = f"{len(dossier.open_residuals)} to be settled"
    return Group(section(f"Residuals: {count}", f"rtbf residual list {dossier.ticket_id}"), *rows)


def _key(dossier: Dossier) -> RenderableType:
    view = dossier.view
    if view.shredded_at is not None:
        return section(f"Key of this ticket: destroyed on {day(view.shredded_at)}", "what was sealed under it opens nowhere any more")
    if view.shred_due_at is not None:
        return section(f"Key of this ticket: to be destroyed on {day(view.shred_due_at)}", "the end of the time for complaints")
    return section("Key of this ticket: alive", f"destroyed {dossier.appeal_days} days after closing")


def _ledger(events: Collection[bytes]) -> RenderableType:
    from rtbf.cli.log import event_table  # noqa: PLC0415 - only for this part

    return Group(section("Events", "rtbf log check"), event_table([json.loads(leaf) for leaf in events]))
