"""Take the steps of a check in order. Fails closed, with one error type; whatever the input, nothing is raised.

 1. form       bounded size and depth, strict JSON, canonical form
 2. trust      a usable trust file
 3. signature  DSSE over these bytes by a report signer of the trust file; then the types, from the verified bytes only
 4. time       the time of issue in the key's window, the key not revoked
 5. content    the statement agrees with itself; verdict and claim worked out again
 6. approvals  signatures, four eyes, quorum, validity, grace period
 7. files      the artefact's files are the statement's subjects
 8. pdf        the printed view carries this very envelope
After a step that did not hold the rest is not decided. Does not prove that the measurements were made honestly.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from rtbf.errors import EvidenceRefused
from rtbf.report.check import approvals, content, files, form, moment, pdf, signature, trust
from rtbf.report.check.handed import Found, Handed, Misfit, Undecided
from rtbf.report.check.outcome import CheckOutcome, Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.report.check.handed import Seen

FORM = "form"
_STEPS: tuple[tuple[str, Callable[[Handed, Found], Seen], str], ...] = (
    (FORM, form.check, form.EXPECTED),
    ("trust", trust.check, trust.EXPECTED),
    ("signature", signature.check, signature.EXPECTED),
    ("time", moment.check, moment.EXPECTED),
    ("content", content.check, content.EXPECTED),
    ("approvals", approvals.check, approvals.EXPECTED),
    ("files", files.check, files.EXPECTED),
    ("pdf", pdf.check, pdf.EXPECTED),
)
STEPS = tuple(name for name, _, _ in _STEPS)


def check_report(envelope: bytes, trust_file: bytes, *, artefact: Path | None = None, pdf: bytes | None = None) -> CheckOutcome:
    """Return the outcome for an envelope alone; whatever the input, nothing is raised: a refusal is in the outcome."""
    return _outcome(Handed(envelope=envelope, trust=trust_file, artefact=artefact, pdf=pdf))


def _outcome(handed: Handed) -> CheckOutcome:
    """Take the steps in order; after a refusal the rest is not decided."""
    found = Found()
    steps: list[Step] = []
    refusal: EvidenceRefused | None = None
    status: Literal["ok", "bad", "cannot decide"] = "ok"
    for number, (name, check, expected) in enumerate(_STEPS, start=1):
        if refusal is not None:
            steps.append(Step(number=number, name=name, status="not decided", detail=f"step '{refusal.step}' did not hold"))
            continue
        try:
            seen = check(handed, found)
        except ValueError as misfit:
            refusal = _refusal(name, misfit, expected)
            status = "cannot decide" if isinstance(misfit, Undecided) else "bad"
            undecided = status == "cannot decide"
            steps.append(Step(number=number, name=name, status="not decided" if undecided else "failed", detail=str(refusal)))
        else:
            steps.append(Step(number=number, name=name, status="ok" if seen.is_decided else "not decided", detail=seen.detail))
    return _summary(handed, found, tuple(steps), status, refusal)


def _refusal(name: str, misfit: ValueError, expected: str) -> EvidenceRefused:
    return EvidenceRefused(
        step=name,
        found=misfit.found if isinstance(misfit, Misfit) else str(misfit),
        expected=misfit.expected if isinstance(misfit, Misfit) else expected,
        remedy="get what is missing and check again; nothing is shown either way"
        if isinstance(misfit, Undecided)
        else "do not rely on this report; ask the operator for the original",
    )


def _summary(
    handed: Handed,
    found: Found,
    steps: tuple[Step, ...],
    status: Literal["ok", "bad", "cannot decide"],
    refusal: EvidenceRefused | None,
) -> CheckOutcome:
    predicate = found.body.predicate if found.is_verdict_shown else None
    return CheckOutcome(
        status=status,
        steps=steps,
        envelope_sha256=hashlib.sha256(handed.envelope).hexdigest(),
        signed_by=found.signer.id if found.signer else None,
        report_id=predicate.report.report_id if predicate else None,
        ticket_id=predicate.ticket.ticket_id if predicate else None,
        issued_at=predicate.report.issued_at if predicate else None,
        verdict=predicate.verdict.status if predicate else None,
        award=predicate.verdict.class_awarded if predicate else None,
        claim=predicate.verdict.claim if predicate else None,
        refusal=refusal,
    )
