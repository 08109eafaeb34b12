"""Four eyes, quorum, expiry, grace and signatures: the rules of approval, as laws and as cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import FourEyes, SignatureRefused, StalePlan
from rtbf.plan.approval import (
    ApprovalGiven,
    grace_ends_at,
    is_rejected,
    quorum_met,
    quorum_met_at,
    require_approver,
    require_live_plan,
    require_own_signature,
    require_registered_key,
    to_milliseconds,
)
from tests import builders

DIGEST, OTHER = builders.sha(1), builders.sha(2)
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DAYS_14 = timedelta(days=14)


def said(actor: str = "act_a", hours: float = 0, *, yes: bool = True, digest: str = DIGEST, valid: timedelta = DAYS_14) -> ApprovalGiven:
    at = START + timedelta(hours=hours)
    return ApprovalGiven(actor_id=actor, plan_digest=digest, is_approval=yes, given_at=at, expires_at=at + valid, key_id=None)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("roles", "named"),
    [
        ({"submitted_by"}, "submitted the ticket"),
        ({"planned_by"}, "made the plan"),
        ({"decided_by"}, "decided what is erased"),
        ({"submitted_by", "planned_by", "decided_by"}, "submitted the ticket and made the plan and decided what is erased"),
    ],
)
def test_whoever_had_a_part_in_it_cannot_approve_and_is_told_which(roles: set[str], named: str) -> None:
    me = "act_7f3a"

    with pytest.raises(FourEyes) as refused:
        require_approver(
            me,
            submitted_by=me if "submitted_by" in roles else "act_1",
            planned_by=me if "planned_by" in roles else "act_2",
            decided_by=frozenset({me, "act_3"} if "decided_by" in roles else {"act_3"}),
        )

    assert named in refused.value.found
    assert me not in str(refused.value)


def test_somebody_without_a_part_may_approve() -> None:
    require_approver("act_4", submitted_by="act_1", planned_by="act_2", decided_by=frozenset({"act_3"}))


def test_another_digest_is_refused() -> None:
    require_live_plan("tkt_1", DIGEST, DIGEST)

    with pytest.raises(StalePlan):
        require_live_plan("tkt_1", OTHER, DIGEST)


def test_an_actor_with_a_key_must_sign_even_after_the_key_was_revoked() -> None:
    require_own_signature([], None)
    require_own_signature(["sha256:k"], "sha256:k")

    with pytest.raises(SignatureRefused, match="without a signature"):
        require_own_signature(["sha256:revoked-long-ago"], None)


def test_a_key_that_is_not_registered_for_the_actor_is_refused() -> None:
    assert require_registered_key("sha256:k", b"der") == b"der"

    with pytest.raises(SignatureRefused, match="not registered for this actor"):
        require_registered_key("sha256:k", None)


@pytest.mark.parametrize(
    ("approvals", "quorum", "hours", "met"),
    [
        ([], 1, 0, False),
        ([said()], 1, 0, True),
        ([said()], 2, 0, False),
        ([said(), said(hours=1)], 2, 2, False),
        ([said(), said("act_b", 1)], 2, 2, True),
        ([said(), said("act_b", 1, digest=OTHER)], 2, 2, False),
        ([said(hours=3)], 1, 2, False),
        # 14 days are 336 hours; the last instant is outside.
        ([said()], 1, 335.9, True),
        ([said()], 1, 336, False),
        ([said(), said("act_b", 1, yes=False)], 1, 2, False),
        ([said(yes=False), said("act_b", 1)], 1, 2, False),
        # A plan that asks for nobody still needs one.
        ([], 0, 0, False),
    ],
    ids=[
        "nobody", "one of one", "one of two", "one person twice", "two people", "another plan", "not yet", "just valid", "just expired",
        "rejected afterwards", "rejected before", "no quorum asked",
    ],
)  # fmt: skip
def test_quorum(approvals: list[ApprovalGiven], quorum: int, hours: float, met: bool) -> None:  # noqa: FBT001 - a table's last column
    found = quorum_met(builders.plan(quorum=quorum), approvals, DIGEST, at(hours))

    assert found is met


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400), st.sampled_from([DIGEST, OTHER]), st.integers(1, 400)), max_size=6),
    st.integers(1, 3),
    st.integers(0, 800),
)
def test_quorum_is_that_many_different_people_in_time(entries: list[tuple[str, int, str, int]], quorum: int, hours: int) -> None:
    approvals = [said(actor, since, digest=digest, valid=timedelta(hours=valid)) for actor, since, digest, valid in entries]

    met = quorum_met(builders.plan(quorum=quorum), approvals, DIGEST, at(hours))

    # Plainly: some choice of `quorum` approvals, all of this plan and live, no two by one person.
    live = [entry for entry in entries if entry[2] == DIGEST and entry[1] <= hours < entry[1] + entry[3]]
    expected = any(len({actor for actor, *_ in chosen}) == quorum for chosen in combinations(live, quorum))
    assert met is expected


@given(st.permutations([said(), said("act_b", 5), said("act_c", 9)]))
def test_the_order_in_which_approvals_are_read_changes_nothing(approvals: list[ApprovalGiven]) -> None:
    plan = builders.plan(quorum=2, grace_s=3600)

    ends_at = grace_ends_at(plan, approvals, DIGEST)

    # Complete with the second person at hour 5; one hour of grace.
    assert ends_at == at(6)


def test_grace_begins_with_the_approval_that_completes_the_quorum_and_not_with_a_repetition() -> None:
    plan = builders.plan(quorum=1, grace_s=7200)

    ends_at = grace_ends_at(plan, [said(hours=0), said(hours=100)], DIGEST)

    assert ends_at == at(2)


def test_a_quorum_that_lapsed_and_was_completed_again_has_a_fresh_grace_period() -> None:
    plan = builders.plan(quorum=1, grace_s=3600)
    approvals = [said(hours=0, valid=timedelta(hours=10)), said(hours=20)]

    moments = quorum_met_at(plan, approvals, DIGEST), grace_ends_at(plan, approvals, DIGEST)

    assert moments == (at(20), at(21))


def test_without_quorum_there_is_no_grace_period() -> None:
    plan = builders.plan(quorum=2)

    assert grace_ends_at(plan, [said()], DIGEST) is None
    assert grace_ends_at(plan, [said(), said("act_b", digest=OTHER)], DIGEST) is None


def test_a_rejection_by_anyone_voids() -> None:
    approvals = [said(), said("act_b", 1), said("act_submitter", 2, yes=False)]

    assert is_rejected(approvals)
    assert not quorum_met(builders.plan(quorum=2), approvals, DIGEST, at(3))


def test_times_are_cut_to_milliseconds_as_they_are_signed() -> None:
    cut = to_milliseconds(datetime(2026, 3, 1, 8, 0, 0, 123_999, tzinfo=UTC))

    assert cut == datetime(2026, 3, 1, 8, 0, 0, 123_000, tzinfo=UTC)
