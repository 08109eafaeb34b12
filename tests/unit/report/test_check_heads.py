"""Step 8: tree heads. One ledger that only grew, signed by its own key and enough witnesses, for everybody the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.keys import key_id
from rtbf.evidence.trust_change import with_log
from rtbf.evidence.trust_file import sign_trust
from rtbf.report.check.run import check_bundle, check_report
from tests import builders, bundles
from tests.bundles import Told, Tree, leaves_of, signed_head, story

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

GOOD = bundles.good_bundle()
TRUST = bundles.trust_bytes()
FIRST, SECOND = 12, 13
"""Leaves under the head that the report names, and under the bundle's."""
PROOF = "consistency/12-13.txt"
WITNESS, OTHER = "witness.example.org/w1", "witness.example.org/w2"
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(160, 192)))
BOTH = ((WITNESS, builders.witness_key()), (OTHER, OTHER_KEY))
RESTARTED = f"{builders.LOG}/2"


def step(outcome: CheckOutcome) -> tuple[str, str, str]:
    return outcome.status, outcome.steps[7].status, outcome.steps[7].detail


def refused(files: dict[str, bytes], **asked: Any) -> str:
    """Return what step 8 says of a bundle that it refuses."""
    outcome = check_bundle(files, TRUST, **asked)
    assert step(outcome)[:2] == ("bad", "failed"), outcome.refusal
    return step(outcome)[2]


def note(tree: Tree, **named: Any) -> bytes:
    return signed_head(tree.head(**named)).encode()


def test_a_head_by_the_ledgers_key_that_extends_the_reports_holds() -> None:
    outcome = check_bundle(GOOD, TRUST)

    assert step(outcome)[:2] == ("ok", "ok")
    assert outcome.head is not None
    assert (outcome.head.origin, outcome.head.size) == (builders.LOG, SECOND)
    assert "without a witness" in step(outcome)[2]


def test_a_head_by_another_key_is_refused() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(range(200, 232)))

    said = refused(bundles.bundle(log_key=stranger))

    assert "does not open" in said


def test_a_head_of_a_ledger_that_the_trust_file_does_not_name_is_refused() -> None:
    """A report of one operator shown with another's ledger."""
    said = refused(bundles.bundle(origin="rtbf/another"))

    assert "does not name" in said


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfe",
        GOOD["checkpoint"][:-1],
        GOOD["checkpoint"].replace(b"\n13\n", b"\n14\n"),
        b"rtbf/0123456789abcdef\n" * 9,
        GOOD["checkpoint"] * 2,
    ],
)
def test_a_damaged_head_is_refused(head: bytes) -> None:
    refused({**GOOD, "checkpoint": head})


def test_a_head_by_a_revoked_key_is_refused() -> None:
    """Nothing shows that it is older than the revocation."""
    revoked = bundles.trust_bytes(of_keys={"log-signer": {"revoked_at": "2026-12-01T00:00:00.000Z"}})

    outcome = check_bundle({**GOOD, "trust.json": revoked}, revoked)

    assert step(outcome)[:2] == ("bad", "failed")


@pytest.mark.parametrize(
    ("needed", "signing", "status"),
    [(0, (), "ok"), (1, (), "bad"), (1, BOTH[:1], "ok"), (1, BOTH[1:], "ok"), (2, BOTH[:1], "bad"), (2, BOTH, "ok")],
)
def test_as_many_witnesses_as_the_trust_file_asks_for(needed: int, signing: Any, status: str) -> None:
    trust = bundles.trust_bytes(witnesses=BOTH, witnesses_needed=needed)

    outcome = check_bundle(bundles.bundle(witnesses=signing, trust=trust), trust)

    assert outcome.status == status
    assert ("witnesses" in step(outcome)[2]) == (status == "bad")


def test_one_witness_under_two_names_is_not_two() -> None:
    """The trust file would have to name its key twice, which it may not; an unknown name counts for nothing."""
    trust = bundles.trust_bytes(witnesses=BOTH, witnesses_needed=2)
    twice = bundles.bundle(witnesses=(BOTH[0], ("witness.example.org/w3", BOTH[0][1])), trust=trust)

    outcome = check_bundle(twice, trust)

    assert step(outcome)[:2] == ("bad", "failed")
    assert "1 of 2 witnesses" in step(outcome)[2]


def test_a_ledger_rewritten_since_the_report_is_refused() -> None:
    """The report's own event stands in the new ledger too, but the old one is no beginning of it."""
    rewritten = [*story()]
    rewritten[0] = Told(type="corpus.added", time="2026-02-19T08:00:00.000Z", ticket=None, data={"corpus": "another"})
    sealed = bundles.sealing(builders.case(), GOOD["report.dsse.json"], None, None)

    said = refused({**GOOD, **bundles.packed([*rewritten, sealed], FIRST)})

    assert "not only appended to" in said


def test_a_report_that_names_another_root_than_its_ledger_had_is_refused() -> None:
    refused(bundles.bundle(trail={"root": builders.base64_text(b"\xab" * 32)}))


@pytest.mark.parametrize("size", [13, 14, 2**40])
def test_a_head_that_is_no_later_than_the_reports_is_refused(size: int) -> None:
    said = refused(bundles.bundle(trail={"tree_size": size}))

    assert "not later" in said


