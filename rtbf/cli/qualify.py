"""`rtbf method qualify NAME`: try a method on planted people, and keep the signed result. Exit 0 qualified, 1 not, 3 cannot decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.errors import CANNOT_DECIDE, DONE, REFUSED
from rtbf.cli.progress import shown_progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.plan.qualification import Trial
    from rtbf.trial.qualification import Budget

_LEAST_SUBJECTS = 100
_STATUS_STYLE = {"adverse": "red", "equivalent": "green", "inconclusive": "yellow"}
_WORDS = {True: "qualified", False: "not qualified"}


@click.command("qualify")
@click.argument("name")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; or merge=no, brake=no, max_steps=N.")
@click.option("--subjects", type=click.IntRange(min=_LEAST_SUBJECTS), default=_LEAST_SUBJECTS, show_default=True, help="People to plant.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of people, samples and unlearning.")
@click.option("--profile", type=click.Choice(["standard", "deep"]), default="standard", show_default=True, help="Which probes are asked.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the signed statement here as well.")
@click.pass_obj
def qualify(context: CliContext, name: str, sets: tuple[str, ...], subjects: int, seed: int, profile: str, out: Path | None) -> int:
    """Try a method on planted people: does what it does to a hundred small tickets stand the whole verification?

    Fictitious people are trained into a tiny model, unlearned with the method, and judged as one ticket with the person as
    unit, and one by one. The signed result counts for 180 days for plans with the same code, settings and model family.
    Killed midway, run it again: it goes on where it was.
    """
    from rtbf.files import replace_file  # noqa: PLC0415 - what a qualification needs, only here
    from rtbf.lm.load import prepare_torch  # noqa: PLC0415
    from rtbf.plan.qualification import described, keep_trial, sign_trial  # noqa: PLC0415
    from rtbf.plan.request import plan_request  # noqa: PLC0415
    from rtbf.trial.qualification import prepare_trial, run_trial  # noqa: PLC0415

    installation = context.open_installation()
    request = plan_request(method=name, model=None, guarantee="approximate", sets=sets, seed=seed, profile=profile)
    # A key that signs nothing is met now, not after a quarter of an hour.
    key = installation.signing_key
    prepare_torch(context.settings.torch_threads)
    with shown_progress() as progress:
        prepared = prepare_trial(
            request, installation.home.path / "trials", subjects=subjects, seed=seed, profile=profile, progress=progress
        )
    click.echo(_budget_line(prepared.budget), err=True)
    with shown_progress() as progress:
        trial = run_trial(prepared, installation.clock(), progress)
    envelope = sign_trial(trial, key)
    kept = keep_trial(installation.home, envelope)
    if out is not None:
        replace_file(out, envelope)
    data = {"qualified": trial.is_qualified, "digest": f"sha256:{kept.name.partition('.')[0]}", "file": str(kept), **described(trial)}
    emit(context, data, lambda: _outcome(trial, kept))
    if trial.is_qualified:
        return DONE
    return CANNOT_DECIDE if trial.status == "INCONCLUSIVE" else REFUSED


def _budget_line(budget: Budget) -> str:
    parts = {"training": budget.training, "unlearning at most": budget.unlearning, "measuring": budget.measuring}
    told = ", ".join(f"{name} {tokens / 1e6:.1f} M" for name, tokens in parts.items())
    return f"budget in forward tokens: {told}; {budget.total / 1e6:.1f} M in all (a tiny model: about 10 000 a second and core)"


def _outcome(trial: Trial, kept: Path) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    probes = Table(title="All planted people as one ticket, the person as unit", title_justify="left")
    for column, justify in (("probe", "left"), ("people", "right"), ("effect", "right"), ("90 % interval", "right"), ("status", "left")):
        probes.add_column(column, justify=justify)  # type: ignore[arg-type]
    for probe in trial.probes:
        if probe.role == "reported" or probe.status == "not_applicable":
            continue
        interval = "–" if probe.low is None or probe.high is None else f"{float(probe.low):+.3f} to {float(probe.high):+.3f}"
        status = " ".join(filter(None, (probe.status, probe.reason)))
        probes.add_row(
            probe.probe_id,
            str(probe.units),
            "–" if probe.estimate is None else f"{float(probe.estimate):+.3f}",
            interval,
            Text(status, style=_STATUS_STYLE.get(probe.status, "")),
        )
    shares = Table(title=f"The same {trial.subjects} people, one ticket each", title_justify="left")
    for column in ("outcome", "people", "95 % bounds of the share"):
        shares.add_column(column)
    for share in trial.shares:
        shares.add_row(share.outcome, str(share.subjects), f"{float(share.low):.3f} to {float(share.high):.3f}")
    head = (
        f"{trial.method}: {_WORDS[trial.is_qualified]} ({trial.status}, class {trial.class_awarded}); memorised before: answer probability "
        f"{float(trial.remembered):.3f}; {trial.steps} steps, {trial.stop_reason.replace('_', ' ')}"
    )
    codes = f"codes: {', '.join(trial.codes)}" if trial.codes else ""
    foot = f"counts until {trial.ends_on}; kept as {kept}\ndoes not cover: " + "; ".join(trial.does_not_cover)
    return Group(Text(head, style="bold"), Text(codes), probes, shares, Text(foot, style="dim"))
