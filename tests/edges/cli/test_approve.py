"""`rtbf approve|reject`: by the digest that was read, by people who did nothing else, signed by those who have a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def planned(installation: Installation) -> tuple[Desk, str]:
    """A desk with a plan that needs two approvers and leaves a day of grace."""
    desk = located_desk(installation)
    desk.decide()
    return desk, desk.plan(quorum=2, quorum_reason="Two approvers: a base model, trained from scratch, is changed.", grace_s=86_400)


def signer(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Register a key for "dina" and return its file."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    passphrase.chmod(0o600)
    monkeypatch.setenv("RTBF_ACTOR_PASSPHRASE_FILE", str(passphrase))
    key = tmp_path / "dina.pem"
    made = desk("key", "actor", "dina", "--out", str(key), actor="dina")
    assert made.code == 0, made.err
    return key


def test_the_first_of_two_is_told_that_one_more_is_missing(planned: tuple[Desk, str]) -> None:
    desk, digest = planned

    said = desk("approve", desk.ticket_id, "--digest", digest, actor="dina")

    assert said.code == 0, said.err
    assert "approved by dina, self-declared, not signed" in said.out
    assert "1 more person must read the plan" in " ".join(said.out.split())
    assert "1 of 2 approved" in " ".join(said.out.split())


def test_the_last_is_told_until_when_the_plan_can_still_be_called_off(planned: tuple[Desk, str]) -> None:
    desk, digest = planned
    desk("approve", desk.ticket_id, "--digest", digest, actor="dina")

    said = desk("approve", desk.ticket_id, "--digest", digest, actor="ruth")

    # Noon of 2 March by the frozen clock, and the plan's day.
    assert "may start at 2026-03-03 12:00 UTC" in " ".join(said.out.split())
    assert desk.view.reason == "grace_period"


@pytest.mark.parametrize(
    ("actor", "deed"), [("olga", "submitted the ticket"), ("max", "made the plan"), ("otto", "decided what is erased")]
)
def test_whoever_had_a_hand_in_it_cannot_approve(planned: tuple[Desk, str], actor: str, deed: str) -> None:
    desk, digest = planned

    said = desk("approve", desk.ticket_id, "--digest", digest, actor=actor)

    assert said.code == 1
    assert deed in said.err


def test_the_digest_is_never_filled_in(planned: tuple[Desk, str]) -> None:
    desk, _ = planned

    assert desk("approve", desk.ticket_id, actor="dina").code == 2
    assert "stale-plan" in desk("approve", desk.ticket_id, "--digest", "sha256:" + "0" * 64, actor="dina").err


def test_an_approval_with_the_persons_own_key_is_signed(planned: tuple[Desk, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, digest = planned
    key = signer(desk, tmp_path, monkeypatch)

    unsigned = desk("approve", desk.ticket_id, "--digest", digest, actor="dina")
    signed = desk("approve", desk.ticket_id, "--digest", digest, "--key", str(key), actor="dina")

    assert unsigned.code == 1
    assert "signature-refused" in unsigned.err
    assert signed.code == 0, signed.err
    assert "approved by dina, signed" in signed.out
    assert desk.view.approvals[0].key_id is not None


def test_the_key_file_of_the_settings_is_used(planned: tuple[Desk, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, digest = planned
    monkeypatch.setenv("RTBF_ACTOR_KEY_FILE", str(signer(desk, tmp_path, monkeypatch)))

    said = desk("approve", desk.ticket_id, "--digest", digest, "--json", actor="dina")

    assert said.json["approvals"][0]["signed_by"].startswith("sha256:")
    assert said.json["missing_approvals"] == 1


def test_anyone_may_reject_also_within_the_grace_period(planned: tuple[Desk, str]) -> None:
    desk, digest = planned
    for actor in ("dina", "ruth"):
        desk("approve", desk.ticket_id, "--digest", digest, actor=actor)

    said = desk("reject", desk.ticket_id, "--digest", digest, actor="olga")

    assert said.code == 0, said.err
    assert (desk.view.state, desk.view.reason) == ("planning", "need_plan")
    assert f"rtbf plan {desk.ticket_id}" in said.out
