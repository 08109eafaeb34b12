"""Write docs/verdicts.md and its pictures from the verdicts that lie in a home: `python -m docs.verdicts HOME`.

The home is one that was made by the commands the page names; nothing is measured here, and no sentence or number of a verdict
is written by hand. Needs chromium for the pictures.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group

from docs.tables import table
from rtbf.cli.probe_table import probe_table
from rtbf.cli.verdict_table import verification_summary
from rtbf.installation import open_installation
from rtbf.plan.record import Plan
from rtbf.store.records import all_records
from rtbf.verify.codes import CODE_MEANINGS
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent / "verdicts.md"
PICTURES = Path(__file__).parent / "pictures"
WIDTH = 96
_ASKED_FIRST = ("F1", "F4", "R1", "U1", "U2", "U4", "U6")
"""What a PASS of class exact names; of other verdicts the probes are shown that their codes name."""

HEAD = """# One ticket for each verdict

Written by `python -m docs.verdicts HOME`: every verdict, code and claim below is what a run on the demo's fictitious people gave, word
for word. The first three are attempts of one ticket, made by `rtbf demo --exact`; the last is another person's in the same home:

```console
$ rtbf demo --exact --folder HOME
$ rtbf --home HOME plan TICKET --method gradient_difference --set brake=no --set learning_rate=0.003 --set max_steps=120 --seed 7
```

What the words mean: [how a ticket is verified](verification.md). All codes: [codes](reference/codes.md)."""

KINDS = {
    "FAIL": ("The data is still there", "A method that changes nothing, the negative control of every verifier: it must FAIL."),
    "INCONCLUSIVE": ("Cannot decide", "Output tests are passed; what withholds the PASS is named, and what would decide it."),
    "PASS": (
        "Class exact",
        "The weights were made anew. The proof carries the class; no test of twenty records could.",
    ),
    "FAIL (trace)": (
        "Forgotten too far",
        "A loss without brake or bound: the person's answers became less likely than in a model never shown them. That tells who asked.",
    ),
}


def main() -> int:
    """Write the page and its pictures; return 1 when the home lacks one of the four."""
    installation = open_installation(Path(sys.argv[1]), None)
    with installation.transaction() as session:
        plans = {(plan.ticket_id, plan.attempt): plan for plan in all_records(session, Plan)}
        verifications = all_records(session, Verification)
    found: dict[str, Verification] = {}
    for verification in verifications:
        found.setdefault(_kind(verification), verification)
    missing = [kind for kind in KINDS if kind not in found]
    if missing:
        sys.stderr.write(f"no ticket in this home ended as: {', '.join(missing)}\n")
        return 1
    parts = [HEAD]
    for kind, (title, why) in KINDS.items():
        verification = found[kind]
        _draw(verification, PICTURES / _picture(kind))
        parts.append("\n".join(_section(kind, title, why, verification, plans[verification.ticket_id, verification.attempt])))
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return 0


def _kind(verification: Verification) -> str:
    verdict = verification.verdict
    is_trace = verdict.status == "FAIL" and any(code.endswith(":TRACE") for code in verdict.codes)
    return "FAIL (trace)" if is_trace else verdict.status


def _section(kind: str, title: str, why: str, verification: Verification, plan: Plan) -> Iterator[str]:
    verdict = verification.verdict
    settings = ", ".join(f"{name} {value}" for name, value in plan.parameters) or "none"
    yield from (f"## {kind}: {title}", "", why, "", f"![{kind}](pictures/{_picture(kind)})", "")
    yield from table(
        ("", ""),
        [
            ("method", f"`{plan.method}` (settings: {settings})"),
            ("profile", f"`{plan.profile}`, {len(plan.probes)} probes, {verification.tokens_used:,} forward tokens"),
            ("records, control models", f"{len(plan.forget.record_ids)}, {len(plan.controls.models)}"),
            ("asked for, awarded", f"{verdict.class_requested}, {verdict.class_awarded}"),
            ("codes", ", ".join(f"`{code}`" for code in verdict.codes) or "none"),
        ],
    )
    reasons = dict.fromkeys(code.rpartition(":")[2] for code in verdict.codes)
    yield from ("", *(f"* **{reason}**: {CODE_MEANINGS[reason]}" for reason in reasons), *([""] if reasons else []))
    yield from ("The claim, word for word:", "", f"> {verdict.claim}")


def _picture(kind: str) -> str:
    return f"verdict-{kind.lower().replace(' (', '-').replace(')', '')}.png"


def _draw(verification: Verification, path: Path) -> None:
    verdict = verification.verdict
    named = {code.partition(":")[0] for code in verdict.codes} or set(_ASKED_FIRST)
    shown = [probe for probe in verification.probes if probe.probe_id in named and probe.not_applicable is None]
    findings = {finding.probe_id: finding for finding in verdict.findings}
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Group(verification_summary(verification, verification.ticket_id), probe_table(shown, findings)))
    lines = console.export_text(clear=False).count("\n") + 4
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "page.html"
        drawn.write_text(console.export_html(inline_styles=True), encoding="utf-8")
        browser = shutil.which("chromium")
        if browser is None:
            raise FileNotFoundError("chromium")
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking")
        size, target = f"--window-size={WIDTH * 10 + 40},{lines * 19 + 40}", f"--screenshot={path}"
        subprocess.run([browser, *options, size, target, drawn.as_uri()], check=True, capture_output=True)  # noqa: S603 - our own page


if __name__ == "__main__":
    sys.exit(main())
