"""Items, decisions, holds and the plan of a ticket, drawn for the terminal. Names records by number and id, never by text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.cli.drawing import grid, moment, section
from rtbf.cli.plan_budget import budget_line, budget_part
from rtbf.cli.plan_options import options_part
from rtbf.plan.items import model_item, record_item
from rtbf.ticket.codes import all_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from rtbf.pipeline.dossier import Dossier
    from rtbf.plan.record import Plan

_VERDICT_STYLE = {"erase": "bold", "retain": "yellow", "restrict": "yellow", "not_about_subject": "dim"}


def items_part(dossier: Dossier) -> RenderableType | None:
    """Return every item by number: where it lies, what matched, and what was decided."""
    footprint = dossier.view.footprint
    if footprint is None:
        return None
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("item", justify="right", no_wrap=True)
    table.add_column("corpus", overflow="fold")
    table.add_column("record", no_wrap=True)
    table.add_column("identifiers that matched", overflow="fold")
    table.add_column("decided", overflow="fold")
    for number, hit in enumerate(footprint.hits, start=1):
        matched = ", ".join(f"{place} {kind} ×{count}" for place, kind, count in hit.matched)
        table.add_row(str(number), hit.corpus, hit.record_id, matched, _decided(dossier, record_item(number)))
    models = grid()
    for reached in {reached.model: reached for reached in footprint.models}.values():
        item = model_item(reached.model)
        learned = f"learned {reached.hits} of them {'by ' + ' → '.join(reached.via) if reached.via else 'itself'}; "
        models.add_row(item, Text.assemble(learned, _decided(dossier, item)))
    known_by = Text.assemble(("these numbers hold for this footprint only:\n", "dim"), dossier.footprint_digest or "")
    return Group(table, models, known_by)


def decision_part(dossier: Dossier) -> RenderableType | None:
    """Return the decisions as counts per verdict and code, with the code's meaning."""
    if dossier.view.footprint is None or (not dossier.counts and not dossier.undecided):
        return None
    known = {code.code: code for codes in all_codes().values() for code in codes}
    table = grid()
    for count in dossier.counts:
        plural = "" if count.items == 1 else "s"
        code = known.get(count.code or "")
        reason = count.code or "" if code is None else f"{code.short} ({code.article}): {code.meaning}"
        words = Text.assemble((count.verdict.replace("_", " "), _VERDICT_STYLE[count.verdict]), f"  {reason}")
        table.add_row(f"{count.items} {count.kind}{plural}", words)
    decisions = dossier.view.decisions
    if decisions is not None and dossier.counts:
        deciders = sorted({dossier.names[decision.decided_by] for decision in decisions.items})
        table.add_row("by", ", ".join(deciders))
    if dossier.undecided:
        table.add_row(Text(f"{len(dossier.undecided)} undecided", style="yellow"), "")
    return Group(section("Decisions"), table)


def hold_part(dossier: Dossier) -> RenderableType | None:
    """Return the holds in force on items of the footprint."""
    if not dossier.held:
        return None
    table = grid()
    for hold in {hold.hold_id: hold for hold in dossier.held.values()}.values():
        items = sum(other.hold_id == hold.hold_id for other in dossier.held.values())
        until = "until it is released" if hold.until is None else f"until {moment(hold.until)}"
        where = "this ticket" if hold.scope_kind == "ticket" else f"{hold.scope_kind} {hold.scope}"
        table.add_row("hold", Text(f"{hold.hold_id}  on {where}", style="yellow"))
        table.add_row("", f"{items} item{'' if items == 1 else 's'}, {until}; {hold.ground}, papers {hold.authority_ref}")
    return Group(section("Holds in force", "rtbf hold list"), table)


