"""Attacks on signature, content, approvals, files and measurements: by forgers without a key, and by signers who lie."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.dsse import PAYLOAD_TYPE, pae, sign_envelope
from rtbf.evidence.keys import key_id, spki_text
from rtbf.report.bundle import ENVELOPE_NAME
from rtbf.report.lawful import SignaturePart
from tests import builders, bundles, item_logs
from tests.attacks.record import (
    COPY,
    OPERATOR,
    REPORT_KEY,
    Attack,
    Laid,
    bundle,
    envelope_alone,
    good,
    laid,
    payload_of,
    small,
    statement_of,
    thief,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.report.lawful import ApprovalPart
    from rtbf.report.statement import Case

SIGNER = "an approver's own key"


def _envelope() -> bytes:
    return good()[ENVELOPE_NAME]


def _forged(**parts: Any) -> Laid:
    """Return the good envelope with parts replaced and nothing signed anew."""
    return envelope_alone(canonical_bytes({**json.loads(_envelope()), **parts}))


def _repayed(old: bytes, new: bytes, envelope: bytes | None = None) -> Laid:
    """Return the envelope with words of its payload replaced, under the signature of the old ones."""
    raw = envelope or _envelope()
    payload = payload_of(raw)
    assert old in payload
    return envelope_alone(canonical_bytes({**json.loads(raw), "payload": builders.base64_text(payload.replace(old, new))}))


def _signed_by(key: Any, named: Any = None) -> Laid:
    """Return the good statement signed by another key, under its own id or `named`'s."""
    name = key_id((named or key).public_key())
    return envelope_alone(canonical_bytes(sign_envelope(key, name, payload_of(_envelope()))))


