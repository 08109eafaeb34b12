"""What every benchmark prints beside its ratio: the machine, and the medians the ratio is made of.

A ratio of two medians taken alternately in one run says little about absolute speed and survives a busy neighbour; no
test asserts on it.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Median seconds of ours and of the baseline, measured in turns."""

    ours_s: float
    baseline_s: float
    rounds: int


def compare(ours: Callable[[], object], baseline: Callable[[], object], rounds: int) -> Comparison:
    """Return the medians of `rounds` runs of each, one after the other, after one run of each that does not count."""
    times: dict[str, list[float]] = {"ours": [], "baseline": []}
    for number in range(rounds + 1):
        for name, run in (("ours", ours), ("baseline", baseline)):
            started_s = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - started_s)
    return Comparison(ours_s=statistics.median(times["ours"]), baseline_s=statistics.median(times["baseline"]), rounds=rounds)


def describe_machine(packages: Sequence[str], threads: int | None = None) -> str:
    """Return one line: CPU model, cores, threads used, Python and package versions."""
    parts = [_cpu_model(), f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    if threads is not None:
        parts.insert(2, f"{threads} torch thread(s)")
    return "machine   " + ", ".join([*parts, *(f"{package} {version(package)}" for package in packages)])


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
