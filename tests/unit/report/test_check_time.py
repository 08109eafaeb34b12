"""Step 4: stated and proven time. An outside time-stamp saves a report from a later revocation, and nothing else does."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence import timestamp
from rtbf.report.check.run import check_bundle, check_report
from tests import builders, bundles
from tests.authority import REFUSED, Authority, make_authority

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.report.check.outcome import CheckOutcome

STATED = builders.parse_rfc3339(builders.ISSUED_AT)
ENVELOPE = bundles.good_bundle()["report.dsse.json"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority, whose root the trust files here name."""
    return make_authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamped(authority: Authority) -> Callable[..., bytes]:
    """Return the token over an envelope at so much after the stated time of issue."""

    def stamp(after: timedelta = timedelta(seconds=30), content: bytes = ENVELOPE) -> bytes:
        return authority.by_hand(content, at=f"{STATED + after:%Y%m%d%H%M%SZ}")

    return stamp


def trust(authority: Authority | None, **of_signer: Any) -> bytes:
    roots = () if authority is None else tuple(builders.base64_text(root) for root in authority.roots)
    return bundles.trust_bytes(tsa_roots=roots, of_keys={"report-signer": of_signer})


def step(outcome: CheckOutcome) -> tuple[str, str, str]:
    return outcome.status, outcome.steps[3].status, outcome.steps[3].detail


def test_a_time_stamp_proves_the_time(authority: Authority, stamped: Callable[..., bytes]) -> None:
    outcome = check_report(ENVELOPE, trust(authority), token=stamped())

    assert step(outcome)[:2] == ("ok", "ok")
    assert outcome.proven_at == datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
    assert outcome.remarks == ()


def test_a_time_stamp_in_a_bundle_is_read(authority: Authority, stamped: Callable[..., bytes]) -> None:
    made = bundles.bundle(token=lambda envelope: stamped(content=envelope), trust=trust(authority))

    outcome = check_bundle(made, trust(authority))

    assert (outcome.status, outcome.proven_at) == ("ok", datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("revoked_at", "status"),
    [
        ("2026-03-02T12:00:30.001Z", "ok"),
        ("2026-12-01T00:00:00.000Z", "ok"),
        ("2026-03-02T12:00:30.000Z", "bad"),
        ("2026-03-01T00:00:00.000Z", "bad"),
    ],
)
def test_a_report_by_a_key_revoked_later_is_saved_by_its_time_stamp_alone(
    revoked_at: str, status: str, authority: Authority, stamped: Callable[..., bytes]
) -> None:
    revoked = trust(authority, revoked_at=revoked_at)

    with_token, without = check_report(ENVELOPE, revoked, token=stamped()), check_report(ENVELOPE, revoked)

    assert with_token.status == status
    assert step(without)[:2] == ("bad", "failed")


def test_a_report_dated_back_after_a_theft_is_refused(authority: Authority, stamped: Callable[..., bytes]) -> None:
    """The thief can have a true time-stamp, but only of a time after the theft."""
    outcome = check_report(ENVELOPE, trust(authority, revoked_at="2026-06-01T00:00:00.000Z"), token=stamped(timedelta(days=120)))

    assert step(outcome)[:2] == ("bad", "failed")
    assert "dated back" in step(outcome)[2]


@pytest.mark.parametrize(("early", "status"), [(timedelta(minutes=-5), "ok"), (timedelta(minutes=-5, seconds=-1), "bad")])
def test_a_report_dated_forward_is_refused_beyond_what_clocks_differ(
    early: timedelta, status: str, authority: Authority, stamped: Callable[..., bytes]
) -> None:
    outcome = check_report(ENVELOPE, trust(authority), token=stamped(early))

    assert outcome.status == status
    assert ("dated forward" in step(outcome)[2]) == (status == "bad")


def test_a_late_time_stamp_is_remarked_on(authority: Authority, stamped: Callable[..., bytes]) -> None:
    outcome = check_report(ENVELOPE, trust(authority), token=stamped(timedelta(days=3, minutes=1)))

    assert outcome.status == "ok"
    assert outcome.remarks == ("the time-stamp came 3 day(s) after the stated time of issue: nothing shows that the report is older",)


def test_a_late_time_stamp_after_the_keys_window_takes_nothing_away(authority: Authority, stamped: Callable[..., bytes]) -> None:
    """A key is rotated while the authority is down: the honest report was good without a token and stays so with one."""
    ended = trust(authority, not_after="2026-03-03T00:00:00.000Z")

    outcome = check_report(ENVELOPE, ended, token=stamped(timedelta(days=3)))

    assert outcome.status == "ok"
    assert "the stated time alone lies in it" in step(outcome)[2]


def test_a_time_stamp_from_before_the_key_is_refused(authority: Authority, stamped: Callable[..., bytes]) -> None:
    outcome = check_report(ENVELOPE, trust(authority, not_before="2026-03-02T11:59:00.000Z"), token=stamped(timedelta(minutes=-2)))

    assert step(outcome)[:2] == ("bad", "failed")
    assert "before its key was in force" in step(outcome)[2]


def test_a_time_stamp_that_does_not_hold_is_refused(
    authority: Authority, stamped: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of another content, of another authority, of none, refused by the authority, cut off, and junk."""
    stranger = make_authority(tmp_path_factory.mktemp("tsa2"))
    tokens = [stamped(content=b"{}"), stranger.by_hand(ENVELOPE), REFUSED, stamped()[:-1], stamped() + b"\0", b"", b"\x30\x80" * 1000]

    outcomes = [check_report(ENVELOPE, trust(authority), token=token) for token in tokens]

    assert [step(outcome)[:2] for outcome in outcomes] == [("bad", "failed")] * 7


def test_without_an_authority_in_the_trust_file_a_token_shows_nothing(stamped: Callable[..., bytes]) -> None:
    plain, revoked = trust(None), trust(None, revoked_at="2026-12-01T00:00:00.000Z")

    outcomes = [check_report(ENVELOPE, each, token=stamped()) for each in (plain, revoked)]

    assert [step(outcome)[:2] for outcome in outcomes] == [("ok", "not decided"), ("bad", "failed")]


def test_without_the_extra_a_token_is_not_decided(
    authority: Authority, stamped: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = stamped()
    monkeypatch.setattr(timestamp, "rfc3161_client", None)

    good, revoked = (
        check_report(ENVELOPE, each, token=token) for each in (trust(authority), trust(authority, revoked_at="2026-12-01T00:00:00.000Z"))
    )

    assert step(good)[:2] == ("ok", "not decided")
    assert "rtbf[time]" in step(good)[2]
    assert revoked.status == "cannot decide"
    assert revoked.refusal is not None
    assert revoked.refusal.step == "time"


def test_a_token_that_was_asked_for_and_is_not_at_hand_is_told() -> None:
    asked, never = (bundles.bundle(builders.case(time_stamp=word)) for word in ("asked", "none"))

    outcomes = [check_bundle(made, bundles.trust_bytes()) for made in (asked, never)]

    assert [outcome.status for outcome in outcomes] == ["ok", "ok"]
    assert ["an authority was asked" in step(outcome)[2] for outcome in outcomes] == [True, False]


def test_no_network_code_is_loaded_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor's checker that opens no connection should not even be able to."""
    loaded: list[str] = []
    load = builtins.__import__

    def watch(name: str, *arguments: Any, **named: Any) -> Any:
        loaded.append(name)
        return load(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", watch)
    outcome = check_report(ENVELOPE, bundles.trust_bytes())
    monkeypatch.undo()

    assert outcome.status == "ok"
    assert [name for name in loaded if "timestamp" in name or "urllib" in name] == []
