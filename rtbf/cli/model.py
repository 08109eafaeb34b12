"""`rtbf model add|train|complete|list|show|lineage`: the owner's weights, by digest, and what is recorded of their data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.certificate import certificate_lines, certificate_shape
from rtbf.cli.context import CliContext, emit
from rtbf.cli.progress import shown_progress
from rtbf.cli.shards import replay as replay_command
from rtbf.cli.shards import shards as shards_command
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.store.registry import RegisteredModel

_NOT_RECORDED = "not recorded"


@click.group("model")
def model() -> None:
    """Add, train, ask, list and show models and where they come from."""


@model.command("add")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What the model is called here.")
@click.option("--trained-on", multiple=True, metavar="CORPUS", help="Corpus that the weights learned from, as you declare it; repeatable.")
@click.pass_obj
def add(context: CliContext, path: Path, name: str, trained_on: tuple[str, ...]) -> None:
    """Add the local Hugging Face folder PATH (causal LM, safetensors, no code of its own) as a live model.

    Without --trained-on nothing is known of its data, and every footprint will say that it was not searched.
    """
    # Loaded when used: the database layer takes a quarter of a second, which `rtbf --help` must not pay.
    from rtbf.registration import add_model  # noqa: PLC0415
    from rtbf.store.registry import live_model  # noqa: PLC0415

    installation = context.open_installation()
    added = add_model(installation, path=path, name=name, trained_on=trained_on, actor=context.actor)
    with installation.transaction() as session:
        registered = live_model(session, name)
    state = "added" if added.is_new else "unchanged"
    data = ", ".join(f"{trained.corpus} (declared)" for trained in added.model.trained_on) or _NOT_RECORDED
    emit(
        context,
        {**_shape(registered), "is_new": added.is_new},
        lambda: f"model {name} revision {added.model.revision} {state}\ntraining data: {data}\n{added.model.digest}",
    )


@model.command("train")
@click.argument("name")
@click.option("--corpus", required=True, help="Corpus to learn from; its current version.")
@click.option("--recipe", type=click.Choice(["plain", "sharded", "dp"]), default="plain", show_default=True)
@click.option(
    "--preset",
    type=click.Choice(["tiny", "full", "lora"]),
    default="tiny",
    show_default=True,
    help="Of recipe plain. tiny: from scratch; full, lora: --base.",
)
@click.option("--shards", type=click.IntRange(1), help="Of recipe sharded: how many adapters the subjects are spread over.")
@click.option("--slices", type=click.IntRange(1), help="Of recipe sharded: after how many parts of a shard its state is kept.")
@click.option("--base", help="A registered model to fine-tune: its name, or its folder.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A parameter of the recipe, for example epochs=10 or epsilon=8.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.pass_obj
def train(  # noqa: PLR0917 - click hands over every option
    context: CliContext,
    name: str,
    corpus: str,
    recipe: str,
    preset: str,
    shards: int | None,
    slices: int | None,
    base: str | None,
    sets: tuple[str, ...],
    seed: int,
) -> None:
    """Train the model NAME on a corpus, recording its lineage. Killed midway, the same command continues.

    Records that open tickets were found in (GDPR Art. 18(1)), or that the suppression list drops, are left out, and the
    lineage says so; while an open ticket was not searched in this version of the corpus, training is refused.
    Recipe dp bounds what each subject can change (epsilon, delta), refuses budgets that so few subjects cannot use, and ends in
    a certificate: see `rtbf model show NAME`.
    """
    # torch takes seconds, which only this command and `complete` pay.
    from rtbf.foundry.training import TrainingRequest, train_model  # noqa: PLC0415
    from rtbf.pipeline.restriction import training_restriction  # noqa: PLC0415
    from rtbf.registration import require_name  # noqa: PLC0415
    from rtbf.store.registry import live_model  # noqa: PLC0415

    require_name("model", name)
    overrides = _overrides(recipe, sets, shards=shards, slices=slices)
    request = TrainingRequest(name=name, corpus=corpus, preset=preset, overrides=overrides, base=base, seed=seed, recipe=recipe)
    installation = context.open_installation()
    barred = training_restriction(installation, corpus)
    with shown_progress() as progress:
        trained = train_model(
            installation,
            request,
            context.actor,
            restricted=barred.restricted,
            unsearched=barred.unsearched,
            threads=context.settings.torch_threads,
            progress=progress,
        )
    with installation.transaction() as session:
        registered = live_model(session, name)
    records = sum(part.records for part in trained.trained_on)
    left_out = sum(len(part.excluded) for part in trained.trained_on)
    without = f", without {left_out} about people who ask or asked to be left out" if left_out else ""
    named = f"\n{barred.quarantined} record(s) hold the name of such a person, or of a namesake: see `rtbf suppress check`"
    certificate = certificate_shape(installation, registered)
    terms = "" if certificate is None else "\n" + "\n".join(certificate_lines(certificate))
    emit(
        context,
        {
            **_shape(registered),
            "recipe": {"name": recipe, **dict(trained.recipe)},
            "quarantined": barred.quarantined,
            "certificate": certificate,
        },
        lambda: (
            f"model {name} revision {trained.revision} trained on {records} record(s) of {corpus}{without}, seed {seed}\n{trained.digest}"
            + terms
            + (named if barred.quarantined else "")
        ),
    )


model.add_command(shards_command)
model.add_command(replay_command)


@model.command("complete")
@click.argument("name")
@click.argument("prompt", required=False)
@click.option("--revision", type=int, help="Default: the live one.")
@click.pass_obj
def complete(context: CliContext, name: str, prompt: str | None, revision: int | None) -> None:
    """Ask a model and print its greedy answer. Without PROMPT the question is asked for, and stays out of the shell's history."""
    from rtbf.foundry.asking import ask_model  # noqa: PLC0415 - torch takes seconds

    asked = prompt if prompt is not None else click.prompt("prompt", err=True)
    answer = ask_model(context.open_installation(), name, asked, revision=revision, threads=context.settings.torch_threads)
    emit(context, {"completion": answer}, lambda: answer)


