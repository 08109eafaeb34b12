"""A ticket drawn for the terminal, and as stable JSON. Shows counts, ids and digests; never an identifier's value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.verify.claim import CODE_MEANINGS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.footprint.record import Footprint
    from rtbf.plan.record import Plan
    from rtbf.ticket_view import TicketView
    from rtbf.verify.record import Interval, ProbeResult, Verification

_STATUS_STYLE = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_STATUS_WORDS = {"not_applicable": "n/a"}
_FINDING_STYLE = {"equivalent": "green", "adverse": "red", "inconclusive": "yellow", "not_applicable": "dim"}


def next_step(view: TicketView) -> str:
    """Return what has to happen next, as a sentence with the command."""
    ticket_id = view.ticket.ticket_id
    if view.state == "closed":
        return f"closed: {view.outcome}"
    waits = {
        "need_identity": f"check who is asking, then `rtbf identify {ticket_id} record --method METHOD`",
        "need_approval": f"a second person reads the plan and runs `rtbf approve {ticket_id} --digest {view.plan_digest}`",
        "error": f"an operator looks at the log and runs `rtbf run {ticket_id}` again",
    }
    if view.reason == "need_decision":
        return _decision_step(view)
    return waits.get(view.reason or "", f"`rtbf run {ticket_id}`")


def _decision_step(view: TicketView) -> str:
    ticket_id = view.ticket.ticket_id
    if view.state == "verifying":
        return (
            f"a person decides: another plan (`rtbf plan {ticket_id} …`), or accept what remains "
            f"(`rtbf decide {ticket_id} --close partially_fulfilled`)"
        )
    if view.footprint is not None and not view.footprint.hits:
        return f"nothing was found; a second person closes it: `rtbf decide {ticket_id} --close no_data`"
    if view.footprint is not None and not view.footprint.models:
        return (
            "the records were found, but no model is known to have learned them: delete them at the source, add the corpus "
            f"again, and search once more: `rtbf footprint {ticket_id} --again`"
        )
    return f"a person chooses another plan: `rtbf plan {ticket_id} --method …`"


def ticket_json(view: TicketView) -> dict[str, Any]:
    """Return the ticket's stable JSON form."""
    verdict = None if view.verification is None else view.verification.verdict
    return {
        "ticket_id": view.ticket.ticket_id,
        "state": view.state,
        "reason": view.reason,
        "outcome": view.outcome,
        "attempt": view.attempt,
        "regime": view.ticket.regime,
        "received_at": view.ticket.received_at,
        "external_ref": view.ticket.external_ref,
        "identifiers": [{"number": mark.number, "kind": mark.kind, "commitment": mark.commitment} for mark in view.ticket.identifiers],
        "footprint": None if view.footprint is None else _footprint_json(view.footprint),
        "plan": None if view.plan is None else {"digest": view.plan_digest, "model": view.plan.model, "method": view.plan.method},
        "verdict": None
        if verdict is None
        else {
            "status": verdict.status,
            "class_awarded": verdict.class_awarded,
            "class_cap": verdict.class_cap,
            "codes": list(verdict.codes),
            "claim": verdict.claim,
        },
        "report": None if view.report is None else {"report_id": view.report.report_id, "envelope_sha256": view.report.envelope_sha256},
        "next": next_step(view),
    }


def _footprint_json(footprint: Footprint) -> dict[str, Any]:
    return {
        "revision": footprint.revision,
        "hits": len(footprint.hits),
        "models": [{"model": reached.model, "digest": reached.digest, "hits": reached.hits} for reached in footprint.models],
        "searched": [
            {"corpus": corpus.corpus, "records": corpus.records, "unread": corpus.unread, "hits": corpus.hits}
            for corpus in footprint.searched
        ],
        "not_searched": [{"kind": gap.kind, "name": gap.name, "reason": gap.reason} for gap in footprint.not_searched],
    }


def ticket_panel(view: TicketView) -> RenderableType:
    """Return the ticket as a page for the terminal."""
    head = _grid()
    head.add_row("ticket", Text(view.ticket.ticket_id, style="bold"))
    head.add_row("state", view.state + (f" ({view.reason})" if view.reason else ""))
    head.add_row("received", f"{view.ticket.received_at}  regime {view.ticket.regime}  by {view.ticket.channel}")
    head.add_row("about", ", ".join(f"{mark.kind} {mark.commitment[7:15]}…" for mark in view.ticket.identifiers))
    parts: list[RenderableType] = [head]
    if view.footprint is not None:
        parts.append(_footprint_table(view.footprint))
    if view.plan is not None:
        parts.append(_plan_grid(view.plan, view.plan_digest, view.approvals))
    if view.verification is not None:
        parts.append(verification_table(view.verification))
    parts.append(Text.assemble("next: ", (next_step(view), "bold")))
    return Group(*parts)