def plan_part(dossier: Dossier, *, is_whole: bool) -> RenderableType | None:
    """Return the newest plan: what is done to which model, who approved it and until when; all of it when asked for."""
    plan = dossier.view.plan
    if plan is None:
        return None
    table = grid()
    table.add_row("model", f"{plan.model}, changed with {plan.method}, at most class {plan.class_cap}")
    if is_whole:
        _add_whole(table, plan)
    table.add_row("measures", budget_line(plan))
    table.add_row("made by", dossier.names[plan.planned_by])
    table.add_row("quorum", f"{plan.quorum}. {plan.quorum_reason}")
    for given in dossier.view.approvals:
        word = "approved" if given.is_approval else "rejected"
        signed = "signed with their own key" if given.key_id is not None else "self-declared, not signed"
        is_over = given.expires_at <= dossier.now
        counts = f"{'expired' if is_over else 'counts until'} {moment(given.expires_at)}" if given.is_approval else moment(given.given_at)
        style = "red" if not given.is_approval or is_over else "green"
        table.add_row(Text(word, style=style), f"by {dossier.names[given.actor_id]}, {signed}; {counts}")
    if dossier.missing_approvals and dossier.view.state == "awaiting_approval":
        table.add_row(Text("missing", style="yellow"), f"{dossier.missing_approvals} approval(s)")
    if dossier.grace_ends_at is not None:
        over = " (over)" if dossier.grace_ends_at <= dossier.now else ""
        grace = f"{plan.grace_s // 3600} h after the quorum{over}" if plan.grace_s else "no grace period"
        table.add_row("may start", f"{moment(dossier.grace_ends_at)}, {grace}")
    hint = "" if is_whole else f"rtbf show {dossier.ticket_id} --plan"
    drawn: list[RenderableType] = [section(f"Plan {plan.attempt}", hint), table, Text(f"digest {dossier.view.plan_digest}")]
    return Group(*drawn, *(_weighed(plan) if is_whole else ()), *([budget_part(plan)] if is_whole else []))


def _weighed(plan: Plan) -> Iterator[RenderableType]:
    """Yield the options as they stood when the plan was made; nothing for a plan of an earlier release, which kept none."""
    if plan.options:
        yield options_part(plan.options, chosen=plan.method, reason=plan.choice_reason, rate_origin=plan.rate_origin)


def _add_whole(table: Table, plan: Plan) -> None:
    table.add_row("cap", plan.cap_reason)
    table.add_row("settings", ", ".join(f"{name}={value}" for name, value in plan.parameters) or "no parameters")
    sizes = f"forget {len(plan.forget.record_ids)}, retain {len(plan.retain.record_ids)}, held out {len(plan.utility_holdout.record_ids)}"
    table.add_row("records", sizes)
    if plan.held:
        table.add_row("left out", f"{len(plan.held)} item(s) under a hold")
    for name in plan.left_out_models:
        table.add_row("not changed", Text(f"model {name}, reached too", style="yellow"))
    table.add_row("stop", _stop_text(plan))
    table.add_row("control", plan.controls.reason)
    table.add_row("seed", str(plan.seed))


def _stop_text(plan: Plan) -> str:
    stop = plan.stop
    if stop.max_steps == 0:
        return "nothing is trained" if plan.class_cap == "none" else "the recipe of the original, to its end"
    high = "" if stop.forget_nll_nats_max is None else f" to {stop.forget_nll_nats_max}"
    return f"forget NLL {stop.forget_nll_nats_min}{high} nat per token ({stop.target_origin}), at most {stop.max_steps} steps"


def _decided(dossier: Dossier, item: str) -> Text:
    decisions = dossier.view.decisions
    found = None
    if decisions is not None and dossier.counts:
        found = next((decision for decision in decisions.items if decision.item == item), None)
    held = " HELD" if item in dossier.held else ""
    if found is None:
        return Text(f"undecided{held}", style="yellow")
    known = {code.code: code.short for codes in all_codes().values() for code in codes}
    code = "" if found.code is None else f" {known.get(found.code, found.code)}"
    return Text.assemble((found.verdict.replace("_", " "), _VERDICT_STYLE[found.verdict]), code, (held, "red"))
