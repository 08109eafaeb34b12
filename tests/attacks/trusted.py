"""Attacks on the trust file and on time: foreign roots, replayed files, stolen keys, borrowed and late time-stamps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.keys import key_id, spki_text
from rtbf.evidence.strict_base64 import read_base64
from rtbf.evidence.trust_file import sign_trust
from rtbf.report.bundle import ENVELOPE_NAME, TOKEN_NAME, TRUST_NAME
from tests import builders, bundles
from tests.attacks import material
from tests.attacks.record import (
    COPY,
    OLD_FILE,
    OPERATOR,
    OWN_ROOT,
    REPORT_KEY,
    Attack,
    Laid,
    bundle,
    envelope_alone,
    good,
    laid,
    payload_of,
    replaced,
    small,
    thief,
    without,
)

SIGNER, OFFLINE = "report-signer", "a copy, and the auditor's mailbox"


def _other_root() -> bytes:
    """Return a trust file of the same keys under a root of somebody else's."""
    made = builders.trusted(bundles.NEW_YEAR)
    other = builders.root_key(bytes(range(200, 232)))
    entry, public = made.keys[0], other.public_key()
    foreign = replace(entry, id=key_id(public), spki=spki_text(public))
    return sign_trust(replace(made, root=foreign.id, keys=(foreign, *made.keys[1:])), other)


def _resigned_by_thief() -> bytes:
    """Return the trust file with the thief's key as report signer, under the old root's signature."""
    signed = json.loads(bundles.trust_bytes())
    body = read_base64(signed["payload"])
    public = thief().public_key()
    old = builders.signing_key().public_key()
    body = body.replace(key_id(old).encode(), key_id(public).encode())
    body = body.replace(spki_text(old).encode(), spki_text(public).encode())
    return canonical_bytes({**signed, "payload": builders.base64_text(body)})


def _changed(step_version: int = 3, **fields: Any) -> bytes:
    return bundles.trust_bytes(of_keys={SIGNER: fields}, version=step_version)


def _stamped(stamp: str, **signer: Any) -> Laid:
    """Return the bundle with one of the kept time-stamps, named by its sealing event; the auditor's file may revoke the signer."""
    trust = material.trust(of_keys={SIGNER: signer}, version=3) if signer else material.trust()
    return laid(material.stamped_bundle(stamp), trust=trust)


def _of_other_bytes() -> Laid:
    """A real token, but of another envelope."""
    files = bundle(
        small(time_stamp="asked", report_id="rep_02test"),
        token=lambda _: material.stamps()["good"],
        trust=material.trust(),
    )
    return laid(files, trust=material.trust())


def _revoked_since() -> Laid:
    """The operator's newer file revokes the signer; the auditor is shown the old one and remembers the newer's number."""
    return laid(good(), min_version=3)


ATTACKS = (
    Attack(name="trust-of-another-root", numbers=(3,), holds=OWN_ROOT, done="a whole trust file under the attacker's own root",
           step="trust", status="cannot decide", make=lambda: laid(good(), trust=_other_root())),
    Attack(name="trust-changed", numbers=(3,), holds=COPY, done="the thief's key written into the root's trust file", step="trust",
           status="cannot decide",
           make=lambda: envelope_alone(builders.signed(json.loads(payload_of(good()[ENVELOPE_NAME])), thief()),
                                       trust=_resigned_by_thief())),
    Attack(name="trust-unsigned", numbers=(3,), holds=COPY, done="an unsigned trust file, as early releases wrote them", step="trust",
           status="cannot decide", make=lambda: laid(good(), trust=builders.trust(bundles.NEW_YEAR))),
    Attack(name="trust-replayed", numbers=(20,), holds=OLD_FILE, done="the trust file from before a revocation", step="trust",
           status="cannot decide", make=_revoked_since),
    Attack(name="trust-truncated", holds=COPY, done="half a trust file", step="trust", status="cannot decide",
           make=lambda: laid(good(), trust=bundles.trust_bytes()[:1000])),
    Attack(name="bundle-of-another-root", numbers=(8,), holds=OWN_ROOT, done="another installation's trust file in the bundle",
           step="trust", make=lambda: laid(replaced(TRUST_NAME, _other_root()))),
    Attack(name="bundle-trust-contradicts", numbers=(20,), holds=COPY, done="an older trust file in the bundle that says otherwise",
           step="trust",
           make=lambda: laid(replaced(TRUST_NAME, bundles.trust_bytes(of_keys={SIGNER: {"not_after": "2026-06-01T00:00:00.000Z"}})),
                             trust=bundles.trust_bytes(version=3))),
    Attack(name="bundle-trust-malformed", holds=COPY, done="a trust file in the bundle that is none", step="trust",
           make=lambda: laid(replaced(TRUST_NAME, b"{}"))),
    Attack(name="key-expired", numbers=(3,), holds=REPORT_KEY, done="a report issued after its key's window", step="time",
           make=lambda: envelope_alone(good()[ENVELOPE_NAME], trust=_changed(not_after="2026-03-01T00:00:00.000Z"))),
    Attack(name="key-not-yet-valid", numbers=(3,), holds=REPORT_KEY, done="a report issued before its key's window", step="time",
           make=lambda: envelope_alone(good()[ENVELOPE_NAME], trust=_changed(not_before="2026-03-03T00:00:00.000Z"))),
    Attack(name="key-revoked", numbers=(3, 9), holds="the report signer's stolen key", done="a report by a revoked key, no time-stamp",
           step="time", make=lambda: envelope_alone(good()[ENVELOPE_NAME], trust=_changed(revoked_at="2026-03-05T00:00:00.000Z"))),
    Attack(name="dated-back-after-theft", numbers=(9,), holds="the report signer's stolen key",
           done="a report dated before the revocation, time-stamped after it", step="time",
           make=lambda: _stamped("late", revoked_at="2026-03-05T00:00:00.000Z")),
    Attack(name="dated-forward", numbers=(9,), holds=REPORT_KEY, done="a report dated an hour after its own time-stamp", step="time",
           make=lambda: _stamped("early")),
    Attack(name="token-of-other-bytes", numbers=(9,), holds=OPERATOR, done="the time-stamp of an earlier report", step="time",
           make=_of_other_bytes),
    Attack(name="token-of-another-authority", numbers=(9,), holds=OPERATOR, done="a time-stamp by an authority of the forger's own",
           step="time", make=lambda: _stamped("stranger")),
    Attack(name="token-garbled", numbers=(9,), holds=COPY, done="a time-stamp cut in half", step="time",
           make=lambda: laid(replaced(TOKEN_NAME, material.stamps()["good"][:700], material.stamped_bundle("good")),
                             trust=material.trust())),
    Attack(name="token-taken-away-after-revocation", numbers=(9,), holds="the report signer's stolen key",
           done="a late time-stamp hidden, so that only the signer's clock speaks", step="time",
           make=lambda: laid(without(TOKEN_NAME, files=material.stamped_bundle("late")),
                             trust=material.trust(of_keys={SIGNER: {"revoked_at": "2026-03-05T00:00:00.000Z"}}, version=3))),
)  # fmt: skip
