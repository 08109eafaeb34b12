"""Tokens scored a second against a bare forward of the same items. Run as `python -m benchmarks.scoring_rate`.

Baseline: batches of the same size in the given order, padded, with an attention mask, logits at every position, and
nothing done with them. Ours returns all columns: log-prob, hit, moments and cooled log-prob of each answer token.
The plain columns are what the unlearning loop asks for every few steps.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.machine import compare, describe_machine
from benchmarks.tiny import padded, random_items, tiny_llama
from rtbf.lm.load import prepare_torch
from rtbf.lm.scoring import BATCH_ITEMS, score_items, tokens_of

N_ITEMS = 256
ROUNDS = 9
BAR = 0.9


def main() -> int:
    """Measure and print."""
    prepare_torch(1)
    model, items = tiny_llama(), random_items(N_ITEMS, 1)
    tokens = tokens_of(items)

    def bare_forward() -> None:
        for start in range(0, len(items), BATCH_ITEMS):
            input_ids, mask, _ = padded(items[start : start + BATCH_ITEMS])
            with torch.no_grad():
                model(input_ids=input_ids, attention_mask=mask)

    every = compare(lambda: score_items(model, items), bare_forward, ROUNDS)
    plain = compare(lambda: score_items(model, items, columns="plain"), bare_forward, ROUNDS)
    print(f"scoring_rate: {tokens} tokens of {N_ITEMS} items scored, against a bare forward with full logits")
    print(f"ours      {tokens / every.ours_s:.0f} tokens/s, baseline {tokens / every.baseline_s:.0f} (medians of {ROUNDS}, in turns)")
    print(f"ratio     {every.baseline_s / every.ours_s:.2f} × the rate of the bare forward (bar: {BAR})")
    print(f"plain     {plain.baseline_s / plain.ours_s:.2f} × with log-probs and hits only, {tokens / plain.ours_s:.0f} tokens/s")
    print(describe_machine(["torch", "transformers"], threads=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
