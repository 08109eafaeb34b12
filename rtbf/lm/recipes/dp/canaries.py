"""The canaries of one private training: drawn from its secret, planted by its coins, guessed at in what came out.

Their words and coins follow from the secret, so a training that was killed plants the same ones, and when the secret is destroyed
nobody can tell any more which there were. What an audit proves, and what it does not, `rtbf.lm.recipes.dp.audit` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import PrivacyRefuted
from rtbf.lm.encoding import Item, training_items
from rtbf.lm.recipes.dp.audit import LEVEL, CanaryAudit, audited, gains, guesses_of, made_up_canaries, nats_of
from rtbf.lm.recipes.dp.certificate import CanaryCounts, lower_text
from rtbf.lm.recipes.dp.subjects import canary_coins, canary_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

    from rtbf.vault.secret import SecretBytes

FEWEST_CANARIES = 20
"""All 8 guesses about 20 right refute ε up to 0.78; all 4 about 10 refute nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Canaries:
    """Made-up subjects with the sequences of each, and for each whether it is trained along."""

    items: Mapping[str, Sequence[Item]]
    coins: tuple[bool, ...]

    def planted(self) -> dict[str, list[list[Item]]]:
        """Return those whose coin puts them into the training, with the sequences of their one record."""
        return {name: [list(own)] for (name, own), is_in in zip(self.items.items(), self.coins, strict=True) if is_in}


def drawn_canaries(count: int, subject_field: str, secret: SecretBytes, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Canaries:
    """Return the canaries of the training that has this secret; none for a count of 0."""
    made = made_up_canaries(count, subject_field, canary_seed(secret))
    items = {record.record_id: training_items([record], tokenizer, max_tokens) for record in made}
    return Canaries(items=items, coins=canary_coins(secret, count))


def audit_of(model: PeftModel, canaries: Canaries, *, epsilon: float, delta: float) -> CanaryCounts | None:
    """Return what the guesses about a training come to, with its adapter on and off; None without canaries.

    raises   PrivacyRefuted where the guesses refute, at `LEVEL`, that the training was (epsilon, delta)-private. An honest training is
             refused so once in 20 times at most.
    """
    if not canaries.coins:
        return None
    with model.disable_adapter():
        before = canary_nats(model, canaries)
    scores = gains(before, canary_nats(model, canaries))
    found = audited(scores, canaries.coins, guesses_of(len(scores)), delta=delta)
    if found.refutes(epsilon):
        raise PrivacyRefuted(
            found=f"{found.right} of {found.guesses} guesses about {found.canaries} canaries right, which a training with epsilon "
            f"{epsilon:.2f} allows less often than once in {round(1 / (1 - LEVEL))} times",
            expected="an audit that does not refute the training's own budget",
            remedy="nothing was registered; report this as a defect, and do not use what came out",
        )
    return canary_counts(found)


def canary_counts(audit: CanaryAudit) -> CanaryCounts:
    """Return an audit as a certificate holds it."""
    return CanaryCounts(
        canaries=audit.canaries,
        guesses=audit.guesses,
        right=audit.right,
        level=f"{audit.level:g}",
        refuted=None if audit.refuted is None else lower_text(audit.refuted),
        best_refutable=None if audit.best_refutable is None else lower_text(audit.best_refutable),
    )


def canary_nats(model: torch.nn.Module, canaries: Canaries) -> list[float]:
    """Return each canary's NLL per answer token, planted or not; of one that takes several sequences, their mean."""
    flat = nats_of(model, [item for own in canaries.items.values() for item in own])
    found, start = [], 0
    for own in canaries.items.values():
        found.append(math.fsum(flat[start : start + len(own)]) / len(own))
        start += len(own)
    return found
