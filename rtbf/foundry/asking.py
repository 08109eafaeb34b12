"""Ask a registered model something, as a person at the prompt would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.generation import complete
from rtbf.lm.load import load_model, load_tokenizer, prepare_torch
from rtbf.store import registry

if TYPE_CHECKING:
    from rtbf.installation import Installation


def ask_model(installation: Installation, name: str, prompt: str, *, revision: int | None, threads: int) -> str:
    """Return a registered model's greedy answer to `prompt`; the live revision when none is named."""
    prepare_torch(threads)
    with installation.transaction() as session:
        registered = registry.live_model(session, name) if revision is None else registry.model_revision(session, name, revision)
    folder = installation.home.resolved(registered.location)
    model = load_model(folder, registered.model.digest, f"model {name}")
    return complete(model, load_tokenizer(folder), prompt)
