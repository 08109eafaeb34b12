"""`rtbf run|footprint|plan`: work on a ticket. The exit code tells how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.cli.context import emit
from rtbf.cli.errors import CANNOT_DECIDE, DONE, REFUSED, WAITING
from rtbf.cli.progress import shown_progress
from rtbf.cli.show_ticket import show_ticket
from rtbf.errors import BadInput
from rtbf.plan.profile import PROFILES
from rtbf.ticket.lifecycle import STATES
from rtbf.verify.packs import MAX_BYTES

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext
    from rtbf.plan.request import PlanRequest
    from rtbf.ticket_view import TicketView
    from rtbf.work_lease import WorkSettings


@click.command("run")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--until", type=click.Choice(STATES), help="Stop when the ticket has come this far.")
@click.pass_obj
def run_command(context: CliContext, ticket_id: str, until: str | None) -> int:
    """Advance a ticket as far as allowed, in this process. Run it again and it continues."""
    from rtbf.executor import advance  # noqa: PLC0415 - the executor belongs to commands that run

    with shown_progress() as progress:
        view = advance(context.open_installation(), ticket_id, context.actor, progress, work=work_settings(context), until=until)
    show_ticket(context, ticket_id)
    return exit_code_for(view)


@click.command("footprint")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--again", is_flag=True, help="Search once more, because corpora or models have changed since.")
@click.pass_obj
def footprint(context: CliContext, ticket_id: str, *, again: bool) -> int:
    """Locate the person of a ticket, if that was not done yet, and show where they were found and what was not searched."""
    from rtbf.executor import advance  # noqa: PLC0415 - the executor belongs to commands that run
    from rtbf.pipeline.footprints import reopen_locating  # noqa: PLC0415

    installation = context.open_installation()
    if again:
        reopen_locating(installation, ticket_id, context.actor)
    with shown_progress() as progress:
        view = advance(installation, ticket_id, context.actor, progress, work=work_settings(context), until="planning")
    show_ticket(context, ticket_id)
    return DONE if view.footprint is not None else WAITING


@click.command("plan")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--method", default=None, help="Unlearning method; see `rtbf method list`. Default: chosen.")
@click.option("--model", default=None, help="Which of the reached models; needed when there are several.")
@click.option(
    "--guarantee",
    type=click.Choice(["exact", "dp", "approximate", "suppression"]),
    default=None,
    help="Class to aim at, at least. Default: the strongest in reach before the deadline without training everything again.",
)
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; or merge=no, max_steps=N.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=None, help="Default: drawn at random and recorded.")
@click.option("--profile", type=click.Choice(tuple(PROFILES)), default=None, help="How much the verification asks. Default: RTBF_PROFILE.")
@click.option(
    "--pack", "packs", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Questions of yours; may be repeated."
)
@click.option("--options", "is_look", is_flag=True, help="Show what could be done, side by side, and plan nothing.")
@click.pass_obj
def plan(
    context: CliContext,
    /,
    *,
    ticket_id: str,
    method: str | None,
    model: str | None,
    guarantee: str | None,
    sets: tuple[str, ...],
    seed: int | None,
    profile: str | None,
    packs: tuple[Path, ...],
    is_look: bool,
) -> int:
    """Make a plan for a ticket, or another one in place of it. It says which digest a second person has to approve.

    Every method is shown with the class it may reach, what it takes on this model, and what to expect of the model; without
    --method one is chosen by class, deadline and cost, and the reason stands below. See docs/howto/choose-a-method.md.

    It also says what the verification will ask and cost, before anything is measured. smoke can show a failure and never a
    PASS. What belongs into a pack: docs/reference/item-packs.md.
    """
    from rtbf.executor import plan_ticket  # noqa: PLC0415 - the executor belongs to commands that run
    from rtbf.plan.request import plan_request  # noqa: PLC0415

    request = plan_request(
        method=method,
        model=model,
        guarantee=guarantee,
        sets=sets,
        seed=seed,
        profile=profile,
        packs=[_read_pack(path) for path in packs],
    )
    if is_look:
        return _show_options(context, ticket_id, request)
    with shown_progress() as progress:
        plan_ticket(context.open_installation(), ticket_id, context.actor, request, progress, work=work_settings(context))
    show_ticket(context, ticket_id, wanted=("plan",))
    return WAITING


def _show_options(context: CliContext, ticket_id: str, request: PlanRequest) -> int:
    """Show what could be planned, and plan nothing."""
    from rtbf.cli.plan_options import options_part  # noqa: PLC0415 - rich, when it is needed
    from rtbf.cli.ticket_json import options_json  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.executor import plan_options  # noqa: PLC0415 - the executor belongs to commands that run

    with shown_progress() as progress:
        model, choice = plan_options(context.open_installation(), ticket_id, request, progress, work=work_settings(context))
    seen = {"chosen": choice.method, "reason": choice.reason, "rate_origin": choice.rate_origin}
    emit(
        context,
        {"ticket_id": ticket_id, "model": model, **options_json(choice.options, **seen)},
        lambda: options_part(choice.options, **seen, hint=f"for model {model}; nothing was planned"),
    )
    return DONE


def _read_pack(path: Path) -> bytes:
    """Return a pack's bytes, refused before they are all read when they are too many; BadInput never repeats a word of it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as refused:
        raise BadInput(
            found=f"--pack {path}: {refused.strerror or 'not readable'}", expected="a readable file", remedy="correct the path"
        ) from None
    if len(content) > MAX_BYTES:
        raise BadInput(
            found=f"--pack {path}: more than {MAX_BYTES} bytes",
            expected=f"an item pack of at most {MAX_BYTES} bytes",
            remedy="split it into several packs; see docs/reference/item-packs.md",
        )
    return content


def exit_code_for(view: TicketView) -> int:
    """Return what a ticket's standing means as an exit code."""
    verdict = None if view.verification is None else view.verification.verdict.status
    is_judged = view.verification is not None and view.verification.attempt == view.attempt
    if view.state == "closed":
        return DONE
    if is_judged and verdict == "FAIL":
        return REFUSED
    if is_judged and verdict == "INCONCLUSIVE":
        return CANNOT_DECIDE
    return WAITING if view.reason is not None else DONE


def work_settings(context: CliContext) -> WorkSettings:
    """Return how stages run in this process."""
    from rtbf.store.leases import this_process  # noqa: PLC0415
    from rtbf.work_lease import WorkSettings  # noqa: PLC0415 - the executor belongs to commands that run

    settings = context.settings
    return WorkSettings(
        lease_s=settings.lease_s,
        torch_threads=settings.torch_threads,
        phone_region=settings.phone_region,
        owner=this_process(),
        state_time_out_s=settings.state_time_out_s,
    )
