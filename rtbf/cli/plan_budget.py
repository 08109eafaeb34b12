"""What a verification will ask and cost, as it stands in the plan: drawn before anything is measured.

Forward tokens: one pass of one token through the model is 1. Sets that stay empty and questions that were left out are told
with their reason, since what is not asked cannot be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.cli.drawing import grid, section
from rtbf.report.asked_words import (
    BY_DESIGN,
    READS,
    RELEARNING_STEPS,
    empty_words,
    left_out_words,
    profile_words,
    set_words,
)
from rtbf.report.words import FAMILIES, REPORTED
from rtbf.verify.verdict import MIN_RECORDS, MIN_SECRETS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.plan.record import Plan, PlannedSet

_DEAREST = 8
_BAR = 16
_MILLION, _THOUSAND = 1_000_000, 1_000
_PACK_PREFIX = "pack_"
_SHORT_PROFILE = "smoke"
_SECRET_SETS = frozenset({"secrets", "population"})
"""Sets that F4 ranks; the larger of them is what the number of details is counted by."""


def budget_line(plan: Plan) -> str:
    """Return the verification's size in one sentence."""
    arms = 2 + len(plan.controls.models)
    return f"profile {plan.profile}: {len(plan.probes)} probes, {arms} models, {tokens_text(plan.cost.verification)} forward tokens"


def budget_part(plan: Plan) -> RenderableType:
    """Return the budget, the dearest sets, what stays empty and why, the relearning attack, and what the method's qualification adds."""
    table = grid()
    table.add_row("profile", profile_words(plan.profile))
    table.add_row("budget", Text.assemble((f"{tokens_text(plan.cost.verification)} forward tokens", "bold"), f" in {_passes(plan)}"))
    table.add_row("", f"besides: unlearning at most {tokens_text(plan.cost.unlearning)}, controls {tokens_text(plan.cost.controls)}")
    table.add_row("probes", _probes(plan))
    foreseen = _foreseen(plan)
    if foreseen is not None:
        table.add_row("foreseen", Text(foreseen, style="yellow"))
    table.add_row("relearning", _relearning(plan))
    table.add_row("qualified", _qualification(plan))
    if not any(one.name.startswith(_PACK_PREFIX) for one in plan.sets):
        table.add_row("packs", "none given; probes that need one will not be measured: rtbf plan --pack FILE")
    parts: list[RenderableType] = [section("What will be measured"), table]
    parts += [Text("\ndearest", style="dim"), _dearest(plan)] if plan.sets else []
    parts += [part for part in (_empty(plan), _left_out(plan)) if part is not None]
    return Group(*parts)


def tokens_text(tokens: int) -> str:
    """Return a number of tokens as people say it: 1.01 million, 245 thousand, 812."""
    if tokens >= _MILLION:
        return f"{tokens / _MILLION:.2f} million"
    return f"{tokens / _THOUSAND:.0f} thousand" if tokens >= 10 * _THOUSAND else str(tokens)


def _passes(plan: Plan) -> str:
    passes = sum(one.passes for one in plan.sets if one.items)
    sets = sum(one.items > 0 for one in plan.sets)
    return f"{passes} passes over {sets} set{'' if sets == 1 else 's'} of questions"


def _probes(plan: Plan) -> Text:
    """Return the probes of each family by id, those that decide nothing apart."""
    lines = [
        (title, [probe.probe_id for probe in plan.probes if probe.family == family and probe.role != "reported"])
        for family, title in FAMILIES.items()
    ]
    lines.append((REPORTED, [probe.probe_id for probe in plan.probes if probe.role == "reported"]))
    told = [Text.assemble(f"{title} ", (" ".join(ids), "dim")) for title, ids in lines if ids]
    return Text("\n").join(told)


