"""What became of a model's shards, and what bounds a person's influence, drawn for the terminal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.cli.drawing import grid, section
from rtbf.report.proof_words import privacy_facts, shards_facts, shards_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rtbf.unlearn.record import TrainingProof


def proof_part(proof: TrainingProof | None) -> RenderableType | None:
    """Return shards and bound of a proof, each under its heading; None where it has neither."""
    parts: list[RenderableType] = []
    if proof is not None and proof.shards is not None:
        shards = dataclasses.asdict(proof.shards)
        parts += [section("Shards"), _facts(shards_facts(shards)), *_rows(shards_rows(shards))]
    if proof is not None and proof.privacy is not None:
        parts += [section("Bound on one person's influence"), _facts(privacy_facts(dataclasses.asdict(proof.privacy)))]
    return Group(*parts) if parts else None


def _facts(rows: Sequence[tuple[str, str]]) -> Table:
    table = grid()
    for name, value in rows:
        table.add_row(name, Text(value))
    return table


def _rows(rows: Sequence[Sequence[str]]) -> list[RenderableType]:
    if not rows:
        return []
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("shard", "change", "before", "after"):
        table.add_column(name, no_wrap=name != "change", overflow="fold")
    for name in ("from slice", "steps"):
        table.add_column(name, no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*row)
    return [table]
