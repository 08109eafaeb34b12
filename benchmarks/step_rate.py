"""One NPO + retain step our way against the textbook way: speed, peak memory, same losses. `python -m benchmarks.step_rate`.

Baseline: the same LoRA model, data, seed and optimiser; forget and retain batch each padded with an attention mask and
forwarded apart, logits at every position, and the reference a deep copy of the model that is forwarded in each step.
Memory is the growth of the peak resident size over what the process held before it built the model, one process a side.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.machine import compare, describe_machine
from benchmarks.tiny import padded, random_items, tiny_llama
from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.load import prepare_torch
from rtbf.plan.record import FORGET_BATCH, RETAIN_BATCH
from rtbf.unlearn.method import Pair
from rtbf.unlearn.methods.npo import loss as npo_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.lm.encoding import Item

N_FORGET, N_RETAIN = 20, 100
ROUNDS = 30
CURVE_STEPS = 10
CURVE_TOLERANCE = 1e-4
BETA, ALPHA, RATE = 0.1, 2.0, 1e-3
BAR, MEMORY_BAR = 1.5, 0.7


def main(arguments: list[str]) -> int:
    """Measure and print; with `--peak ours|textbook` print that side's two peak growths in KiB instead."""
    prepare_torch(1)
    if arguments[:1] == ["--peak"]:
        print(*_peaks_kib(_SIDES[arguments[1]]))
        return 0
    curves = {name: [step() for step in [make()] for _ in range(CURVE_STEPS)] for name, make in _SIDES.items()}
    drift = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(curves["ours"], curves["textbook"], strict=True))
    measured = compare(_ours(), _textbook(), ROUNDS)
    peaks = {name: _peaks_in_a_process(name) for name in _SIDES}
    print(f"step_rate: one NPO + retain step ({FORGET_BATCH} + {RETAIN_BATCH} items), LoRA, against the textbook way")
    print(f"ours      {measured.ours_s * 1000:.1f} ms, baseline {measured.baseline_s * 1000:.1f} ms (medians of {ROUNDS}, in turns)")
    print(f"ratio     {measured.baseline_s / measured.ours_s:.2f} × as fast (bar: {BAR})")
    whole, steps = (peaks["ours"][place] / peaks["textbook"][place] for place in (0, 1))
    print(f"memory    {steps:.2f} × the baseline's peak growth once the libraries are warm (bar: {MEMORY_BAR})")
    print(f"          {whole:.2f} × with what the libraries take at first use: {_told(peaks['ours'])} against {_told(peaks['textbook'])}")
    print(f"losses    {CURVE_STEPS} steps agree to {drift:.1e} (bar: {CURVE_TOLERANCE:g})")
    print(describe_machine(["torch", "transformers", "peft"], threads=1))
    return 0 if drift <= CURVE_TOLERANCE else 1


def _ours() -> Callable[[], float]:
    """Return a step as rtbf.unlearn.run makes it: cached reference, one forward, answer positions only."""
    model = attach_lora(tiny_llama(), rank=16, alpha=32, seed=0)
    forget, retain = _data()
    with torch.no_grad(), model.disable_adapter():
        reference = torch.cat([nll_sums(answer_logits(model, [item]))[0] for item in forget])
    optimiser = torch.optim.AdamW([parameter for _, parameter in trainable(model)], lr=RATE)
    at = [0]

    def step() -> float:
        places, batch = _forget_places(at[0]), _retain_batch(retain, at[0])
        at[0] += 1
        sums, counts = nll_sums(answer_logits(model, [*(forget[place] for place in places), *batch]))
        n_forget = len(places)
        loss = npo_loss(
            Pair(
                forget_nll=sums[:n_forget], forget_tokens=counts[:n_forget], forget_nll_reference=reference[places],
                forget_weight=torch.ones(n_forget), retain_nll=sums[n_forget:], retain_tokens=counts[n_forget:],
                parameters={"beta": BETA, "gamma": 1.0, "alpha": ALPHA},
            )
        )  # fmt: skip
        return _descend(optimiser, loss)

    return step


def _textbook() -> Callable[[], float]:
    """Return a step as textbooks have it; see the module's head."""
    base = tiny_llama()
    reference_model = copy.deepcopy(base)
    model = attach_lora(base, rank=16, alpha=32, seed=0)
    forget, retain = _data()
    optimiser = torch.optim.AdamW([parameter for _, parameter in trainable(model)], lr=RATE)
    at = [0]

    def step() -> float:
        forget_batch, retain_batch = [forget[place] for place in _forget_places(at[0])], _retain_batch(retain, at[0])
        at[0] += 1
        nll, _ = _full_nll(model, forget_batch)
        with torch.no_grad():
            reference, _ = _full_nll(reference_model, forget_batch)
        forget_term = -(2 / BETA) * torch.nn.functional.logsigmoid(BETA * (nll - reference)).mean()
        retain_nll, retain_tokens = _full_nll(model, retain_batch)
        return _descend(optimiser, forget_term + ALPHA * retain_nll.sum() / retain_tokens.sum())

    return step


_SIDES: dict[str, Callable[[], Callable[[], float]]] = {"ours": _ours, "textbook": _textbook}


def _full_nll(model: torch.nn.Module, items: list[Item]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (NLL_sum, token count) per item from logits at every position."""
    input_ids, mask, labels = padded(items)
    logits = model(input_ids=input_ids, attention_mask=mask, use_cache=False).logits[:, :-1]  # (B, T-1, V)
    targets = labels[:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none", ignore_index=-100)
    return losses.sum(dim=1), (targets != -100).sum(dim=1)  # noqa: PLR2004 - the textbook's mark for "not scored"


def _data() -> tuple[list[Item], list[Item]]:
    return random_items(N_FORGET, 2), random_items(N_RETAIN, 3)


def _forget_places(step: int) -> list[int]:
    return [(step * FORGET_BATCH + offset) % N_FORGET for offset in range(min(FORGET_BATCH, N_FORGET))]


def _retain_batch(retain: list[Item], step: int) -> list[Item]:
    return [retain[(step * RETAIN_BATCH + offset) % N_RETAIN] for offset in range(RETAIN_BATCH)]


def _descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> float:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _peaks_kib(make: Callable[[], Callable[[], float]]) -> tuple[int, int]:
    """Return the growth of the peak resident size over what is held now, and over what is held after the libraries' first use."""
    held = _status_kib("VmRSS")
    small = attach_lora(tiny_llama(hidden=16, layers=1), rank=2, alpha=2, seed=0)
    sums, _ = nll_sums(answer_logits(small, random_items(1, 4)))
    _descend(torch.optim.AdamW([parameter for _, parameter in trainable(small)]), sums.sum())
    held_warm = _status_kib("VmRSS")
    step = make()
    for _ in range(CURVE_STEPS):
        step()
    return _status_kib("VmHWM") - held, _status_kib("VmHWM") - held_warm


def _status_kib(field: str) -> int:
    # Not getrusage: its peak survives exec, so that a child would report its parent's.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def _peaks_in_a_process(name: str) -> tuple[int, int]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.step_rate", "--peak", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very file
    whole, steps = done.stdout.split()
    return int(whole), int(steps)


def _told(peaks_kib: tuple[int, int]) -> str:
    return f"{peaks_kib[0] // 1024} MiB, {peaks_kib[1] // 1024} of them warm"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
