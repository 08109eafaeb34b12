"""How long a whole bundle takes to check, warm and cold. Run as `python -m benchmarks.bundle_check`.

Warm: in a running process, against as many bare Ed25519 verifications as no check of it can do without (envelope, approval,
trust file twice, tree head). Cold: `rtbf-check` from the shell, against a Python that imports cryptography and verifies once.
The bar for both is a time: 30 ms warm, one second cold; the ratios say how much of it is ours.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import compare, describe_machine
from rtbf.report.bundle import write_bundle
from rtbf.report.check.run import check_archive
from tests import builders, bundles

WARM_ROUNDS = 201
COLD_ROUNDS = 21
BAR_WARM_S = 0.030
BAR_COLD_S = 1.0
SIGNATURES = 5
BARE = """
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
key = Ed25519PrivateKey.from_private_bytes(bytes(32))
key.public_key().verify(key.sign(b""), b"")
"""


def main() -> int:
    """Measure and print; return 1 when a check fails or a bar is missed."""
    trust, archive = bundles.trust_bytes(), write_bundle(bundles.good_bundle())
    key = builders.signing_key()
    public, signature = key.public_key(), key.sign(archive)

    def verify_only() -> None:
        for _ in range(SIGNATURES):
            public.verify(signature, archive)

    warm = compare(lambda: check_archive(archive, trust), verify_only, WARM_ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        bundle_file, trust_file = Path(folder) / "bundle.zip", Path(folder) / "trust.json"
        bundle_file.write_bytes(archive)
        trust_file.write_bytes(trust)
        checker = [str(Path(sys.executable).with_name("rtbf-check")), str(bundle_file), "--trust", str(trust_file)]
        cold = compare(lambda: _run(*checker), lambda: _run(sys.executable, "-c", BARE), COLD_ROUNDS)
    print(f"bundle_check: a bundle of {len(archive)} bytes in 16 files, with 10 events of 13 leaves; no PDF, no time-stamp")
    print(f"warm      {warm.ours_s * 1000:.1f} ms, {SIGNATURES} bare verifications {warm.baseline_s * 1000:.2f} ms ({WARM_ROUNDS} rounds)")
    print(f"ratio     {warm.ours_s / warm.baseline_s:.1f} × the verifications' time (bar: {BAR_WARM_S * 1000:.0f} ms)")
    print(f"cold      {cold.ours_s * 1000:.0f} ms, a Python that verifies once {cold.baseline_s * 1000:.0f} ms ({COLD_ROUNDS} rounds)")
    print(f"ratio     {cold.ours_s / cold.baseline_s:.2f} × that Python's time (bar: {BAR_COLD_S:.0f} s)")
    print(describe_machine(["cryptography", "rfc8785"]))
    is_good = check_archive(archive, trust).status == "ok"
    return 0 if is_good and warm.ours_s <= BAR_WARM_S and cold.ours_s <= BAR_COLD_S else 1


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own commands


if __name__ == "__main__":
    sys.exit(main())
