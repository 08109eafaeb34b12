"""Scoring at a real model's vocabulary takes a bounded amount of memory, whatever the batch holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from rtbf.lm.encoding import Item
from rtbf.lm.scoring import score_items

def status_kib(field):
    lines = open("/proc/self/status", encoding="ascii").read().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])

torch.set_num_threads(1)
shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
model = LlamaForCausalLM(LlamaConfig(vocab_size=128_000, **shape, max_position_embeddings=256, tie_word_embeddings=True)).eval()
items = [Item(record_id=f"r{n}", prompt_ids=(1,), answer_ids=tuple(range(n, n + 100)), has_end=False) for n in range(16)]
score_items(model, items[:1], batch_items=1, columns=sys.argv[1])
held = status_kib("VmRSS")
scores = score_items(model, items, columns=sys.argv[1])
print(status_kib("VmHWM") - held, sum(len(score.log_probs) for score in scores))
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize("columns", ["all", "plain"])
def test_a_large_vocabulary_does_not_decide_the_memory(columns: str) -> None:
    """1 600 answer positions of 128 000 logits are 781 MiB in float32, and whole moments would take four times that."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT, columns], capture_output=True, text=True, check=True)

    growth_kib, n_scored = map(int, done.stdout.split())
    assert n_scored == 1600
    assert growth_kib < 4 * 64 * 1024  # four blocks of 64 MiB (positions.MAX_LOGITS)