@model.command("list")
@click.pass_obj
def list_all(context: CliContext) -> None:
    """List every revision of every model and whether it is served."""
    shapes = [_shape(registered) for registered in _all(context)]
    emit(context, {"models": shapes}, lambda: _table(shapes))


@model.command("show")
@click.argument("name")
@click.pass_obj
def show(context: CliContext, name: str) -> None:
    """Show the live revision of the model NAME: recipe, data, removals and files."""
    # As above.
    from rtbf.store.registry import live_model  # noqa: PLC0415

    installation = context.open_installation()
    with installation.transaction() as session:
        registered = live_model(session, name)
    shape = {
        **_shape(registered),
        "location": registered.location,
        "seed": registered.model.seed,
        "recipe": dict(registered.model.recipe),
        "certificate": certificate_shape(installation, registered),
        "environment": dict(registered.model.environment),
        "files": [{"name": file.name, "sha256": file.sha256, "size_bytes": file.size_bytes} for file in registered.model.files],
    }
    emit(context, shape, lambda: _details(shape))


@model.command("lineage")
@click.argument("name")
@click.pass_obj
def lineage(context: CliContext, name: str) -> None:
    """Show what the live revision of NAME came from: ancestors, their corpora, and the tickets that removed records."""
    # As above.
    from rtbf.store.registry import live_model  # noqa: PLC0415

    everything = {registered.model.digest: registered for registered in _all(context)}
    with context.open_installation().transaction() as session:
        current: RegisteredModel | None = live_model(session, name)
    steps: list[dict[str, Any]] = []
    seen: set[str] = set()
    while current is not None and current.model.digest not in seen:
        seen.add(current.model.digest)
        steps.append(_shape(current))
        base = current.model.base_digest
        current = None if base is None else everything.get(base)
    emit(context, {"lineage": steps}, lambda: _tree(steps))


def _all(context: CliContext) -> list[RegisteredModel]:
    # As above.
    from rtbf.store.registry import all_models  # noqa: PLC0415

    with context.open_installation().transaction() as session:
        return list(all_models(session))


