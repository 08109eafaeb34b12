"""A located person in a home with a corpus of two people and a tiny model that was trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.footprint.record import Footprint, Hit, ModelReached
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.registration import add_corpus
from rtbf.store import registry
from tests import builders, tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

SHAPE = {"hidden": "16", "layers": "1", "epochs": "1"}
N_HITS = 6


@pytest.fixture
def footprint(installation: Installation, tmp_path: Path) -> Footprint:
    """Forty records of two people, a model trained on them, and six hits of one of them."""
    lines = [f'{{"question": "{record.prompt}", "answer": "{record.completion}"}}\n' for record in tiny.records(people=2)]
    path = tmp_path / "community.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    add_corpus(installation, name="community", paths=[path], actor="marek", connector_name=None, prompt_field=None, completion_field=None)
    request = TrainingRequest(name="assistant", corpus="community", preset="tiny", overrides=SHAPE, base=None, seed=3)
    model = train_model(installation, request, "marek", restricted={}, unsearched=(), threads=1)
    with installation.transaction() as session:
        version = registry.current_corpus(session, "community").version
    ids = [f"{version.shards[0].sha256[:12]}:{place}" for place in range(1, N_HITS + 1)]
    return builders.footprint(
        hits=tuple(Hit(corpus="community", version=version.digest, record_id=name, matched=((1, "name", 1),)) for name in ids),
        models=(
            ModelReached(
                model="assistant", digest=model.digest, corpus="community", version=version.digest, hits=N_HITS, via=("assistant",)
            ),
        ),
    )
