"""`rtbf model shards|replay`: what the shards of a model are, and the same training once more for whoever doubts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.errors import DONE, REFUSED
from rtbf.cli.progress import shown_progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.foundry.replaying import Replay

_SHORT = 19
"""Characters of a digest that are shown in a table: the algorithm and twelve hex digits."""


@click.command("shards")
@click.argument("name")
@click.option("--revision", type=int, help="Default: the live one.")
@click.pass_obj
def shards(context: CliContext, name: str, revision: int | None) -> None:
    """Show what each shard of the sharded model NAME was given, whether it is served, and the digest of its adapter."""
    # torch takes seconds, which only these commands pay.
    from rtbf.foundry.families import shards_of_model  # noqa: PLC0415

    model, state, size_bytes = shards_of_model(context.open_installation(), name, revision)
    shape: dict[str, Any] = {
        "name": name,
        "revision": model.revision,
        "family": state.family,
        "sealed_bytes": size_bytes,
        "shards": [
            {
                "shard": number,
                "status": entry.status,
                "records": sum(part.records for part in entry.slices),
                "records_by_slice": [part.records for part in entry.slices],
                "adapter": entry.adapter,
            }
            for number, entry in enumerate(state.shards)
        ],
    }
    emit(context, shape, lambda: _shard_table(shape))


@click.command("replay")
@click.argument("name")
@click.option("--revision", type=int, help="Default: the live one.")
@click.option("--shard", type=click.IntRange(0), help="Train this shard alone, counted from 0. Default: all that are served.")
@click.pass_obj
def replay(context: CliContext, name: str, revision: int | None, shard: int | None) -> int:
    """Train shards of NAME once more from nothing, on what the registry says they were given, and compare the digests.

    No checkpoint is read. Equal bits are promised on a CPU with the recorded build and thread count: exit 0 when every digest is
    the recorded one, 1 when one is not.
    """
    # As above.
    from rtbf.foundry.replaying import replay_model  # noqa: PLC0415

    installation = context.open_installation()
    with shown_progress() as progress:
        found = replay_model(installation, name, revision=revision, shard=shard, threads=context.settings.torch_threads, progress=progress)
    shape: dict[str, Any] = {
        "name": found.model,
        "revision": found.revision,
        "is_equal": found.is_equal,
        "shards": [
            {"shard": one.shard, "records": one.records, "recorded": one.recorded, "found": one.found, "is_equal": one.is_equal}
            for one in found.shards
        ],
        "served": None if found.served is None else {"recorded": found.served[0], "found": found.served[1]},
        "differences": list(found.differences),
    }
    emit(context, shape, lambda: _replayed(found))
    return DONE if found.is_equal else REFUSED


def _shard_table(shape: dict[str, Any]) -> RenderableType:
    # Drawn only for people; see rtbf.cli.context.
    from rich.table import Table  # noqa: PLC0415

    table = Table(
        "shard", "status", "records", "by slice", "adapter",
        title=f"{shape['name']} revision {shape['revision']}, family {shape['family']}",
        caption=f"sealed checkpoints: {shape['sealed_bytes'] / 1e6:.1f} MB",
    )  # fmt: skip
    for one in shape["shards"]:
        by_slice = " ".join(map(str, one["records_by_slice"]))
        table.add_row(str(one["shard"]), one["status"], str(one["records"]), by_slice, (one["adapter"] or "none served")[:_SHORT])
    return table


def _replayed(found: Replay) -> RenderableType:
    # As above.
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("shard", "records", "recorded", "trained again", "", title=f"{found.model} revision {found.revision}, from nothing")
    for one in found.shards:
        told = "equal" if one.is_equal else "NOT equal"
        table.add_row(str(one.shard), str(one.records), (one.recorded or "")[:_SHORT], (one.found or "")[:_SHORT], told)
    lines = []
    if found.served is not None:
        same = "equal" if found.served[0] == found.served[1] else "NOT equal"
        lines = [
            f"served weights, recorded:      {found.served[0]}",
            f"served weights, trained again: {found.served[1]}: the bytes are {same}",
        ]
    if not found.is_equal and found.differences:
        lines.append("not the recorded environment, so bits may differ for that alone: " + "; ".join(found.differences))
    return Group(table, *lines)
