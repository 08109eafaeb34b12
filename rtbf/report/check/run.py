"""Take the steps of a check in order. Fails closed, with one error type; whatever the input, nothing is raised.

 1. form       bounded size and depth, strict JSON, canonical form; a bundle's archive and file names
 2. trust      the trust file: its root, its version; a bundle's own is of the same root
 3. signature  DSSE over these bytes by a report signer of the trust file; then the types, from the verified bytes only
 4. time       stated and proven time in the key's window; a revoked key only with an earlier outside time-stamp
 5. content    the statement agrees with itself; verdict and claim worked out again
 6. approvals  signatures, four eyes, quorum, validity, grace period
 7. files      the artefact's files are the statement's subjects
 8. heads      signed tree heads: the report's, the bundle's and the auditor's are of one ledger that only grew
 9. events     each in the tree, none missing up to the report, in lawful order, telling what the report tells
10. sealing    the ledger names exactly these files, and no later report in this one's place
11. pdf        the printed view: signed, unchanged, carrying this very envelope
12. items      the measurements worked out again from the disclosed log
After a step that did not hold the rest is not decided. A step that is not decided for want of something not handed over is
no fault: the outcome counts such steps. Does not prove that the measurements were made honestly.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, TypeAlias, Unpack

from rtbf.errors import EvidenceRefused
from rtbf.report.bundle import ENVELOPE_NAME, read_bundle
from rtbf.report.check import (
    approvals,
    content,
    disclosed,
    events,
    files,
    form,
    heads,
    moment,
    pdf,
    receipt,
    sealing,
    signature,
    trust,
)
from rtbf.report.check.handed import Beside, BesideReceipt, Found, Handed, Misfit, Seen, Undecided
from rtbf.report.check.outcome import CheckOutcome, Kind, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Act: TypeAlias = tuple[str, Callable[[Handed, Found], Seen], str]

_OF_REPORT: tuple[Act, ...] = (
    ("form", form.check, form.EXPECTED),
    ("trust", trust.check, trust.EXPECTED),
    ("signature", signature.check, signature.EXPECTED),
    ("time", moment.check, moment.EXPECTED),
    ("content", content.check, content.EXPECTED),
    ("approvals", approvals.check, approvals.EXPECTED),
    ("files", files.check, files.EXPECTED),
    ("heads", heads.check, heads.EXPECTED),
    ("events", events.check, events.EXPECTED),
    ("sealing", sealing.check, sealing.EXPECTED),
    ("pdf", pdf.check, pdf.EXPECTED),
    ("items", disclosed.check, disclosed.EXPECTED),
)
STEPS = tuple(name for name, _, _ in _OF_REPORT)
_ABOUT_RECEIPT = {
    "form": receipt.check_form,
    "trust": receipt.check_trust,
    "heads": receipt.check_head,
    "events": receipt.check_event,
}
_OF_RECEIPT: tuple[Act, ...] = tuple((name, _ABOUT_RECEIPT.get(name, receipt.not_about_it), receipt.EXPECTED) for name in STEPS)


def check_report(envelope: bytes, trust_file: bytes, *, token: bytes | None = None, **beside: Unpack[Beside]) -> CheckOutcome:
    """Return the outcome for an envelope alone (`Handed` says what each part is); a refusal is in the outcome, never raised."""
    return _outcome(Handed(envelope=envelope, trust=trust_file, token=token, **beside), "report")


def check_bundle(bundle: Mapping[str, bytes], trust_file: bytes, **beside: Unpack[Beside]) -> CheckOutcome:
    """Return the outcome for a whole bundle, name → content; a refusal is in the outcome, never raised."""
    return _outcome(Handed(envelope=bundle.get(ENVELOPE_NAME, b""), trust=trust_file, bundle=bundle, **beside), "bundle")


def check_archive(raw: bytes, trust_file: bytes, **beside: Unpack[Beside]) -> CheckOutcome:
    """Return the outcome for bundle.zip; an archive that is none is refused at the first step."""
    try:
        bundle = read_bundle(raw)
    except ValueError as refused:
        return unreadable(str(refused))
    return check_bundle(bundle, trust_file, **beside)


def check_receipt(raw: bytes, trust_file: bytes, **beside: Unpack[BesideReceipt]) -> CheckOutcome:
    """Return the outcome for an intake receipt by itself, or beside a tree head from elsewhere: the ledger still has the ticket."""
    return _outcome(Handed(envelope=b"", trust=trust_file, receipt=raw, **beside), "receipt")


def unreadable(found: str) -> CheckOutcome:
    """Return the outcome for a bundle that cannot be opened: refused at the first step."""

    def refuse(_handed: Handed, _found: Found) -> Seen:
        raise Misfit(found, form.EXPECTED)

    acts = ((STEPS[0], refuse, form.EXPECTED), *_OF_REPORT[1:])
    return _taken(Handed(envelope=b"", trust=b""), "bundle", acts)


def _outcome(handed: Handed, kind: Kind) -> CheckOutcome:
    return _taken(handed, kind, _OF_RECEIPT if kind == "receipt" else _OF_REPORT)


def _taken(handed: Handed, kind: Kind, acts: tuple[Act, ...]) -> CheckOutcome:
    """Take the steps in order; after a refusal the rest is not decided."""
    found = Found()
    steps: list[Step] = []
    refusal: EvidenceRefused | None = None
    status: Literal["ok", "bad", "cannot decide"] = "ok"
    for number, (name, check, expected) in enumerate(acts, start=1):
        if refusal is not None:
            steps.append(Step(number=number, name=name, status="not decided", detail=f"step '{refusal.step}' did not hold"))
            continue
        try:
            seen = check(handed, found)
        except ValueError as misfit:
            refusal = _refusal(name, misfit, expected)
            status = "cannot decide" if isinstance(misfit, Undecided) else "bad"
            undecided = status == "cannot decide"
            steps.append(
                Step(
                    number=number,
                    name=name,
                    status="not decided" if undecided else "failed",
                    detail=f"{refusal.found}; expected {refusal.expected}",
                )
            )
        else:
            steps.append(Step(number=number, name=name, status="ok" if seen.is_decided else "not decided", detail=seen.detail))
    return _summary(handed, kind, found, tuple(steps), status, refusal)


def _refusal(name: str, misfit: ValueError, expected: str) -> EvidenceRefused:
    return EvidenceRefused(
        step=name,
        found=misfit.found if isinstance(misfit, Misfit) else str(misfit),
        expected=misfit.expected if isinstance(misfit, Misfit) else expected,
        remedy="get what is missing and check again; nothing is shown either way"
        if isinstance(misfit, Undecided)
        else "do not rely on this; ask the operator for the original",
    )


def _summary(
    handed: Handed,
    kind: Kind,
    found: Found,
    steps: tuple[Step, ...],
    status: Literal["ok", "bad", "cannot decide"],
    refusal: EvidenceRefused | None,
) -> CheckOutcome:
    predicate = found.body.predicate if found.is_story_shown else None
    # A verdict beside a refusal would be quoted without it.
    verdict = predicate.verdict if predicate and refusal is None else None
    return CheckOutcome(
        kind=kind,
        status=status,
        steps=steps,
        envelope_sha256=None if kind == "receipt" else hashlib.sha256(handed.envelope).hexdigest(),
        root=found.read_trust_file.root if found.read_trust_file else None,
        signed_by=found.signer.id if found.signer else None,
        report_id=predicate.report.report_id if predicate else None,
        ticket_id=predicate.ticket.ticket_id if predicate else None,
        issued_at=predicate.report.issued_at if predicate else None,
        proven_at=found.proven_at,
        head=found.head,
        verdict=verdict.status if verdict else None,
        award=verdict.class_awarded if verdict else None,
        claim=verdict.claim if verdict else None,
        superseded_by=found.superseded_by,
        remarks=tuple(found.remarks),
        refusal=refusal,
    )
