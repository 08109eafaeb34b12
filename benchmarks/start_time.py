"""How long `rtbf --help` takes against `python -c "import click"`: the bar is 2.5×. Run as `python -m benchmarks.start_time`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.machine import compare, describe_machine

ROUNDS = 31
BAR = 2.5


def main() -> int:
    """Measure and print."""
    terminal = str(Path(sys.executable).with_name("rtbf"))
    measured = compare(lambda: _run(terminal, "--help"), lambda: _run(sys.executable, "-c", "import click"), ROUNDS)
    print("start_time: `rtbf --help` against `python -c 'import click'`")
    print(f"ours      {measured.ours_s * 1000:.0f} ms, baseline {measured.baseline_s * 1000:.0f} ms (medians of {ROUNDS}, in turns)")
    print(f"ratio     {measured.ours_s / measured.baseline_s:.2f} × the baseline's time (bar: at most {BAR})")
    print(describe_machine(["click"]))
    return 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own commands


if __name__ == "__main__":
    sys.exit(main())
