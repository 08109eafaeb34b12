"""Seven teacher-forced scores from one forward pass against one pass for each score. Run as `python -m benchmarks.scoring_pass`.

The scores are probability, exact memorisation, extraction strength, loss, loss over compressed bytes, Min-K% and Min-K%++.
Baseline: for each of them a loop over batches of the same size in the given order, padded, with an attention mask, and a
log-softmax over the whole vocabulary at every position. Exit code 1 when a value differs by more than 2e-5.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.machine import compare, describe_machine
from benchmarks.tiny import padded, random_items, tiny_llama
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.load import prepare_torch
from rtbf.lm.scoring import BATCH_ITEMS, score_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.lm.encoding import Item

N_ITEMS = 128
ROUNDS = 7
BAR = 10
TOLERANCE = 2e-5
K = 0.2
"""Share of the least likely tokens that Min-K% looks at (arXiv 2310.16789)."""


def main() -> int:
    """Measure, compare the values, and print."""
    prepare_torch(1)
    model: Any = tiny_llama()
    with torch.no_grad():
        # An untrained model's distributions are flat; a trained one's are not, and only there do the moments mean anything.
        model.get_input_embeddings().weight.mul_(5)
    items = [replace(item, zlib_bytes=2 * len(item.answer_ids)) for item in random_items(N_ITEMS, 1)]

    def one_pass() -> dict[str, list[float]]:
        scores = score_items(model, items)
        return {name: [value(score) for score in scores] for name, value in _SCORES.items()}

    def pass_for_each() -> dict[str, list[float]]:
        return {name: [value(score) for score in _textbook_scores(model, items, name == "min_k_plus")] for name, value in _SCORES.items()}

    ours, baseline = one_pass(), pass_for_each()
    difference = max(abs(a - b) for name in _SCORES for a, b in zip(ours[name], baseline[name], strict=True))
    measured = compare(one_pass, pass_for_each, ROUNDS)
    print(f"scoring_pass: {len(_SCORES)} scores of {N_ITEMS} items in one pass against one textbook pass for each score")
    print(f"ours      {measured.ours_s:.3f} s, baseline {measured.baseline_s:.3f} s (medians of {ROUNDS}, in turns)")
    print(f"ratio     {measured.baseline_s / measured.ours_s:.1f} × as fast (bar: {BAR})")
    print(f"equality  largest difference {difference:.1e} (bar: {TOLERANCE:g})")
    print(describe_machine(["torch", "transformers"], threads=1))
    return 0 if difference <= TOLERANCE else 1


def _mean(values: tuple[float, ...]) -> float:
    return math.fsum(values) / len(values)


def _lowest(values: list[float]) -> float:
    """Return the mean of the lowest share K."""
    n = max(1, int(K * len(values)))
    return math.fsum(sorted(values)[:n]) / n


def _strength(score: ItemScores) -> float:
    last_miss = max((place for place, is_hit in enumerate(score.hits) if not is_hit), default=-1)
    return 1 - (last_miss + 1) / len(score.hits)


_SCORES: dict[str, Callable[[ItemScores], float]] = {
    "probability": lambda score: math.exp(_mean(score.log_probs)),
    "exact_memorisation": lambda score: sum(score.hits) / len(score.hits),
    "extraction_strength": _strength,
    "loss": lambda score: -_mean(score.log_probs),
    "zlib": lambda score: -math.fsum(score.log_probs) / (score.zlib_bytes or math.nan),
    "min_k": lambda score: _lowest(list(score.log_probs)),
    "min_k_plus": lambda score: _lowest(
        [(value - mean) / spread for value, mean, spread in zip(score.log_probs, score.means, score.deviations, strict=True)]
    ),
}


def _textbook_scores(model: torch.nn.Module, items: list[Item], has_moments: bool) -> list[ItemScores]:  # noqa: FBT001 - private
    """Return the items' scores from padded batches in the given order, full logits, mask; moments only where they are used."""
    scores = []
    for start in range(0, len(items), BATCH_ITEMS):
        batch = items[start : start + BATCH_ITEMS]
        input_ids, mask, labels = padded(batch)
        with torch.no_grad():
            log_probs = model(input_ids=input_ids, attention_mask=mask).logits[:, :-1].log_softmax(dim=-1)  # (B, T-1, V)
            means, spreads = _moments(log_probs) if has_moments else (log_probs[..., 0], log_probs[..., 0])
        targets = labels[:, 1:]
        taken = log_probs.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        hits = log_probs.argmax(dim=-1) == targets
        for place, item in enumerate(batch):
            is_scored = targets[place] != -100  # noqa: PLR2004 - the textbook's mark for "not scored"
            scores.append(
                ItemScores(
                    record_id=item.record_id,
                    log_probs=tuple(taken[place][is_scored].tolist()),
                    hits=tuple(hits[place][is_scored].tolist()),
                    has_end=item.has_end,
                    means=tuple(means[place][is_scored].tolist()),
                    deviations=tuple(spreads[place][is_scored].tolist()),
                    zlib_bytes=item.zlib_bytes,
                )
            )
    return scores


def _moments(log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    shares = log_probs.exp()
    means = (shares * log_probs).sum(dim=-1)
    return means, (shares * (log_probs - means.unsqueeze(-1)).square()).sum(dim=-1).sqrt()


if __name__ == "__main__":
    sys.exit(main())
