"""How long a report takes to print and to sign, against a one-page text by the same renderer. Run as `python -m benchmarks.pdf_time`.

Cold is what a command pays once: a fresh process that imports, prints and signs one report, against a fresh process that
imports typst and prints "Hello" on one page. Warm is what each further report costs in a process that has printed before.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import typst

from benchmarks.machine import Comparison, compare, describe_machine
from rtbf.report.pdf.verify import verify_pdf
from tests.pdf_signing import ISSUED_AT, pdf_signer, print_report, printed_report

COLD_ROUNDS, WARM_ROUNDS = 7, 15
ONE_PAGE = b'#set document(title: "Hello")\nHello'
OURS_COLD = "from tests.pdf_signing import signed_report; signed_report()"
BASELINE_COLD = f"import typst; typst.compile({ONE_PAGE!r}, format='pdf', ignore_system_fonts=True, pdf_standards=['a-3a', 'ua-1'])"


def main() -> int:
    """Measure and print."""
    signer = pdf_signer(made_at=datetime(2026, 1, 2, tzinfo=UTC))
    envelope, unsigned = printed_report()
    signed = signer.sign(unsigned, at=ISSUED_AT)
    cold = compare(lambda: _run(OURS_COLD), lambda: _run(BASELINE_COLD), COLD_ROUNDS)
    printing = compare(print_report, _one_page, WARM_ROUNDS)
    signing = compare(lambda: signer.sign(unsigned, at=ISSUED_AT), _one_page, WARM_ROUNDS)
    checking = compare(lambda: verify_pdf(signed, envelope=envelope, roots=[signer.ca]), _one_page, WARM_ROUNDS)
    print(f"pdf_time: a report of {len(signed) // 1024} KiB, printed and signed, against a one-page text by typst")
    print(_line("cold", "import, print and sign in a fresh process", cold))
    print(_line("print", "warm", printing))
    print(_line("sign", "warm, PAdES B-B", signing))
    print(_line("check", "warm", checking))
    print(describe_machine(["typst", "pyhanko", "cryptography"]))
    return 0


def _line(name: str, words: str, measured: Comparison) -> str:
    ratio = measured.ours_s / measured.baseline_s
    times = f"{measured.ours_s * 1000:.0f} ms, baseline {measured.baseline_s * 1000:.1f} ms"
    return f"{name:<9} {ratio:.1f} × the baseline's time ({words}: {times}; medians of {measured.rounds}, in turns)"


def _one_page() -> bytes:
    page: bytes = typst.compile(ONE_PAGE, format="pdf", ignore_system_fonts=True, pdf_standards=["a-3a", "ua-1"])
    return page


def _run(program: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", program]
    subprocess.run(command, cwd=Path(__file__).parent.parent, check=True, capture_output=True)  # noqa: S603 - our own programs


if __name__ == "__main__":
    sys.exit(main())
