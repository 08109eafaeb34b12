"""Run every benchmark, or the named ones, and write what they printed into docs/reference/benchmarks.md. Run as `make bench`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reference" / "benchmarks.md"
BENCHMARKS = (
    "start_time",
    "scoring_pass",
    "scoring_rate",
    "score_memory",
    "tofu_suite",
    "step_rate",
    "pdf_time",
    "ledger",
    "bundle_check",
    "sharding",
)
OPTIONS = {"sharding": ("--quick",)}
"""Its whole form takes ten minutes and writes a page of its own (`make bench-sharding`)."""
_BLOCK = re.compile(r"^## (\w+)\n\n```\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    """Run them one after the other, print and write their output; return 1 when one failed.

    With names as arguments only those are run, and the others' blocks stay as they were: each names its own machine.
    """
    wanted = sys.argv[1:] or BENCHMARKS
    texts = dict(_BLOCK.findall(PAGE.read_text(encoding="utf-8"))) if sys.argv[1:] else {}
    has_failed = False
    for name in wanted:
        command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}", *OPTIONS.get(name, ())]
        done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own files
        print(done.stdout, flush=True)
        has_failed = has_failed or done.returncode != 0
        texts[name] = done.stdout.rstrip()
    if has_failed:
        print("a benchmark failed; the page was left as it was", file=sys.stderr)
        return 1
    blocks = "\n\n".join(f"## {name}\n\n```\n{texts[name]}\n```" for name in BENCHMARKS if name in texts)
    head = "Written by `make bench`. Each block is one run: ours and a named baseline measured in turns, on the machine it names."
    PAGE.write_text(f"# Benchmarks\n\n{head}\nRatios are the result; seconds are this machine's.\n\n{blocks}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