def _foreseen(plan: Plan) -> str | None:
    """Return why no PASS on removal can come out, as far as that is known before measuring; None when nothing is."""
    if plan.profile == _SHORT_PROFILE:
        return "no PASS: this profile does not run what a PASS asks for"
    if plan.guarantee_requested != "approximate" or (plan.qualification is not None and plan.qualification.covers):
        return None
    records = len(plan.forget.record_ids)
    secrets = max((one.items for one in plan.sets if one.name in _SECRET_SETS), default=0)
    if records >= MIN_RECORDS and secrets >= MIN_SECRETS:
        return None
    return (
        f"no PASS on these records alone: {records} record{'' if records == 1 else 's'} of at least {MIN_RECORDS}, "
        f"{secrets} detail{'' if secrets == 1 else 's'} of at least {MIN_SECRETS} that can be ranked"
    )


def _relearning(plan: Plan) -> str:
    attack = plan.relearn
    if attack is None:
        return "not tried: no probe of this profile relearns, or there are too few records to split"
    half = (
        f"an attacker trains on {len(attack.attacker_records)} of {len(plan.forget.record_ids)} records, the others are looked at"
        if attack.attacker_records
        else "too few records to split: an attacker trains on made-up ones of the same form"
    )
    return f"{half}; another on {len(attack.benign_records)} unrelated ones; {attack.steps} steps at rate {attack.learning_rate}"


def _qualification(plan: Plan) -> Text:
    used = plan.qualification
    if used is None:
        return Text("no qualification of the method was at hand, so these records must show everything themselves", style="yellow")
    if not used.covers:
        return Text(f"does not cover this plan: {used.reason}", style="yellow")
    return Text(f"until {used.ends_on}, {used.reason}")


def _dearest(plan: Plan) -> Table:
    """Return the sets that cost most, with their share of all passes as a bar."""
    costs = [(one.tokens * one.passes, set_words(one.name), _asked(one)) for one in plan.sets]
    relearning = plan.cost.verification - sum(cost for cost, _, _ in costs)
    costs += [(relearning, set_words(RELEARNING_STEPS), "")] if relearning > 0 else []
    costs.sort(key=lambda row: -row[0])
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(width=40, overflow="fold")
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    for cost, name, asked in costs[:_DEAREST]:
        share = cost / max(1, plan.cost.verification)
        bar = Text("█" * round(share * _BAR) or "▏", style="cyan")
        table.add_row(Text.assemble("  ", name, (f"\n  {asked}" if asked else "", "dim")), f"{tokens_text(cost)} {share:4.0%}", bar)
    rest = costs[_DEAREST:]
    if rest:
        cost = sum(row[0] for row in rest)
        share = cost / max(1, plan.cost.verification)
        table.add_row(f"  {len(rest)} more", f"{tokens_text(cost)} {share:4.0%}", Text("█" * round(share * _BAR) or "▏", style="cyan"))
    return table


def _asked(one: PlannedSet) -> str:
    often = f" {one.samples} times" if one.samples > 1 else ""
    return f"{one.items} {READS[one.reads]}{often}, by {one.passes} pass{'' if one.passes == 1 else 'es'}"


def _empty(plan: Plan) -> RenderableType | None:
    """Return the sets in which nothing could be asked, and why."""
    table = grid()
    for one in plan.sets:
        if not one.items:
            why = "; ".join(left_out_words(reason, count) for reason, count in one.left_out) or empty_words(one.name)
            table.add_row("empty", Text.assemble((set_words(one.name), "yellow"), f": {why}"))
    return table if table.row_count else None


def _left_out(plan: Plan) -> RenderableType | None:
    """Return what could not be asked in the other sets, by set."""
    table = grid()
    for one in plan.sets:
        missing = [(reason, count) for reason, count in one.left_out if reason not in BY_DESIGN]
        if one.items and missing:
            why = "; ".join(left_out_words(reason, count) for reason, count in missing)
            table.add_row("left out", Text.assemble(f"{set_words(one.name)}: ", (why, "dim")))
    return table if table.row_count else None