def _shape(registered: RegisteredModel) -> dict[str, Any]:
    known = registered.model
    return {
        "name": known.name,
        "revision": known.revision,
        "status": registered.status,
        "origin": known.origin,
        "recipe_name": dict(known.recipe).get("recipe"),
        "digest": known.digest,
        "base_digest": known.base_digest,
        "trained_on": [
            {
                "corpus": trained.corpus,
                "version": trained.version,
                "records": trained.records,
                "excluded": len(trained.excluded),
                "confidence": trained.confidence,
            }
            for trained in known.trained_on
        ],
        "removals": [
            {"ticket_id": removal.ticket_id, "attempt": removal.attempt, "corpus": removal.corpus, "records": len(removal.record_ids)}
            for removal in known.removals
        ],
    }


def _learned_from(shape: dict[str, Any]) -> str:
    told = [f"{trained['corpus']} ({trained['records']} records, {trained['confidence']})" for trained in shape["trained_on"]]
    return ", ".join(told) or (_NOT_RECORDED if shape["base_digest"] is None else "only what its base learned")


def _table(shapes: list[dict[str, Any]]) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.table import Table  # noqa: PLC0415

    table = Table("model", "revision", "status", "origin", "recipe", "learned from", "digest")
    for shape in shapes:
        table.add_row(
            shape["name"],
            str(shape["revision"]),
            shape["status"],
            shape["origin"],
            shape["recipe_name"] or "",
            _learned_from(shape),
            shape["digest"][:19],
        )
    return table


def _details(shape: dict[str, Any]) -> RenderableType:
    # As above.
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "", show_header=False)
    table.add_row("model", f"{shape['name']} revision {shape['revision']} ({shape['status']}, {shape['origin']})")
    table.add_row("digest", shape["digest"])
    table.add_row("lies at", shape["location"])
    table.add_row("learned from", _learned_from(shape))
    table.add_row("base", shape["base_digest"] or "none recorded")
    table.add_row("removed", "\n".join(_removed(shape)) or "nothing")
    table.add_row("recipe", "\n".join(f"{name} = {value}" for name, value in shape["recipe"].items()) or _NOT_RECORDED)
    if shape["certificate"] is not None:
        table.add_row("privacy", "\n".join(certificate_lines(shape["certificate"])))
    table.add_row("seed", _NOT_RECORDED if shape["seed"] is None else str(shape["seed"]))
    table.add_row("files", "\n".join(f"{file['name']}  {file['size_bytes']} bytes  {file['sha256'][:12]}" for file in shape["files"]))
    return table


def _removed(shape: dict[str, Any]) -> list[str]:
    return [f"{removal['records']} records of {removal['corpus']} by {removal['ticket_id']}" for removal in shape["removals"]]


def _tree(steps: list[dict[str, Any]]) -> RenderableType:
    # As above.
    from rich.tree import Tree  # noqa: PLC0415

    root = branch = None
    for step in steps:
        recipe = f", recipe {step['recipe_name']}" if step["recipe_name"] else ""
        label = f"{step['name']}@{step['revision']} ({step['status']}, {step['origin']}{recipe}) {step['digest'][:19]}"
        branch = Tree(label) if branch is None else branch.add("from " + label)
        root = root or branch
        branch.add(f"learned from: {_learned_from(step)}")
        for line in _removed(step):
            branch.add(f"removed: {line}")
    if steps[-1]["base_digest"] is not None and branch is not None:
        branch.add(f"from a base that is not registered here: {steps[-1]['base_digest'][:19]}")
    return root or ""


def _overrides(recipe: str, sets: tuple[str, ...], *, shards: int | None, slices: int | None) -> dict[str, str]:
    """Return the parameters that were set; raises BadInput for one that was set twice, or for shards of an unsharded recipe."""
    pairs = _pairs(sets)
    for name, number in (("shards", shards), ("slices", slices)):
        if number is None:
            continue
        if recipe != "sharded" or name in pairs:
            raise BadInput(found=f"--{name} {number}", expected="it once, and with --recipe sharded", remedy="leave one of them out")
        pairs[name] = str(number)
    return pairs


def _pairs(sets: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for entry in sets:
        name, is_pair, text = entry.partition("=")
        if not is_pair:
            raise BadInput(found=f"--set {entry}", expected="NAME=VALUE", remedy="correct it")
        pairs[name] = text
    return pairs