def _signed_bytes(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> Laid:
    """Return any bytes signed by the report signer."""
    key = builders.signing_key()
    return envelope_alone(canonical_bytes(sign_envelope(key, key_id(key.public_key()), payload, payload_type=payload_type)))


def _second_signature() -> Laid:
    signatures = json.loads(_envelope())["signatures"]
    other = sign_envelope(thief(), key_id(thief().public_key()), payload_of(_envelope()))["signatures"]
    return _forged(signatures=[*signatures, *other])


def _other_algorithm() -> Laid:
    key = ec.derive_private_key(77, ec.SECP256R1())
    signature = key.sign(pae(PAYLOAD_TYPE, payload_of(_envelope())), ec.ECDSA(SHA256()))
    name = key_id(builders.signing_key().public_key())
    return _forged(signatures=[{"keyid": name, "sig": builders.base64_text(signature)}])


def _approvals_envelope() -> Laid:
    (approval,) = small().approvals
    assert approval.signature is not None
    return envelope_alone(approval.signature.envelope.encode())


@cache
def _failed() -> bytes:
    """Return the honest envelope of a failed erasure."""
    return bundle(failed_case())[ENVELOPE_NAME]


def failed_case() -> Case:
    """Return a case in which one probe finds the records."""
    return builders.case(tuple(builders.leaking_probe() if probe.probe_id == "F2" else probe for probe in builders.passing_probes()))


def _lie(change: Callable[[dict[str, Any]], None], made: Case | None = None) -> Laid:
    """Return a bundle whose signer lies in the statement and signs the lie."""
    return envelope_alone(bundle(made, statement=lambda body: change(body["predicate"]))[ENVELOPE_NAME])


def _passed(predicate: dict[str, Any]) -> None:
    predicate["verdict"].update(status="PASS", class_awarded="approximate", codes=[])


def _loosened(predicate: dict[str, Any]) -> None:
    for probe in predicate["probes"]:
        probe["margin"] = "0.900000"


def _dropped_probe(predicate: dict[str, Any]) -> None:
    predicate["probes"] = [probe for probe in predicate["probes"] if probe["probe_id"] != "F2"]
    predicate["not_tested"] = ["F2", *predicate["not_tested"]]


def _moved_subject(body: dict[str, Any]) -> None:
    body["subject"][0]["digest"]["sha256"] = "ab" * 32


def _approved(approval: ApprovalPart) -> Laid:
    return envelope_alone(bundle(small(approvals=(approval,)))[ENVELOPE_NAME])


def _unapproved(predicate: dict[str, Any]) -> None:
    predicate["approvals"] = []
    predicate["declarations"] = [words.replace("1 of 1 approvals", "0 of 0 approvals") for words in predicate["declarations"]]


def _plan() -> str:
    return digest_of(small().plan)


def _approval(**changes: Any) -> ApprovalPart:
    return builders.approval(_plan(), **{"key": builders.approver_key(), **changes})


def _of_another_plan() -> Laid:
    other = builders.approval(builders.sha(77), key=builders.approver_key())
    return _approved(replace(_approval(), signature=other.signature))


def _under_anothers_key() -> Laid:
    forged = _approval(key=thief()).signature
    assert forged is not None
    public = builders.approver_key().public_key()
    named = SignaturePart(key_id=key_id(public), spki=spki_text(public), envelope=forged.envelope)
    return _approved(replace(_approval(), signature=named))


def itemised(change: Callable[[dict[str, Any]], None] | None = None) -> tuple[bytes, bytes]:
    """Return an envelope over measurements that follow from a per-item log, lied about by `change`, and the log."""
    predicate, log = item_logs.honest(8)

    def fill(body: dict[str, Any]) -> None:
        told = body["predicate"]
        measured = asdict(predicate.measured)
        # The digests are those of this report's models; the numbers follow from their being different, not from what they are.
        arms = [{**arm, "digest": own["digest"]} for arm, own in zip(measured["arms"], told["measured"]["arms"], strict=True)]
        told["measured"] = {**measured, "arms": arms}
        told["plan"] = {
            **told["plan"],
            "seed": predicate.plan.seed,
            "probes": [asdict(probe) for probe in predicate.plan.probes],
            "sets": [asdict(one) for one in predicate.plan.sets],
        }
        if change is not None:
            change(told)

    return bundle(builders.case(predicate.probes), statement=fill)[ENVELOPE_NAME], log


def _invented(predicate: dict[str, Any]) -> None:
    first = next(probe for probe in predicate["probes"] if probe["before"] is not None)
    first["before"] = "0.123456"


def _items(*, invented: bool = False, other: bool = False) -> Laid:
    envelope, log = itemised(_invented if invented else None)
    return envelope_alone(envelope, items=log.replace(b'["r0000",', b'["r0009",', 1) if other else log)


_SIGNATURE = (
    Attack(name="report-byte-changed", numbers=(1,), holds=COPY, done="one character of the report changed", step="signature",
           make=lambda: _repayed(b"rep_01test", b"rep_01tesu")),
    Attack(name="verdict-flipped", numbers=(1,), holds=COPY, done="a failed report's verdict changed to PASS", step="signature",
           make=lambda: _repayed(b'"status":"FAIL"', b'"status":"PASS"', _failed())),
    Attack(name="payload-type-swapped", numbers=(2,), holds=COPY, done="another payload type written over a good report", step="signature",
           make=lambda: _forged(payloadType="application/json")),
    Attack(name="other-type-signed", numbers=(2,), holds=REPORT_KEY, done="the statement signed as another type", step="signature",
           make=lambda: _signed_bytes(payload_of(_envelope()), "application/json")),
    Attack(name="approval-shown-as-report", numbers=(2, 3), holds=COPY, done="an approver's signed approval in the report's place",
           step="signature", make=_approvals_envelope),
    Attack(name="trust-file-shown-as-report", numbers=(2, 3), holds=COPY, done="the root's signed trust file in the report's place",
           step="signature", make=lambda: envelope_alone(bundles.trust_bytes())),
    Attack(name="signed-by-unknown-key", numbers=(3,), holds="a key of its own", done="the report signed by a key that nobody trusts",
           step="signature", make=lambda: _signed_by(thief())),
    Attack(name="signed-under-our-key-id", numbers=(3,), holds="a key of its own", done="a foreign signature under the report signer's id",
           step="signature", make=lambda: _signed_by(thief(), builders.signing_key())),
    Attack(name="signed-by-approver", numbers=(3,), holds=SIGNER, done="a report signed by an approver", step="signature",
           make=lambda: _signed_by(builders.approver_key())),
    Attack(name="signed-by-log-signer", numbers=(3,), holds="the log signer's key", done="a report signed by the log's key",
           step="signature", make=lambda: _signed_by(builders.log_key())),
    Attack(name="signed-with-other-algorithm", numbers=(3,), holds="a key of its own", done="an ECDSA signature under an Ed25519 key's id",
           step="signature", make=_other_algorithm),
    Attack(name="second-signature", numbers=(3,), holds="a key of its own", done="a second signature beside the good one",
           step="signature", make=_second_signature),
    Attack(name="signature-of-another-report", numbers=(1,), holds=COPY, done="the signature of one report under another",
           step="signature", make=lambda: _forged(signatures=json.loads(_failed())["signatures"])),
    Attack(name="signed-nan", numbers=(5,), holds=REPORT_KEY, done="NaN in the signed statement", step="signature",
           make=lambda: _signed_bytes(payload_of(_envelope()).replace(b'"attempt":1', b'"attempt":NaN'))),
    Attack(name="signed-float", numbers=(5,), holds=REPORT_KEY, done="a number with a point in the signed statement", step="signature",
           make=lambda: _signed_bytes(payload_of(_envelope()).replace(b'"attempt":1', b'"attempt":1.0'))),
    Attack(name="signed-key-twice", numbers=(5,), holds=REPORT_KEY, done="a key twice in the signed statement", step="signature",
           make=lambda: _signed_bytes(payload_of(_envelope()).replace(b'"attempt":1', b'"attempt":1,"attempt":2'))),
    Attack(name="version-unknown", holds=REPORT_KEY, done="a report of a version that is not known here", step="signature",
           status="cannot decide",
           make=lambda: _signed_bytes(payload_of(_envelope()).replace(b"unlearning-audit/v6", b"unlearning-audit/v9"))),
)  # fmt: skip
_CONTENT = (
    Attack(name="verdict-flipped-and-signed", numbers=(6,), holds=REPORT_KEY, done="PASS signed over numbers that fail", step="content",
           make=lambda: _lie(_passed, failed_case())),
    Attack(name="claim-stronger", numbers=(6,), holds=REPORT_KEY, done="a stronger claim than the probes give", step="content",
           make=lambda: _lie(lambda told: told["verdict"].update(claim="No information remains in the weights."))),
    Attack(name="thresholds-loosened-in-report", numbers=(15,), holds=REPORT_KEY, done="wider margins in the results than in the plan",
           step="content", make=lambda: _lie(_loosened)),
    Attack(name="failing-probe-left-out", numbers=(6,), holds=REPORT_KEY, done="the probe that failed left out and called untested",
           step="content", make=lambda: _lie(_dropped_probe, failed_case())),
    Attack(name="limits-left-out", numbers=(6,), holds=REPORT_KEY, done="the limits that every report states left out", step="content",
           make=lambda: _lie(lambda told: told.update(limitations=[]))),
    Attack(name="attestation-overstated", numbers=(6,), holds=REPORT_KEY, done="the word that nobody outside attests left out",
           step="content", make=lambda: _lie(lambda told: told.update(declarations=told["declarations"][1:]))),
    Attack(name="deadline-overstated", numbers=(6,), holds=REPORT_KEY, done="a clock that stands otherwise than its dates say",
           step="content", make=lambda: _lie(lambda told: told["clock"].update(standing="answered in time"))),
    Attack(name="other-model-named", numbers=(7,), holds=REPORT_KEY, done="other weights under the measurements of the tested ones",
           step="content",
           make=lambda: envelope_alone(bundle(statement=_moved_subject)[ENVELOPE_NAME])),
    Attack(name="statement-not-canonical", numbers=(5,), holds=REPORT_KEY, done="a signed statement in another byte form", step="content",
           make=lambda: _signed_bytes(json.dumps(statement_of(_envelope()), indent=1).encode())),
    Attack(name="statement-field-added", numbers=(5,), holds=REPORT_KEY, done="a field that the version does not know", step="content",
           make=lambda: _lie(lambda told: told.update(certified_by="an authority"))),
)  # fmt: skip
_APPROVALS = (
    Attack(name="approval-forged", holds=OPERATOR, done="an approval signed by another key under the approver's", step="approvals",
           make=_under_anothers_key),
    Attack(name="approval-of-another-plan", holds=OPERATOR, done="a real approval of another plan moved to this one", step="approvals",
           make=_of_another_plan),
    Attack(name="approval-redated", holds=OPERATOR, done="a real approval with another time", step="approvals",
           make=lambda: _approved(_approval(given_at="2026-03-01T08:15:00.000Z", expires_at="2026-04-15T08:15:00.000Z"))),
    Attack(name="approval-by-the-service", holds=OPERATOR, done="an approval signed with the report signer's key", step="approvals",
           make=lambda: _approved(_approval(key=builders.signing_key()))),
    Attack(name="approval-by-the-planner", holds=OPERATOR, done="the plan approved by the person who made it", step="approvals",
           make=lambda: _approved(_approval(actor_id=builders.PLANNER))),
    Attack(name="approval-missing", holds=OPERATOR, done="unlearning without any approval", step="approvals",
           make=lambda: _lie(_unapproved)),
    Attack(name="approval-after-the-start", holds=OPERATOR, done="an approval from after the work had begun", step="approvals",
           make=lambda: _lie(lambda told: told["quorum"].update(unlearning_started_at="2026-03-01T08:00:00.000Z"))),
    Attack(name="approval-by-revoked-key", holds="an approver's stolen key", done="an approval by a key that was revoked before",
           step="approvals",
           make=lambda: envelope_alone(_envelope(), trust=bundles.trust_bytes(
               of_keys={"approver": {"revoked_at": "2026-02-28T00:00:00.000Z"}}, version=3))),
)  # fmt: skip
_FILES = (
    Attack(name="artefact-extra-file", numbers=(7,), holds="the model's folder", done="a file more beside the audited ones", step="files",
           make=lambda: laid(good(), artefact={**builders.artefact_files(), "adapter_model.safetensors": b"more weights"})),
    Attack(name="artefact-file-changed", numbers=(7,), holds="the model's folder", done="other weights in the folder", step="files",
           make=lambda: laid(good(), artefact={**builders.artefact_files(), "model.safetensors": b"other weights"})),
    Attack(name="artefact-file-missing", numbers=(7,), holds="the model's folder", done="an audited file taken away", step="files",
           make=lambda: laid(good(), artefact={"model.safetensors": builders.artefact_files()["model.safetensors"]})),
    Attack(name="items-of-another-run", numbers=(6,), holds=OPERATOR, done="another per-item log disclosed than the one measured",
           step="items", make=lambda: _items(other=True)),
    Attack(name="numbers-invented", numbers=(6,), holds=REPORT_KEY, done="a number that the disclosed per-item log does not give",
           step="items", make=lambda: _items(invented=True)),
)  # fmt: skip
ATTACKS = (*_SIGNATURE, *_CONTENT, *_APPROVALS, *_FILES)
