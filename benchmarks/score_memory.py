"""Peak memory of scoring at a vocabulary of 128 000, in blocks against whole logits. Run as `python -m benchmarks.score_memory`.

Baseline: the same items, batches and output layer, but the logits of all answer positions of a batch stand at once, and
with them the log-softmax and what the moments need. One process a side; memory is the growth of the peak resident size
over what the process held once it had scored one short item.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.machine import describe_machine
from benchmarks.tiny import random_items
from rtbf.lm.answers import answer_logits
from rtbf.lm.load import prepare_torch
from rtbf.lm.positions import MAX_LOGITS
from rtbf.lm.scoring import BATCH_ITEMS, score_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.lm.encoding import Item

VOCABULARY = 128_000
BAR = 0.5
TOLERANCE = 2e-5


def main(arguments: list[str]) -> int:
    """Measure and print; with `--peak blocks|whole` print that side's peak growth in KiB and the sum of its means instead."""
    prepare_torch(1)
    if arguments[:1] == ["--peak"]:
        print(*_peak_kib(_SIDES[arguments[1]]))
        return 0
    (blocks_kib, blocks_mean), (whole_kib, whole_mean) = (_in_a_process(name) for name in ("blocks", "whole"))
    n_positions = sum(len(item.answer_ids) for item in random_items(BATCH_ITEMS, 1))
    print(f"score_memory: {n_positions} answer positions at a vocabulary of {VOCABULARY}, logits in blocks against whole logits")
    print(f"ours      {blocks_kib // 1024} MiB, baseline {whole_kib // 1024} MiB (growth of the peak resident size)")
    block_mib = MAX_LOGITS * 4 // 2**20
    print(f"ratio     {blocks_kib / whole_kib:.2f} × the baseline's (bar: {BAR}); a block is {block_mib} MiB whatever the batch")
    print(f"equality  mean of the moments differs by {abs(blocks_mean - whole_mean):.1e} (bar: {TOLERANCE:g})")
    print(describe_machine(["torch", "transformers"], threads=1))
    return 0 if abs(blocks_mean - whole_mean) <= TOLERANCE else 1


def _in_blocks(model: torch.nn.Module, items: list[Item]) -> float:
    means = [value for score in score_items(model, items) for value in score.means]
    return sum(means) / len(means)


def _whole(model: torch.nn.Module, items: list[Item]) -> float:
    with torch.no_grad():
        log_probs = answer_logits(model, items).logits.log_softmax(dim=-1)  # (N, V)
        shares = log_probs.exp()
        means = (shares * log_probs).sum(dim=-1)
        (shares * (log_probs - means.unsqueeze(1)).square()).sum(dim=-1).sqrt()
        (log_probs / 0.7).logsumexp(dim=-1)
    return float(means.double().mean())


_SIDES: dict[str, Callable[[torch.nn.Module, list[Item]], float]] = {"blocks": _in_blocks, "whole": _whole}


def _peak_kib(score: Callable[[torch.nn.Module, list[Item]], float]) -> tuple[int, float]:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **shape, max_position_embeddings=256, tie_word_embeddings=True)).eval()
    score(model, random_items(1, 4))
    held = _status_kib("VmRSS")
    mean = score(model, random_items(BATCH_ITEMS, 1))
    return _status_kib("VmHWM") - held, mean


def _status_kib(field: str) -> int:
    # Not getrusage: its peak survives exec, so that a child would report its parent's.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def _in_a_process(name: str) -> tuple[int, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.score_memory", "--peak", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very file
    peak, mean = done.stdout.split()
    return int(peak), float(mean)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