def test_a_wrong_or_missing_consistency_proof_is_refused() -> None:
    others = {name: content for name, content in GOOD.items() if name != PROOF}
    proof = GOOD[PROOF]
    lines = proof.split(b"\n")
    bad = [
        others,
        {**GOOD, "consistency/11-13.txt": proof},
        {**others, "consistency/11-13.txt": proof},
        {**GOOD, PROOF: b""},
        {**GOOD, PROOF: b"\xff"},
        {**GOOD, PROOF: proof.replace(b"12 13", b"11 13")},
        {**GOOD, PROOF: proof.replace(b"12 13", b"12 012")},
        {**GOOD, PROOF: b"\n".join([*lines[:2], *lines[3:]])},
        {**GOOD, PROOF: b"\n".join([*lines[:2], lines[2], *lines[2:]])},
        {**GOOD, PROOF: proof.rstrip(b"\n")},
        {**GOOD, PROOF: proof + b"\n"},
    ]

    assert ["proof" in refused(files) for files in bad] == [True] * len(bad)


def test_the_auditors_own_head_of_the_same_ledger_is_confirmed() -> None:
    """Of the size that the report names, and of the bundle's: no further proof is needed."""
    leaves = leaves_of(story())
    older = note(Tree(leaves))

    outcomes = [check_bundle(GOOD, TRUST, head=head) for head in (older, GOOD["checkpoint"])]

    assert [step(outcome)[:2] for outcome in outcomes] == [("ok", "ok")] * 2
    assert "your head of 12 leaves is of the same ledger" in step(outcomes[0])[2]


@pytest.mark.parametrize("size", [12, 13])
def test_two_histories_are_told_apart_by_two_who_compare(size: int) -> None:
    forked = leaves_of([Told(type="model.added", time="2026-02-19T08:00:00.000Z", ticket=None), *story()])[:size]

    said = refused(GOOD, head=note(Tree(forked)))

    assert "two histories" in said


@pytest.mark.parametrize("size", [1, 8, 20])
def test_an_older_or_newer_head_is_confirmed_by_a_proof(size: int) -> None:
    sealed = bundles.sealing(builders.case(), GOOD["report.dsse.json"], None, None)
    later = [Told(type="hold.placed", time="2026-04-01T00:00:00.000Z", ticket=None) for _ in range(7)]
    leaves = leaves_of([*story(), sealed, *later])
    own = Tree(leaves[:size])
    proof = Tree(leaves[: max(size, SECOND)]).consistency(min(size, SECOND))

    with_proof = check_bundle(GOOD, TRUST, head=note(own), consistency=proof)
    without = check_bundle(GOOD, TRUST, head=note(own))

    assert step(with_proof)[:2] == ("ok", "ok")
    assert (without.status, step(without)[1]) == ("cannot decide", "not decided")
    assert "ask the operator for the proof" in step(without)[2]


@pytest.mark.parametrize("size", [8, 20])
def test_a_forged_proof_between_two_histories_is_refused(size: int) -> None:
    """Sizes and roots come from the two signed heads: a proof that was made inside the other history leads elsewhere."""
    forked = leaves_of([Told(type="model.added", time="2026-02-19T08:00:00.000Z", ticket=None) for _ in range(20)])
    proof = Tree(forked[: max(size, SECOND)]).consistency(min(size, SECOND))

    said = refused(GOOD, head=note(Tree(forked[:size])), consistency=proof)

    assert "another root" in said


def test_a_proof_between_other_sizes_is_refused() -> None:
    leaves = leaves_of(story())
    own = Tree(leaves[:8])

    said = refused(GOOD, head=note(own), consistency=Tree(leaves).consistency(8))

    assert "between other sizes" in said


@pytest.mark.parametrize("head", [b"", b"\xff", b"x" * 300_000])
def test_an_auditors_head_that_is_none_is_refused(head: bytes) -> None:
    refused(GOOD, head=head)


def test_an_envelope_alone_is_compared_with_the_auditors_head() -> None:
    envelope, leaves = GOOD["report.dsse.json"], leaves_of(story())
    forked = leaves_of([Told(type="model.added", time="2026-02-19T08:00:00.000Z", ticket=None), *story()])[:FIRST]

    same, other, older, proven = (
        check_report(envelope, TRUST, head=note(Tree(leaves))),
        check_report(envelope, TRUST, head=note(Tree(forked))),
        check_report(envelope, TRUST, head=note(Tree(leaves[:5]))),
        check_report(envelope, TRUST, head=note(Tree(leaves[:5])), consistency=Tree(leaves).consistency(5)),
    )

    assert [outcome.status for outcome in (same, other, older, proven)] == ["ok", "bad", "cannot decide", "ok"]


def restarted(continues: str | None = builders.LOG) -> bytes:
    """Return a trust file with a ledger that goes on under another name."""
    made = builders.trusted(bundles.NEW_YEAR)
    return sign_trust(with_log(made, RESTARTED, key_id(builders.log_key().public_key()), continues), builders.root_key())


def test_a_ledger_that_was_restarted_after_a_loss_goes_on_under_its_next_name() -> None:
    trust = restarted()
    lost = Told(type="log.restarted", time="2026-05-01T00:00:00.000Z", ticket=None, log=RESTARTED)

    outcome = check_bundle(bundles.bundle(after=[lost], origin=RESTARTED, trust=trust), trust)

    assert outcome.status == "ok"
    assert outcome.head is not None
    assert outcome.head.origin == RESTARTED


def test_a_second_ledger_of_one_operator_is_not_the_first_one() -> None:
    trust = restarted(continues=None)

    outcome = check_bundle(bundles.bundle(origin=RESTARTED, trust=trust), trust)

    assert step(outcome)[:2] == ("bad", "failed")
    assert "another ledger" in step(outcome)[2]


def test_an_auditors_head_of_another_ledger_is_refused() -> None:
    trust = restarted(continues=None)
    own = note(Tree(leaves_of(story())), origin=RESTARTED)

    in_bundle = check_bundle({**GOOD, "trust.json": trust}, trust, head=own)
    alone = check_report(GOOD["report.dsse.json"], trust, head=own)

    assert [step(outcome)[:2] for outcome in (in_bundle, alone)] == [("bad", "failed")] * 2
