"""The checker's step on approvals: what is proven, what is only stated, and every way in which they are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.keys import key_id
from rtbf.report.check.run import check_report
from rtbf.report.statement import build_statement
from tests import builders

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome, Step
    from rtbf.report.statement import Case

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SECOND_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96)))
NOT_TRUSTED = canonical_bytes(builders.trust_file(builders.signing_key().public_key(), NEW_YEAR))
"""A trust file that names the report signer and no approver."""


def step(outcome: CheckOutcome) -> Step:
    return next(entry for entry in outcome.steps if entry.name == "approvals")


def two_approvals(**plan_changes: Any) -> tuple[Case, str]:
    """Return a case that needs two approvals, without them, and its plan's digest."""
    made = builders.case(plan_changes={"quorum": 2, **plan_changes})
    return made, builders.digest_of(made.plan)


def checked(made: Case, trust: bytes | None = None, change: Any = None) -> CheckOutcome:
    """Return the outcome for a case whose statement `change` alters before the right signer signs it."""
    statement = build_statement(made)
    if change is not None:
        change(statement["predicate"])
        # A signer who lies about approvals sees to it that the declaration fits the lie.
        given = statement["predicate"]["approvals"]
        signed = sum(entry["signature"] is not None for entry in given)
        words = statement["predicate"]["declarations"][1].split(" ", 3)[3]
        statement["predicate"]["declarations"][1] = f"{signed} of {len(given)} {words}"
    return check_report(builders.signed(statement), builders.trust(NEW_YEAR) if trust is None else trust)


def test_an_approval_by_a_trusted_approver_is_proven() -> None:
    outcome = checked(builders.case())

    assert (outcome.status, step(outcome).status) == ("ok", "ok")
    assert "act_approver signed by an approver's key of the trust file" in step(outcome).detail


def test_a_key_that_only_the_report_carries_is_no_fault_and_no_proof() -> None:
    outcome = checked(builders.case(), NOT_TRUSTED)

    assert (outcome.status, step(outcome).status) == ("ok", "not decided")
    assert "act_approver signed by a key that only the report carries" in step(outcome).detail
    assert outcome.verdict == "PASS"


def test_a_self_declared_approval_is_no_fault_and_no_proof() -> None:
    made = builders.case()

    outcome = checked(replace(made, approvals=(builders.approval(builders.digest_of(made.plan)),)))

    assert (outcome.status, step(outcome).status) == ("ok", "not decided")
    assert step(outcome).detail == "0 of 1 needed approvals proven: act_approver self-declared"


def test_one_proven_of_two_is_not_a_proven_quorum() -> None:
    made, digest = two_approvals()
    signed, plain = builders.approval(digest, key=builders.approver_key()), builders.approval(digest, "act_second")

    outcome = checked(replace(made, approvals=(signed, plain)))

    assert (outcome.status, step(outcome).status) == ("ok", "not decided")
    assert "1 of 2 needed approvals proven" in step(outcome).detail


def test_one_person_who_approved_twice_is_one() -> None:
    made, digest = two_approvals()
    with_second = replace(made, approvals=(builders.approval(digest), builders.approval(digest, "act_second")))

    def same_person(predicate: Any) -> None:
        predicate["approvals"][1]["actor_id"] = "act_approver"

    outcome = checked(with_second, change=same_person)

    assert (outcome.status, step(outcome).status) == ("bad", "failed")
    assert "too few different people" in step(outcome).detail


def test_one_key_under_two_names_is_refused() -> None:
    made, digest = two_approvals()
    key = builders.approver_key()

    outcome = checked(replace(made, approvals=(builders.approval(digest, key=key), builders.approval(digest, "act_second", key))))

    assert "two different approvers" in step(outcome).detail
    assert outcome.status == "bad"


def test_a_refused_approval_hides_the_verdict() -> None:
    outcome = checked(builders.case(), change=lambda predicate: predicate["approvals"][0].update(actor_id=builders.PLANNER))

    assert (outcome.status, outcome.verdict, outcome.claim) == ("bad", None, None)
    assert outcome.refusal is not None
    assert outcome.refusal.step == "approvals"


@pytest.mark.parametrize("part", [builders.SUBMITTER, builders.PLANNER, builders.DECIDER])
def test_an_approval_by_somebody_who_had_a_part_in_it_is_refused_even_when_signed(part: str) -> None:
    made = builders.case()
    approval = builders.approval(builders.digest_of(made.plan), part, builders.approver_key())

    outcome = checked(replace(made, approvals=(approval,)))

    assert (outcome.status, step(outcome).status) == ("bad", "failed")
    assert "an approval by the actor who" in step(outcome).detail


def _moved_to_other_plan(predicate: Any) -> None:
    other = builders.approval(builders.sha(99), key=builders.approver_key())
    predicate["approvals"][0]["signature"]["envelope"] = other.signature.envelope  # type: ignore[union-attr]  # it was signed


def _other_actor(predicate: Any) -> None:
    predicate["approvals"][0]["actor_id"] = "act_somebody"


def _rejection_as_approval(predicate: Any) -> None:
    said_no = builders.approval(predicate["records"]["plan"], key=builders.approver_key(), decision="rejected")
    predicate["approvals"][0]["signature"]["envelope"] = said_no.signature.envelope  # type: ignore[union-attr]  # it was signed


def _other_key_named(predicate: Any) -> None:
    predicate["approvals"][0]["signature"]["key_id"] = key_id(SECOND_KEY.public_key())


def _no_key(predicate: Any) -> None:
    predicate["approvals"][0]["signature"]["spki"] = "AAAA"


