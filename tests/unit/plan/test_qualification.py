"""A qualification is believed only as this installation signed it, and speaks only for what was tried and as long as it counts."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.clock import rfc3339
from rtbf.errors import SignatureRefused
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.evidence.dsse import sign_envelope
from rtbf.evidence.keys import key_id
from rtbf.home import Home, new_home
from rtbf.pipeline.qualified import qualification_use
from rtbf.plan.card import code_digest
from rtbf.plan.qualification import (
    PAYLOAD_TYPE,
    Sought,
    Trial,
    family_of,
    is_in_date,
    keep_trial,
    kept_trials,
    last_day,
    newest_qualification,
    read_trial,
    settings_of,
    sign_trial,
    sought_for,
)
from rtbf.plan.request import PlanRequest
from tests import trusted
from tests.tried import SETTINGS, a_trial

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MADE = NOW - timedelta(days=10)
TRUST = trusted.trusted(NOW - timedelta(days=400))


def _trial(**changes: Any) -> Trial:
    return a_trial(changes.pop("made", MADE), **changes)


def _sought(**changes: Any) -> Sought:
    fields: dict[str, Any] = {
        "method": "npo", "method_digest": code_digest("method", "npo"), "settings": SETTINGS, "model_family": "llama",
        "model_parameters": 600_000, "has_controls": True,
    }  # fmt: skip
    return Sought(**{**fields, **changes})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


def _kept(home: Home, **changes: Any) -> str:
    envelope = sign_trial(_trial(**changes), trusted.signing_key())
    keep_trial(home, envelope)
    return digest_bytes(envelope)


def test_what_was_signed_is_read_back_as_it_was(home: Home) -> None:
    digest = _kept(home)

    (kept,) = kept_trials(home, TRUST)

    assert (kept.digest, kept.trial) == (digest, _trial())


def test_a_fitting_trial_covers_and_names_its_last_day(home: Home) -> None:
    digest = _kept(home)

    found = newest_qualification(home, TRUST, _sought(), NOW)

    assert found is not None
    assert (found.digest, found.covers) == (digest, True)
    # 2026-02-20 and 180 days.
    assert found.ends_on == "2026-08-19"


def test_without_a_trial_of_the_method_there_is_none(home: Home) -> None:
    assert newest_qualification(home, TRUST, _sought(), NOW) is None
    _kept(home)
    assert newest_qualification(home, TRUST, _sought(method="gradient_difference"), NOW) is None


@pytest.mark.parametrize(
    ("sought", "reason"),
    [
        ({"method_digest": "sha256:" + "9" * 64}, "code has changed"),
        ({"settings": (*SETTINGS[:1], ("learning_rate", "0.002"), *SETTINGS[2:])}, "other settings: learning_rate"),
        ({"settings": (("beta", "0.2"), *SETTINGS)}, "other settings: beta"),
        ({"model_family": "gpt2"}, "family gpt2"),
        ({"model_family": None}, "family unknown"),
        ({"model_parameters": 7_000_000_000}, "more than 10 times apart"),
        ({"has_controls": False}, "control models"),
    ],
)
def test_another_run_than_the_tried_one_is_not_covered(home: Home, sought: dict[str, Any], reason: str) -> None:
    _kept(home)

    found = newest_qualification(home, TRUST, _sought(**sought), NOW)

    assert found is not None
    assert not found.covers
    assert reason in found.reason


@pytest.mark.parametrize(("status", "awarded"), [("FAIL", "none"), ("INCONCLUSIVE", "none"), ("PASS", "suppression")])
def test_a_method_that_did_not_qualify_covers_nothing(home: Home, status: str, awarded: str) -> None:
    _kept(home, status=status, class_awarded=awarded)

    found = newest_qualification(home, TRUST, _sought(), NOW)

    assert found is not None
    assert not found.covers
    assert "did not qualify" in found.reason


def test_of_trials_on_the_same_run_the_newest_decides_also_when_it_failed(home: Home) -> None:
    _kept(home)
    newest = _kept(home, made=NOW - timedelta(days=1), status="FAIL", class_awarded="none")
    _kept(home, made=NOW, model_family="gpt2")

    found = newest_qualification(home, TRUST, _sought(), NOW)

    assert found is not None
    assert (found.digest, found.covers) == (newest, False)


def test_a_lapsed_trial_is_named_with_its_last_day_and_is_not_in_date(home: Home) -> None:
    _kept(home, made=NOW - timedelta(days=181))

    found = newest_qualification(home, TRUST, _sought(), NOW)

    assert found is not None
    assert found.covers
    assert "lapsed after 2026-03-01" in found.reason
    assert not is_in_date(found.ends_on, NOW)


def test_the_last_day_counts_to_its_end() -> None:
    assert last_day(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-06-30"
    assert is_in_date("2026-06-30", datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC))
    assert not is_in_date("2026-06-30", datetime(2026, 7, 1, tzinfo=UTC))


def test_a_verdict_leans_on_what_was_planned_and_on_the_day_of_measuring(home: Home) -> None:
    _kept(home)
    planned = newest_qualification(home, TRUST, _sought(), NOW)
    plan: Any = SimpleNamespace(qualification=planned)
    later: Any = SimpleNamespace(clock=lambda: NOW + timedelta(days=200))
    now: Any = SimpleNamespace(clock=lambda: NOW)

    uses = [qualification_use(installation, plan) for installation in (now, later)]

    assert [(use.is_in_date, use.covers) for use in uses if use is not None] == [(True, True), (False, True)]
    assert qualification_use(now, SimpleNamespace(qualification=None)) is None  # type: ignore[arg-type]


def _forged(envelope: bytes) -> bytes:
    value = json.loads(envelope)
    better = _trial(subjects=10_000)
    honest = json.loads(sign_trial(better, trusted.approver_key()))
    return canonical_bytes({**value, "payload": honest["payload"]})


def _retyped(_envelope: bytes) -> bytes:
    key = trusted.signing_key()
    return canonical_bytes(sign_envelope(key, key_id(key.public_key()), canonical_bytes(_trial())))


def _twice_signed(envelope: bytes) -> bytes:
    value = json.loads(envelope)
    return canonical_bytes({**value, "signatures": value["signatures"] * 2})


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (_forged, "does not fit"),
        (lambda _envelope: sign_trial(_trial(), trusted.approver_key()), "no report signer"),
        (lambda _envelope: sign_trial(_trial(), trusted.signing_key(bytes(range(1, 33)))), "no report signer"),
        (_retyped, "document of type application/vnd.in-toto"),
        (_twice_signed, "2 signature"),
        (lambda envelope: envelope[:-1], "a method's qualification with"),
        (lambda _envelope: sign_trial(_trial(made=NOW - timedelta(days=500)), trusted.signing_key()), "outside of the key's window"),
        (lambda _envelope: sign_trial(_trial(ends_on="2099-01-01"), trusted.signing_key()), "last day further off"),
    ],
    ids=["forged", "approver", "unknown key", "other type", "signed twice", "cut", "before the key", "too long"],
)
def test_what_this_installation_did_not_sign_like_this_is_refused(home: Home, tamper: Any, found: str) -> None:
    envelope = tamper(sign_trial(_trial(), trusted.signing_key()))
    keep_trial(home, envelope)

    with pytest.raises(SignatureRefused, match=found):
        newest_qualification(home, TRUST, _sought(), NOW)


def test_a_revoked_key_signs_no_qualification(home: Home) -> None:
    _kept(home)
    revoked = dataclasses.replace(
        TRUST, keys=tuple(dataclasses.replace(key, revoked_at=rfc3339(NOW)) if key.role == "report-signer" else key for key in TRUST.keys)
    )

    with pytest.raises(SignatureRefused, match="revoked"):
        kept_trials(home, revoked)


def test_a_file_under_another_name_is_refused(home: Home) -> None:
    path = keep_trial(home, sign_trial(_trial(), trusted.signing_key()))
    path.rename(path.with_name("0" * 64 + ".dsse.json"))

    with pytest.raises(SignatureRefused, match="not what its name says"):
        kept_trials(home, TRUST)


def test_an_unknown_field_is_refused() -> None:
    key = trusted.signing_key()
    payload = canonical_bytes({**dataclasses.asdict(_trial()), "also": "this"})
    envelope = canonical_bytes(sign_envelope(key, key_id(key.public_key()), payload, payload_type=PAYLOAD_TYPE))

    with pytest.raises(SignatureRefused, match="unknown field"):
        read_trial(envelope, TRUST)


def test_settings_are_what_a_person_set_in_one_form() -> None:
    plain = settings_of(PlanRequest(method="npo", parameters={"learning_rate": "0.0010"}))

    assert plain == SETTINGS
    assert dict(settings_of(PlanRequest(method="npo", is_merged=False, is_braked=False, max_steps=7))) == {
        "brake": "no",
        "max_steps": "7",
        "merge": "no",
    }


def test_what_a_plan_seeks_follows_from_request_and_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")

    sought = sought_for(
        PlanRequest(method="npo", parameters={"learning_rate": "0.001"}),
        model_family=family_of(tmp_path),
        model_parameters=600_000,
        has_controls=True,
    )

    assert sought == _sought()
    assert family_of(tmp_path / "nowhere") is None
