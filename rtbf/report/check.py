"""Check a signed report offline: `rtbf-check report.dsse.json --trust trust.json`. Fails closed, with one error type.

 1. Form       bounded size and depth, strict UTF-8 JSON, no duplicate keys, no floats; the envelope in canonical form.
 2. Signature  DSSE opened, one Ed25519 signature over the PAE by a report signer of the trust file. From here on only the
               verified bytes are read: payload type, statement type, predicate type.
 3. Key        the stated time of issue lies in the key's window; a revoked key is refused, since no outside time-stamp
               could show that it signed before it was revoked.
 4. Content    the statement is RFC 8785 of itself and of the known shape; the verdict and its claim are recomputed from
               the probe results; plan, clock, dates and limits agree (`consistency`, `lawful_check`).
 5. Approvals  every signature, four eyes, quorum, validity and grace period (`approvals`). Not decided, and no fault, while
               the trust file does not name the approvers' keys: then who approved is the operator's word.
 6. Files      the artefact's files against the statement's subjects: names, digests, no extra file. Needs --artefact.
 7. PDF        the printed view carries this very envelope. Needs --pdf. Its pages are not signed and not checked.
Does not prove that the measurements were made honestly, nor when the report was made, nor that the log behind `trail`
was not rewritten. Needs the standard library, cryptography and rfc8785 only; so argparse, not click.
Exit codes: 0 good · 1 bad · 2 usage · 3 cannot be decided.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cryptography.exceptions import InvalidSignature

from rtbf.clock import parse_rfc3339
from rtbf.errors import EvidenceRefused
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import PAYLOAD_TYPE, open_envelope, pae
from rtbf.evidence.keys import REPORT_SIGNER
from rtbf.evidence.shape import read_shape
from rtbf.evidence.strict_json import read_strict_json
from rtbf.files import sha256_file
from rtbf.report.approvals import check_approvals, check_approvals_v1
from rtbf.report.beside import carries, file_names
from rtbf.report.consistency import require_consistent
from rtbf.report.lawful_check import require_lawful
from rtbf.report.outcome import EXIT_CODES, CheckOutcome, Step, outcome_as_json, outcome_as_text
from rtbf.report.predicate import PREDICATE_TYPE, STATEMENT_TYPE, StatementBody
from rtbf.report.predicate_v1 import PREDICATE_TYPE_V1, StatementBodyV1
from rtbf.report.trust import MAX_TRUST_BYTES, Trust, TrustedKey, public_key, read_trust
from rtbf.verify.verdict import RULE

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ENVELOPE_BYTES = 16 << 20
MAX_PDF_BYTES = 64 << 20
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

FORM, SIGNATURE, KEY, CONTENT, APPROVALS, FILES, PDF = STEPS = ("form", "signature", "key", "content", "approvals", "files", "pdf")


class _CannotDecide(EvidenceRefused):
    """What is at hand does not let the checker say good or bad."""


def check_report(envelope: bytes, trust: bytes, *, artefact: Path | None = None, pdf: bytes | None = None) -> CheckOutcome:
    """Return the outcome of all steps; whatever the input, nothing is raised: a refusal is in the outcome."""
    check = _Check(envelope=envelope, trust=trust, artefact=artefact, pdf=pdf)
    return check.outcome()


class _Check:
    """One run of the steps; each leaves behind what the next one reads."""

    def __init__(self, *, envelope: bytes, trust: bytes, artefact: Path | None, pdf: bytes | None) -> None:
        self._envelope = envelope
        self._trust = trust
        self._artefact = artefact
        self._pdf = pdf
        self._opened: Any = None
        self._trust_read: Trust | None = None
        self._key: TrustedKey | None = None
        self._statement: dict[str, Any] = {}
        self._body: StatementBody | StatementBodyV1 | None = None

    def outcome(self) -> CheckOutcome:
        """Take the steps in order; after a refusal the rest is not decided."""
        acts = (self._form, self._signature, self._key_window, self._content, self._approvals, self._files, self._pdf_view)
        steps: list[Step] = []
        refusal: EvidenceRefused | None = None
        for number, (name, act) in enumerate(zip(STEPS, acts, strict=True), start=1):
            if refusal is not None:
                steps.append(Step(number=number, name=name, status="not decided", detail=f"step '{refusal.step}' did not hold"))
                continue
            try:
                is_decided, detail = act()
            except EvidenceRefused as refused:
                refusal = refused
                undecided = isinstance(refused, _CannotDecide)
                steps.append(Step(number=number, name=name, status="not decided" if undecided else "failed", detail=str(refused)))
            else:
                steps.append(Step(number=number, name=name, status="ok" if is_decided else "not decided", detail=detail))
        return self._summary(tuple(steps), refusal)

    def _summary(self, steps: tuple[Step, ...], refusal: EvidenceRefused | None) -> CheckOutcome:
        body = self._body
        predicate = None if body is None else body.predicate
        status: Literal["ok", "bad", "cannot decide"] = "ok"
        if refusal is not None:
            status = "cannot decide" if isinstance(refusal, _CannotDecide) else "bad"
        return CheckOutcome(
            status=status,
            steps=steps,
            envelope_sha256=hashlib.sha256(self._envelope).hexdigest(),
            signed_by=self._key.id if self._key else None,
            report_id=predicate.report.report_id if predicate else None,
            ticket_id=predicate.ticket.ticket_id if predicate else None,
            issued_at=predicate.report.issued_at if predicate else None,
            verdict=predicate.verdict.status if predicate else None,
            award=predicate.verdict.class_awarded if predicate else None,
            claim=predicate.verdict.claim if predicate else None,
            refusal=refusal,
        )

    # 1. Form.
    def _form(self) -> tuple[bool, str]:
        try:
            if self._envelope.startswith(b"%PDF-"):
                raise ValueError("a PDF: check report.dsse.json, which it carries, and hand the PDF over with --pdf")
            envelope = read_strict_json(self._envelope, MAX_ENVELOPE_BYTES)
            self._opened = open_envelope(envelope)
            if canonical_bytes(envelope) != self._envelope:
                raise ValueError("an envelope that is not in canonical form: it was reformatted after it was issued")
        except ValueError as refused:
            raise _refused(FORM, str(refused), "a DSSE envelope as rtbf issues it") from None
        return True, f"strict JSON, {len(self._envelope)} bytes"

    # 2. Signature, then types, from the verified bytes only.
    def _signature(self) -> tuple[bool, str]:
        try:
            trust = read_trust(self._trust)
        except ValueError as refused:
            raise _undecided(SIGNATURE, f"no usable trust file ({refused})", "the trust file that the operator handed over") from None
        if len(self._opened.signatures) != 1:
            raise _refused(SIGNATURE, f"{len(self._opened.signatures)} signatures", "exactly one")
        key_name, signature = self._opened.signatures[0]
        entry = next((entry for entry in trust.keys if entry.id == key_name), None)
        if entry is None:
            raise _refused(SIGNATURE, "a signature by a key that the trust file does not name", "a report signer of the trust file")
        # Algorithm and role come from the trust file, never from the envelope.
        if entry.alg != "ed25519" or entry.role != REPORT_SIGNER:
            raise _refused(SIGNATURE, "a key without the right to sign reports", f"alg ed25519 and role {REPORT_SIGNER}")
        try:
            key = public_key(entry)
        except ValueError as refused:
            raise _undecided(SIGNATURE, str(refused), "an Ed25519 key under its own digest") from None
        try:
            key.verify(signature, pae(self._opened.payload_type, self._opened.payload))
        except InvalidSignature:
            raise _refused(SIGNATURE, "a signature that does not fit these bytes", "the bytes that were signed") from None
        self._trust_read, self._key = trust, entry
        self._read_types()
        return True, f"Ed25519 by {entry.id}"

    def _read_types(self) -> None:
        if self._opened.payload_type != PAYLOAD_TYPE:
            raise _refused(SIGNATURE, "a signed document of another type", PAYLOAD_TYPE)
        try:
            statement = read_strict_json(self._opened.payload, MAX_ENVELOPE_BYTES)
        except ValueError as refused:
            raise _refused(SIGNATURE, f"a signed payload that is {refused}", "strict JSON") from None
        if not isinstance(statement, dict):
            raise _refused(SIGNATURE, "a signed payload that is no object", "an in-toto statement")
        known = (PREDICATE_TYPE, PREDICATE_TYPE_V1)
        if statement.get("_type") != STATEMENT_TYPE or statement.get("predicateType") not in known:
            raise _undecided(SIGNATURE, "a statement of a type or version unknown here", f"{STATEMENT_TYPE} with {' or '.join(known)}")
        self._statement = statement

    # 3. Key window and revocation.
    def _key_window(self) -> tuple[bool, str]:
        entry = self._key
        predicate = self._statement.get("predicate")
        report = predicate.get("report") if isinstance(predicate, dict) else None
        issued = report.get("issued_at") if isinstance(report, dict) else None
        if entry is None or not isinstance(issued, str) or not _TIME.fullmatch(issued):
            raise _refused(KEY, "no time of issue", "RFC 3339 in UTC with milliseconds")
        try:
            issued_at = parse_rfc3339(issued)
        except ValueError:
            raise _refused(KEY, "a time of issue that no calendar knows", "RFC 3339 in UTC") from None
        if entry.revoked_at is not None:
            raise _refused(KEY, f"a key revoked at {entry.revoked_at}", "a key in force, or an outside proof that it signed earlier")
        is_too_late = entry.not_after is not None and issued_at > parse_rfc3339(entry.not_after)
        if issued_at < parse_rfc3339(entry.not_before) or is_too_late:
            window = f"{entry.not_before} to {entry.not_after or 'open'}"
            raise _refused(KEY, f"a report issued at {issued}, outside its key's window", window)
        return True, f"issued {issued} by the signer's own clock, inside the key's window"

    # 4. Content: canonical, of the known shape, and in agreement with itself.
    def _content(self) -> tuple[bool, str]:
        statement = self._statement
        if canonical_bytes(statement) != self._opened.payload:
            raise _refused(CONTENT, "a statement that is not in canonical form", "RFC 8785 bytes")
        try:
            named = {name: value for name, value in statement.items() if name not in {"_type", "predicateType"}}
            body: StatementBody | StatementBodyV1
            if statement["predicateType"] == PREDICATE_TYPE_V1:
                body = read_shape(StatementBodyV1, named)
            else:
                body = read_shape(StatementBody, named)
                require_lawful(body.predicate)
            if body.predicate.verdict.rule != RULE:
                raise _undecided(CONTENT, "a verdict by a rule unknown here", RULE)
            require_consistent(body)
        except ValueError as refused:
            raise _refused(CONTENT, str(refused), "a statement that agrees with itself") from None
        self._body = body
        return True, "verdict and claim recomputed from the probe results: they agree"

    # 5. Approvals.
    def _approvals(self) -> tuple[bool, str]:
        assert self._body is not None
        assert self._trust_read is not None
        try:
            if isinstance(self._body, StatementBodyV1):
                seen = check_approvals_v1(self._body.predicate)
            else:
                seen = check_approvals(self._body.predicate, self._trust_read)
        except ValueError as refused:
            # A verdict on a plan that nobody may have approved is not repeated.
            self._body = None
            raise _refused(
                APPROVALS, str(refused), "approvals of this very plan by enough other people, before it was carried out"
            ) from None
        return seen.is_proven, seen.detail

    # 6. Files of the artefact.
    def _files(self) -> tuple[bool, str]:
        if self._artefact is None or self._body is None:
            return False, "not asked for: hand over --artefact FOLDER"
        expected = {subject.name: subject.digest.sha256 for subject in self._body.subject}
        try:
            found = file_names(self._artefact)
            if found != set(expected):
                differing = f"{len(set(expected) - found)} missing and {len(found - set(expected))} extra file(s)"
                raise _refused(FILES, differing, f"exactly the {len(expected)} file(s) of the statement")
            changed = [name for name in sorted(expected) if sha256_file(self._artefact / name) != expected[name]]
        except OSError as failed:
            raise _undecided(FILES, f"an artefact that cannot be read ({type(failed).__name__})", "a readable folder") from None
        if changed:
            raise _refused(FILES, f"{len(changed)} file(s) of other content, first '{changed[0]}'", "the digests of the statement")
        return True, f"{len(expected)} file(s) with the stated digests, none extra"

    # 7. The printed view.
    def _pdf_view(self) -> tuple[bool, str]:
        if self._pdf is None:
            return False, "not asked for: hand over --pdf FILE"
        if len(self._pdf) > MAX_PDF_BYTES:
            raise _refused(PDF, f"a PDF larger than {MAX_PDF_BYTES} bytes", "the report's own PDF")
        if not carries(self._pdf, self._envelope):
            raise _refused(PDF, "a PDF that does not carry this envelope", "the PDF that was issued with it")
        return True, "the PDF carries this envelope; its pages are a view and are not signed"


def _refused(step: str, found: str, expected: str) -> EvidenceRefused:
    return EvidenceRefused(
        step=step, found=found, expected=expected, remedy="do not rely on this report; ask the operator for the original"
    )


def _undecided(step: str, found: str, expected: str) -> _CannotDecide:
    return _CannotDecide(
        step=step, found=found, expected=expected, remedy="get what is missing and check again; nothing is shown either way"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Check the report named on the command line, print each step, and return the exit code. `rtbf-check` starts here."""
    parser = argparse.ArgumentParser(prog="rtbf-check", description="Check a signed rtbf audit report offline.")
    parser.add_argument("report", type=Path, metavar="FILE", help="the envelope, report.dsse.json")
    parser.add_argument("--trust", type=Path, required=True, metavar="FILE", help="trust.json, got from the operator by another path")
    parser.add_argument("--artefact", type=Path, metavar="FOLDER", help="the unlearned model's folder")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="the printed view, report.pdf")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(argv)
    try:
        envelope = _read(asked.report, MAX_ENVELOPE_BYTES)
        trust = _read(asked.trust, MAX_TRUST_BYTES)
        pdf = None if asked.pdf is None else _read(asked.pdf, MAX_PDF_BYTES)
    except OSError as failed:
        print(f"cannot decide: {failed.filename} cannot be read ({type(failed).__name__})", file=sys.stderr)
        return EXIT_CODES["cannot decide"]
    outcome = check_report(envelope, trust, artefact=asked.artefact, pdf=pdf)
    print(json.dumps(outcome_as_json(outcome), ensure_ascii=True, indent=2) if asked.json else outcome_as_text(outcome))
    return EXIT_CODES[outcome.status]


def _read(path: Path, max_bytes: int) -> bytes:
    """Return the file's bytes, at most one more than the limit: enough to be refused as too large."""
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


if __name__ == "__main__":
    raise SystemExit(main())
