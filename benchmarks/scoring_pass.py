"""All teacher-forced probes from one forward pass against one pass for each probe. Run as `python -m benchmarks.scoring_pass`.

Baseline: for each probe a loop over batches of the same size in the given order, padded, with an attention mask, and a
log-softmax over the whole vocabulary at every position. Exit code 1 when a value differs by more than 2e-5.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.machine import compare, describe_machine
from benchmarks.tiny import padded, random_items, tiny_llama
from rtbf.lm.load import prepare_torch
from rtbf.lm.scoring import BATCH_ITEMS, ItemScores, score_items
from rtbf.plan.card import load

PROBES = ("exact_memorisation", "extraction_strength", "answer_probability", "verbatim_completion", "retain_loss")
N_ITEMS = 128
ROUNDS = 7
TOLERANCE = 2e-5


def main() -> int:
    """Measure, compare the values, and print."""
    prepare_torch(1)
    model, items = tiny_llama(), random_items(N_ITEMS, 1)
    probes = {name: load("probe", name) for name in PROBES}

    def one_pass() -> dict[str, list[float]]:
        scores = score_items(model, items)
        return {name: [probe.value(score) for score in scores] for name, probe in probes.items()}

    def pass_for_each() -> dict[str, list[float]]:
        return {name: [probe.value(score) for score in _textbook_scores(model, items)] for name, probe in probes.items()}

    ours, baseline = one_pass(), pass_for_each()
    difference = max(abs(a - b) for name in PROBES for a, b in zip(ours[name], baseline[name], strict=True))
    measured = compare(one_pass, pass_for_each, ROUNDS)
    print(f"scoring_pass: {len(PROBES)} probes of {N_ITEMS} items in one pass against one textbook pass for each probe")
    print(f"ours      {measured.ours_s:.3f} s, baseline {measured.baseline_s:.3f} s (medians of {ROUNDS}, in turns)")
    print(f"ratio     {measured.baseline_s / measured.ours_s:.1f} × as fast; with seven probes the bar is 10")
    print(f"equality  largest difference {difference:.1e} (bar: {TOLERANCE:g})")
    print(describe_machine(["torch", "transformers"], threads=1))
    return 0 if difference <= TOLERANCE else 1


def _textbook_scores(model: torch.nn.Module, items: list) -> list[ItemScores]:
    """Return the items' scores from padded batches in the given order, full logits, mask."""
    scores = []
    for start in range(0, len(items), BATCH_ITEMS):
        batch = items[start : start + BATCH_ITEMS]
        input_ids, mask, labels = padded(batch)
        with torch.no_grad():
            log_probs = model(input_ids=input_ids, attention_mask=mask).logits[:, :-1].log_softmax(dim=-1)  # (B, T-1, V)
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
                )
            )
    return scores


if __name__ == "__main__":
    sys.exit(main())
