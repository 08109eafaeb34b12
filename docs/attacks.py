"""Write docs/reference/attacks.md: check every folder of tests/golden with the real command, and tell what it said.

Nothing on the page is a promise: step, exit code and words are what `rtbf-check` gave. Whether they are the ones that a
folder expects is tested by tests/golden/test_golden.py. Needs the extras pdf, time and probes' statistics, as `make setup` installs.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtbf.report.check.main import main
from rtbf.report.check.run import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
EXPECTED_NAME = "expected.json"
_IN_WORDS = frozenset({"root", "min-trust-version"})
"""Options that take a text; all others take a file of the folder."""

ATTACKS = {
    1: "byte of the report changed; verdict flipped",
    2: "payload type swapped, another JSON type under our key",
    3: "signed by an unknown key, in the wrong role, with the wrong algorithm, by an expired key",
    4: "post-quantum signature stripped",
    5: "duplicate keys, NaN, parser tricks",
    6: "signer lies PASS while the numbers fail",
    7: "report moved to another model; extra file added",
    8: "report of installation or ticket A shown for B",
    9: "back-dated report after key theft",
    10: "event edited, removed, reordered, inserted",
    11: "tail of the log cut; backup restored; whole log rewritten",
    12: "two histories for two auditors",
    13: "inconvenient event left out of the bundle",
    14: "ticket dropped after intake",
    15: "thresholds loosened after measuring",
    16: "bad report rerun and quietly replaced",
    17: "PDF page or attachment replaced by incremental update",
    18: "PDF cut back to an older revision, junk appended",
    19: "forged consistency proof",
    20: "old trust file replayed",
    21: "old report shown although superseded",
    22: "sealed evidence swapped between tickets",
}
"""The attacks of the threat model, by number (evidence.md §5)."""
NOT_COVERED = {
    4: "no post-quantum signature is made yet, so none can be stripped; an envelope has exactly one signature",
    22: "no sealed evidence is in a bundle; the vault refuses it, since ticket and name are part of what is authenticated",
}
NOBODY_NOTICES = (
    "false input: the machine owned before signing, a faked measurement",
    "an event that was never written, or was deleted before it got its index (a window of seconds; the receipt closes it for intake)",
    "the operator, its log signer, its witnesses and its time-stamping authority acting together",
    "another model in service than the audited files: hand the served files over with `--artefact`",
    "claims outside the listed probes",
    "an old bundle shown alone, with no newer tree head from elsewhere beside it",
    "an approver whom the operator made up: without a key in the trust file *approvals* is not decided, with one it is the operator's word",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One golden folder: what it expects, and what the checker gave. `step` refused; None when none did."""

    name: str
    expected: dict[str, Any]
    exit_code: int
    outcome: dict[str, Any]
    step: str | None
    said: str


def golden_names() -> tuple[str, ...]:
    """Return the names of all golden folders."""
    return tuple(sorted(path.parent.name for path in GOLDEN.glob(f"*/{EXPECTED_NAME}")))


def arguments_of(name: str) -> list[str]:
    """Return the command line that checks a folder."""
    folder = GOLDEN / name
    told = json.loads((folder / EXPECTED_NAME).read_text(encoding="utf-8"))
    options = [(f"--{option}", value if option in _IN_WORDS else str(folder / value)) for option, value in sorted(told["options"].items())]
    return [str(folder / told["file"]), "--trust", str(folder / "trust.json"), *(word for option in options for word in option)]


@cache
def check_folder(name: str) -> Checked:
    """Return what `rtbf-check` makes of a folder."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exit_code = main([*arguments_of(name), "--json"])
    outcome = json.loads(printed.getvalue())
    # A step that refused without deciding is the first of those that say so after it.
    refused = None if outcome["status"] == "ok" else outcome["result"].split("'")[1]
    details = {step["name"]: step["detail"] for step in outcome["steps"]}
    return Checked(
        name=name,
        expected=json.loads((GOLDEN / name / EXPECTED_NAME).read_text(encoding="utf-8")),
        exit_code=exit_code,
        outcome=outcome,
        step=refused,
        said=outcome["result"] if refused is None else details[refused].partition("; expected")[0],
    )


def attacks_page() -> Iterator[str]:
    """Return the page's lines."""
    checked = [check_folder(name) for name in golden_names()]
    twins = [one for one in checked if one.name.endswith("_fail")]
    yield from (
        "# Attacks, and the step that refuses each",
        "",
        f"{len(twins)} tampered twins of good bundles, one folder each, checked by `rtbf-check` when this page was written: the step, the",
        "exit code (1 bad, 3 cannot be decided) and the words are what it gave. The attacker's means are beside each attack;",
        "the auditor holds the trust file by another path and its root's fingerprint. How to read the steps: [evidence](../evidence.md).",
    )
    for number, step in enumerate(STEPS, start=1):
        of_step = [one for one in twins if one.step == step]
        if of_step:
            yield from ("", f"## {number} {step}", "")
            yield from _table(("attack", "what is done", "attacker holds", "no.", "exit", "the checker said"), map(_row, of_step))
    yield from _by_number(twins)
    yield from ("", "## What nobody notices", "", *(f"- {line}" for line in NOBODY_NOTICES))
    yield from ("", "## What is accepted", "", "The same checks must not refuse these.", "")
    good = [one for one in checked if not one.name.endswith("_fail")]
    yield from _table(
        ("folder", "what it shows", "the checker said"),
        ((f"[{one.name}](../../tests/golden/{one.name})", one.expected["shows"], one.said) for one in good),
    )


def _row(one: Checked) -> tuple[str, ...]:
    told = one.expected
    numbers = ", ".join(str(number) for number in told["numbers"]) or "–"
    link = f"[{one.name.removesuffix('_fail')}](../../tests/golden/{one.name})"
    return (link, told["attack"], told["holds"], numbers, str(one.exit_code), one.said)


def _by_number(twins: Sequence[Checked]) -> Iterator[str]:
    yield from ("", "## The threat model, attack by attack", "")
    rows = []
    for number, attack in ATTACKS.items():
        found = [one for one in twins if number in one.expected["numbers"]]
        steps = [step for step in STEPS if any(one.step == step for one in found)]
        covered = f"**not covered**: {NOT_COVERED[number]}" if number in NOT_COVERED else ", ".join(steps)
        rows.append((str(number), attack, covered, str(len(found))))
    yield from _table(("no.", "attack", "refused at", "folders"), rows)


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in row)} |"