def _grid() -> Table:
    """Return a grid of names and values whose values are folded, never cut: digests are there to be copied."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    return grid


def _footprint_table(footprint: Footprint) -> RenderableType:
    table = Table(title=f"Footprint {footprint.revision}: {len(footprint.hits)} record(s)", title_justify="left")
    for column in ("where", "records", "unread", "found"):
        table.add_column(column, justify="left" if column == "where" else "right")
    for corpus in footprint.searched:
        table.add_row(f"corpus {corpus.corpus}", str(corpus.records), str(corpus.unread), str(corpus.hits))
    for reached in footprint.models:
        table.add_row(f"model {reached.model} (learned them)", "", "", str(reached.hits))
    for gap in footprint.not_searched:
        table.add_row(Text(f"{gap.kind} {gap.name}: NOT searched, {gap.reason}", style="yellow"), "", "", "?")
    return table


def _plan_grid(plan: Plan, digest: str | None, approvals: tuple[tuple[str, bool], ...]) -> RenderableType:
    grid = _grid()
    settings = ", ".join(f"{name}={value}" for name, value in plan.parameters) or "no parameters"
    grid.add_row("plan", f"attempt {plan.attempt}: {plan.method} on model {plan.model} ({settings})")
    grid.add_row(
        "data",
        f"forget {len(plan.forget.record_ids)}, retain {len(plan.retain.record_ids)}, held out {len(plan.utility_holdout.record_ids)}",
    )
    grid.add_row("stop", _stop_text(plan))
    grid.add_row("control", plan.controls.reason)
    grid.add_row("class", f"at most {plan.class_cap}: {plan.cap_reason}")
    grid.add_row("digest", digest or "")
    given = ", ".join(f"{actor} {'approved' if is_approval else 'rejected'}" for actor, is_approval in approvals)
    grid.add_row("approval", given or "none yet")
    return grid


def _stop_text(plan: Plan) -> str:
    stop = plan.stop
    if stop.max_steps == 0:
        return "nothing is trained"
    high = "" if stop.forget_nll_nats_max is None else f" to {stop.forget_nll_nats_max}"
    return f"forget NLL {stop.forget_nll_nats_min}{high} nat per token ({stop.target_origin}), at most {stop.max_steps} steps"


def verification_table(verification: Verification) -> RenderableType:
    """Return verdict, probe table and claim; it fits into 80 columns."""
    verdict = verification.verdict
    statuses = {finding.probe_id: finding for finding in verdict.findings}
    head = Text.assemble("Verdict ", (verdict.status, _STATUS_STYLE[verdict.status]), f"   class awarded: {verdict.class_awarded}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("probe", min_width=22)
    for column in ("before", "after", "control"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("effect (margin)", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for probe in verification.probes:
        finding = statuses[probe.probe_id]
        style = _FINDING_STYLE[finding.status]
        status = Text("\n".join(filter(None, (_STATUS_WORDS.get(finding.status, finding.status), finding.reason))), style=style)
        name = Text.assemble((f"{probe.probe_id} ", "bold"), probe.name.replace("_", " "), (f"\n{probe.unit}", "dim"))
        numbers = [_number(value) for value in (probe.before, probe.after, probe.control)]
        table.add_row(name, *numbers, _effect(probe), status)
    reasons = sorted({code.rpartition(":")[2] for code in verdict.codes})
    explained = Text("\n".join(f"{reason}: {CODE_MEANINGS.get(reason, '')}" for reason in reasons), style="dim")
    legend = Text(
        "control: models made by the same recipe and never shown the records. Effect: after − control (U1: after − before), with its "
        "90 % interval.",
        style="dim",
    )
    return Group(head, table, legend, Text(verdict.claim), explained)


def _number(value: str | None) -> str:
    return "–" if value is None else f"{float(value):.3f}"


def _effect(probe: ProbeResult) -> str:
    """Return the mean effect, its interval, and the margin fixed in the plan."""
    interval: Interval | None = probe.interval
    margin = f"±{probe.margin}" if probe.direction == "two_sided" else f"<{probe.margin}"
    if probe.estimate is None or interval is None:
        return f"– ({margin})"
    return f"{float(probe.estimate):+.3f} ({margin})\n[{float(interval.low):+.2f}, {float(interval.high):+.2f}]"