def _damaged(predicate: Any) -> None:
    signature = predicate["approvals"][0]["signature"]
    signature["envelope"] = signature["envelope"].replace('"sig":"', '"sig":"A', 1)


def _no_envelope(predicate: Any) -> None:
    predicate["approvals"][0]["signature"]["envelope"] = "[" * 2000


def _longer(predicate: Any) -> None:
    predicate["approvals"][0]["expires_at"] = "2027-03-15T08:15:00.000Z"


def _unsigned_longer(predicate: Any) -> None:
    predicate["approvals"][0].update(signature=None, expires_at="2027-03-15T08:15:00.000Z")


def _rejected_too(predicate: Any) -> None:
    no = {**predicate["approvals"][0], "actor_id": "act_no", "decision": "rejected", "signature": None}
    predicate["approvals"].append(no)


def _no_approval(predicate: Any) -> None:
    predicate["approvals"].clear()


def _later_than_the_report(predicate: Any) -> None:
    predicate["quorum"]["unlearning_started_at"] = "2026-03-02T12:00:00.001Z"


def _too_early_a_start(predicate: Any) -> None:
    predicate["quorum"]["unlearning_started_at"] = "2026-03-01T08:14:59.999Z"


def _after_expiry(predicate: Any) -> None:
    predicate["approvals"][0].update(signature=None, given_at="2026-02-01T08:15:00.000Z", expires_at="2026-02-15T08:15:00.000Z")


def _fewer_needed(predicate: Any) -> None:
    predicate["quorum"]["needed"] = 0


def _nobody_needed(predicate: Any) -> None:
    predicate["quorum"]["needed"] = 0
    predicate["plan"]["quorum"] = 0


def _other_grace(predicate: Any) -> None:
    predicate["quorum"]["grace_ends_at"] = "2026-03-01T08:20:00.000Z"


def _grace_not_over(predicate: Any) -> None:
    predicate["plan"]["grace_s"] = 86_400
    predicate["quorum"]["grace_ends_at"] = "2026-03-02T08:15:00.000Z"


def _no_time(predicate: Any) -> None:
    predicate["approvals"][0].update(signature=None, given_at="yesterday")


def _other_form_of_time(predicate: Any) -> None:
    predicate["approvals"][0].update(signature=None, given_at="2026-03-01T08:15:00+00:00")


@pytest.mark.parametrize(
    ("lie", "found"),
    [
        (_moved_to_other_plan, "another plan"),
        (_other_actor, "another actor"),
        (_rejection_as_approval, "another decision"),
        (_other_key_named, "another key's id"),
        (_no_key, "cannot be read"),
        (_damaged, "no DSSE envelope"),
        (_no_envelope, "no DSSE envelope"),
        (_longer, "another expires_at"),
        (_unsigned_longer, "valid for another time"),
        (_rejected_too, "or a rejection"),
        (_no_approval, "too few"),
        (_later_than_the_report, "later than the report"),
        (_too_early_a_start, "too few"),
        (_after_expiry, "too few"),
        (_fewer_needed, "another number of approvers"),
        (_nobody_needed, "another number of approvers"),
        (_other_grace, "grace period that the approvals do not give"),
        (_grace_not_over, "before the grace period was over"),
        (_no_time, "not RFC 3339"),
        (_other_form_of_time, "not RFC 3339 in UTC"),
    ],
)
def test_a_lie_about_an_approval_is_refused_though_the_report_is_signed(lie: Any, found: str) -> None:
    outcome = checked(builders.case(), change=lie)

    assert (outcome.status, step(outcome).status) == ("bad", "failed")
    assert found in step(outcome).detail


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({"role": "report-signer"}, "bad", "to no approver"),
        ({"alg": "rsa"}, "bad", "to no approver"),
        ({"not_before": "2026-03-01T08:15:00.001Z"}, "bad", "outside its key's window"),
        ({"not_after": "2026-03-01T08:14:59.999Z"}, "bad", "outside its key's window"),
        ({"revoked_at": "2026-03-01T08:15:00.000Z"}, "bad", "outside its key's window"),
        # Between approval and report: nothing shows that the approval is older than the revocation.
        ({"revoked_at": "2026-03-02T12:00:00.000Z"}, "ok", "revoked before the report was issued"),
        # Afterwards: the report's own signature holds the approval in place.
        ({"revoked_at": "2026-03-02T12:00:00.001Z"}, "ok", "1 of 1 needed approvals proven"),
    ],
)
def test_an_approvers_key_counts_in_its_role_and_window_only(changes: dict[str, Any], status: str, found: str) -> None:
    trust = builders.trust_file(builders.signing_key().public_key(), NEW_YEAR)
    entry = {**builders.with_approver(trust, builders.approver_key().public_key(), NEW_YEAR)["keys"][1], **changes}

    outcome = checked(builders.case(), canonical_bytes({**trust, "keys": [*trust["keys"], entry]}))

    assert outcome.status == status
    assert found in step(outcome).detail
    assert (step(outcome).status == "ok") == found.startswith("1 of 1")


def test_an_approval_that_had_expired_does_not_make_its_signer_proven() -> None:
    """The signed one was over when unlearning began; what counted then was a later one that nobody signed."""
    made = builders.case()
    digest = builders.digest_of(made.plan)
    expired = builders.approval(digest, key=builders.approver_key(), given_at="2026-02-10T08:00:00.000Z")
    fresh = builders.approval(digest)

    outcome = checked(replace(made, approvals=(expired, fresh)))

    assert step(outcome).status == "not decided"
    assert step(outcome).detail == "0 of 1 needed approvals proven: act_approver self-declared"
