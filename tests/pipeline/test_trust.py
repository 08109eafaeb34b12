"""Changes of trust: signed while the root is here, drafted while it is away; rotations lose no key wherever they are killed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from rtbf.cli.signing_key import _REASONS
from rtbf.errors import BadInput, RecordBroken, SignatureRefused, UnknownName, VaultBroken, VaultLocked
from rtbf.evidence.keys import key_id
from rtbf.evidence.rotation import verify_rotation
from rtbf.evidence.sealed_key import create_sealed_key, read_header
from rtbf.evidence.trust_change import with_handover, with_key, with_revocation
from rtbf.evidence.trust_file import draft_bytes, public_key, read_trust, sign_trust
from rtbf.pipeline import key_rotation
from rtbf.pipeline.actor_keys import register_key
from rtbf.pipeline.key_rotation import REASONS, finish_rotations, revoke_signing_key, rotate_key, sign_waiting
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.trust import change_trust, is_root_at_home, sign_draft, waiting_changes
from rtbf.report.check.run import check_report
from rtbf.store.tables import EventRow
from rtbf.vault.secret import Secret
from tests import builders
from tests.installed import QUICK_VAULT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.evidence.key_ring import KeySlot
    from rtbf.evidence.trust_file import Trust, TrustedKey
    from rtbf.installation import Installation
    from tests.installed import FrozenClock

PERSON = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))).public_key()
NEW_YEAR, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 4))


@pytest.fixture
def away(installation: Installation, tmp_path: Path) -> Path:
    """Move root, PDF issuer and their passphrase out of the home; return where they are."""
    folder = tmp_path / "safe"
    folder.mkdir()
    for path in (installation.home.root_key, installation.home.root_passphrase, installation.home.pdf_ca_key):
        shutil.move(path, folder)
    return folder


def approving(trust: Trust) -> Trust:
    return with_key(trust, PERSON, "approver", NEW_YEAR)


def of_role(trust: Trust, role: str) -> list[TrustedKey]:
    return [entry for entry in trust.keys if entry.role == role]


def slot_of(installation: Installation, role: str) -> KeySlot:
    return {"report": installation.keys.report_slot, "log": installation.keys.log_slot, "pdf": installation.keys.pdf_slot}[role]


def events(installation: Installation, kind: str) -> list[dict[str, Any]]:
    sequence_events(installation)
    with installation.transaction() as session:
        leaves = [json.loads(leaf) for leaf in session.scalars(select(EventRow.leaf).order_by(EventRow.idx))]
    return [leaf["data"] for leaf in leaves if leaf["type"] == kind]


def signed_by_root(installation: Installation, away: Path) -> Any:
    return sign_waiting(
        installation,
        waiting_changes(installation),
        "olga",
        root_file=away / "root.key",
        passphrase_file=away / "root.passphrase",
    )


def test_a_change_is_signed_at_once_while_the_root_is_here(installation: Installation) -> None:
    before = installation.trust

    change = change_trust(installation, approving)

    after = read_trust(installation.home.trust.read_bytes(), root=before.root, min_version=before.version + 1)
    assert (change.version, change.is_waiting, after.version) == (3, False, 3)
    assert [entry.id for entry in of_role(after, "approver")] == [key_id(PERSON)]
    assert not installation.home.trust_draft.exists()


def test_a_change_that_changes_nothing_makes_no_version(installation: Installation) -> None:
    change_trust(installation, approving)
    raw = installation.home.trust.read_bytes()

    change = change_trust(installation, approving)

    assert (change.version, change.changes) == (3, ())
    assert installation.home.trust.read_bytes() == raw


def test_while_the_root_is_away_changes_wait_together_and_auditors_see_none(installation: Installation, away: Path) -> None:
    raw = installation.home.trust.read_bytes()

    first = change_trust(installation, approving)
    second = change_trust(installation, lambda trust: with_revocation(trust, key_id(PERSON), MARCH))

    assert (first.is_waiting, second.is_waiting, second.version) == (True, True, 2)
    assert installation.home.trust.read_bytes() == raw
    assert [line.split()[2] for line in waiting_changes(installation)] == ["counts", "is"]
    assert not is_root_at_home(installation)


def test_the_root_signs_what_waits_and_the_draft_is_gone(installation: Installation, away: Path) -> None:
    change_trust(installation, approving)

    change, rotated = signed_by_root(installation, away)

    assert (change.version, change.is_waiting, rotated) == (3, False, ())
    assert of_role(installation.trust, "approver")[0].id == key_id(PERSON)
    assert waiting_changes(installation) == ()
    assert not installation.home.trust_draft.exists()
    assert not installation.home.root_key.exists()


def test_nothing_that_was_not_shown_is_signed(installation: Installation, away: Path) -> None:
    change_trust(installation, approving)
    shown = waiting_changes(installation)
    change_trust(installation, lambda trust: with_key(trust, builders.log_key().public_key(), "report-signer", NEW_YEAR))

    with pytest.raises(BadInput, match="changed since it was shown"):
        sign_draft(installation, shown, root_file=away / "root.key", passphrase_file=away / "root.passphrase")

    assert installation.trust.version == 2


def test_without_a_change_there_is_nothing_to_sign_but_a_renewal(installation: Installation, away: Path, clock: FrozenClock) -> None:
    clock.move(days=700)
    with pytest.raises(BadInput, match="no change that waits"):
        sign_draft(installation, ())

    change = sign_draft(installation, (), root_file=away / "root.key", passphrase_file=away / "root.passphrase", renews=True)

    # 2 March 2026 + 700 days is 30 January 2028; + 730 days more is 29 January 2030.
    assert (change.version, installation.trust.issued[:10], (installation.trust.expires or "")[:10]) == (3, "2028-01-31", "2030-01-30")


def test_only_the_root_that_auditors_know_signs(installation: Installation, away: Path, tmp_path: Path) -> None:
    change_trust(installation, approving)
    other, text = tmp_path / "other.key", "orbit kettle maple prune"
    create_sealed_key(other, "root", Secret(text), QUICK_VAULT)
    wrong = tmp_path / "wrong.passphrase"
    wrong.write_text(text)

    with pytest.raises(SignatureRefused, match="another root"):
        sign_draft(installation, waiting_changes(installation), root_file=other, passphrase_file=wrong)
    with pytest.raises(VaultLocked) as locked:
        sign_draft(installation, waiting_changes(installation), root_file=away / "root.key", passphrase_file=wrong)
    with pytest.raises(BadInput, match="no root key in the home"):
        sign_draft(installation, waiting_changes(installation))
    with pytest.raises(VaultBroken, match="the key of a report-signer"):
        sign_draft(installation, waiting_changes(installation), root_file=installation.home.report_key, passphrase_file=wrong)

    assert text not in str(locked.value)
    assert installation.trust.version == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_a_damaged_draft_is_named_and_the_file_in_force_stays(content: bytes, installation: Installation, away: Path) -> None:
    installation.home.trust_draft.write_bytes(content)

    with pytest.raises(RecordBroken, match=r"trust-next\.json"):
        change_trust(installation, approving)

    assert installation.trust.version == 2


def test_a_draft_that_takes_something_back_is_not_signed(installation: Installation, away: Path) -> None:
    """Somebody with the home but without the root wrote it."""
    forged = replace(installation.trust, version=3, keys=tuple(entry for entry in installation.trust.keys if entry.role == "root"), logs=())
    installation.home.trust_draft.write_bytes(draft_bytes(forged))

    with pytest.raises(RecordBroken, match="lost a key"):
        signed_by_root(installation, away)

    assert installation.trust.version == 2


def test_a_draft_that_was_signed_but_not_dropped_is_not_signed_again(installation: Installation, away: Path) -> None:
    change_trust(installation, approving)
    left = installation.home.trust_draft.read_bytes()
    signed_by_root(installation, away)
    installation.home.trust_draft.write_bytes(left)

    assert waiting_changes(installation) == ()


def test_a_person_registered_while_the_root_is_away_waits_for_auditors(installation: Installation, away: Path) -> None:
    register_key(installation, "paula", PERSON, "olga")

    assert of_role(installation.trust, "approver") == []
    assert waiting_changes(installation) == (f"approver {key_id(PERSON)} counts from 2026-03-02T12:00:00.000Z",)


@pytest.mark.parametrize("role", ["report", "log"])
def test_a_rotation_ends_one_key_and_begins_another(role: Any, installation: Installation, clock: FrozenClock) -> None:
    old = of_role(installation.trust, f"{role}-signer")[0]
    clock.move(days=30)

    done = rotate_key(installation, role, "olga")

    ended, begun = of_role(installation.trust, f"{role}-signer")
    assert (ended.id, ended.not_after, begun.id, begun.not_before, begun.not_after) == (
        old.id, "2026-04-01T12:00:00.000Z", done.new, "2026-04-01T12:00:00.000Z", None,
    )  # fmt: skip
    in_use = installation.signing_key if role == "report" else installation.log_key
    assert key_id(in_use.public_key()) == done.new
    assert not slot_of(installation, role).upcoming.exists()
    assert read_header(slot_of(installation, role).path).cost == QUICK_VAULT
    (told,) = events(installation, "key.rotated")
    verify_rotation(told, old=public_key(ended), new=public_key(begun))


def test_a_rotated_log_key_signs_for_the_same_log(installation: Installation) -> None:
    name = installation.log

    done = rotate_key(installation, "log", "olga")

    assert installation.log == name
    assert installation.trust.logs[-1].key_ids[-1] == done.new
    assert len(installation.trust.logs[-1].key_ids) == 2


def test_a_rotated_pdf_key_has_a_certificate_of_the_same_issuer(installation: Installation) -> None:
    issuer, leaf = installation.pdf_ca, installation.pdf_certificate

    done = rotate_key(installation, "pdf", "olga")

    assert installation.pdf_ca == issuer
    assert installation.pdf_certificate != leaf
    assert key_id(installation.pdf_key.public_key()) == done.new
    assert installation.trust.version == 2


def test_a_pdf_key_needs_the_issuer(installation: Installation, away: Path) -> None:
    before = installation.pdf_certificate
    with pytest.raises(BadInput, match="PDF issuer"):
        rotate_key(installation, "pdf", "olga")
    assert installation.pdf_certificate == before
    assert installation.pdf_key

    done = rotate_key(installation, "pdf", "olga", issuer_file=away / "pdf-ca.key", passphrase_file=away / "root.passphrase")

    assert key_id(installation.pdf_key.public_key()) == done.new


def test_while_the_root_is_away_the_old_key_signs_until_the_root_has_signed(
    installation: Installation, away: Path, clock: FrozenClock
) -> None:
    old = key_id(installation.signing_key.public_key())
    clock.move(days=1)
    waiting = rotate_key(installation, "report", "olga")
    again = rotate_key(installation, "report", "olga")
    assert (waiting.is_waiting, again) == (True, waiting)
    assert key_id(installation.signing_key.public_key()) == old
    clock.move(days=5)

    _, (rotated,) = signed_by_root(installation, away)

    # Asked for on 3 March, signed on 8 March: the old key has signed until then.
    ended, begun = of_role(installation.trust, "report-signer")
    assert (ended.not_after, begun.not_before) == ("2026-03-08T12:00:00.000Z",) * 2
    assert (rotated.old, rotated.new) == (old, waiting.new)
    assert key_id(installation.signing_key.public_key()) == waiting.new
    assert len(events(installation, "key.rotated")) == 1


STEPS = [
    "rtbf.pipeline.key_rotation.seal_key",
    "rtbf.pipeline.trust.replace_file",
    "rtbf.pipeline.key_rotation.replace_file",
    "rtbf.pipeline.key_rotation.rotation_fields",
    "rtbf.pipeline.key_rotation.append_event",
    "rtbf.pipeline.key_rotation.sync_folder",
]


@pytest.mark.parametrize("role", ["report", "log", "pdf"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_rotation_that_is_killed_goes_on_and_loses_no_key(
    step: str, role: Any, installation: Installation, monkeypatch: pytest.MonkeyPatch, *, is_done: bool
) -> None:
    slot, keys = slot_of(installation, role), installation.keys
    old = read_header(slot.path).id
    module, name = step.rsplit(".", 1)
    real = getattr(__import__(module, fromlist=[name]), name)
    taken = []

    def killed(*arguments: Any, **named: Any) -> None:
        taken.append(step)
        if is_done:
            real(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(step, killed)
    try:
        rotate_key(installation, role, "olga")
    except KeyboardInterrupt:
        assert taken
    monkeypatch.undo()
    between = _in_use(installation, role)
    done = finish_rotations(installation, "olga") if not slot.upcoming.exists() else (rotate_key(installation, role, "olga"),)

    after = _in_use(installation, role)
    assert between in {old, after}
    assert after in keys.names(slot, installation.trust)
    assert len(keys.names(slot, installation.trust)) == 1
    assert not slot.upcoming.exists()
    assert after != old or (done == () and not is_done)
    told = events(installation, "key.rotated")
    assert {(each["old"], each["new"]) for each in told} == ({(old, after)} if after != old else set())


def _in_use(installation: Installation, role: str) -> str:
    key = {"report": lambda: installation.signing_key, "log": lambda: installation.log_key, "pdf": lambda: installation.pdf_key}[role]()
    return key_id(key.public_key())


def test_a_lost_key_is_replaced_and_the_event_says_that_it_was_lost(installation: Installation) -> None:
    installation.home.report_key.unlink()

    done = rotate_key(installation, "report", "olga")

    assert done.old is None
    (told,) = events(installation, "key.rotated")
    assert told["by_old"] is None
    verify_rotation(told, old=None, new=installation.signing_key.public_key())


def test_a_revoked_key_signs_nothing_and_makes_room_for_another(installation: Installation, clock: FrozenClock) -> None:
    revoked_id = key_id(installation.signing_key.public_key())

    revoke_signing_key(installation, revoked_id, "compromised", "olga")

    assert of_role(installation.trust, "report-signer")[0].revoked_at == "2026-03-02T12:00:00.000Z"
    assert events(installation, "key.revoked") == [{"key": revoked_id, "role": "report-signer", "reason": "compromised"}]
    with pytest.raises(SignatureRefused, match="rtbf key rotate --role report"):
        _ = installation.signing_key
    done = rotate_key(installation, "report", "olga")
    assert key_id(installation.signing_key.public_key()) == done.new


def test_one_visit_of_the_root_revokes_a_stolen_key_and_begins_the_next(installation: Installation, away: Path) -> None:
    stolen = key_id(installation.signing_key.public_key())
    revoke_signing_key(installation, stolen, "compromised", "olga")
    new = rotate_key(installation, "report", "olga").new

    signed_by_root(installation, away)

    revoked, begun = of_role(installation.trust, "report-signer")
    assert (revoked.id, revoked.revoked_at is None, revoked.not_after is None) == (stolen, False, False)
    assert (begun.id, begun.revoked_at, begun.not_after) == (new, None, None)
    assert key_id(installation.signing_key.public_key()) == new


@pytest.mark.parametrize(
    ("chosen", "reason", "error", "found"),
    [
        (lambda trust: of_role(trust, "root")[0].id, "lost", BadInput, "the key of a root"),
        (lambda trust: "sha256:" + "0" * 64, "lost", UnknownName, "unknown"),
        (lambda trust: of_role(trust, "log-signer")[0].id, "bored", BadInput, "reason that is unknown"),
    ],
)
def test_what_cannot_be_revoked_is_refused(
    chosen: Callable[[Trust], str], reason: str, error: type[Exception], found: str, installation: Installation
) -> None:
    with pytest.raises(error, match=found):
        revoke_signing_key(installation, chosen(installation.trust), reason, "olga")

    assert installation.trust.version == 2
    assert events(installation, "key.revoked") == []


def test_a_key_is_revoked_once(installation: Installation) -> None:
    log_id = of_role(installation.trust, "log-signer")[0].id
    revoke_signing_key(installation, log_id, "superseded", "olga")

    with pytest.raises(BadInput, match="revoked at"):
        revoke_signing_key(installation, log_id, "lost", "olga")


def test_the_terminal_offers_the_reasons_that_the_pipeline_knows() -> None:
    assert _REASONS == REASONS
    assert key_rotation.ROLES == ("report", "log", "pdf")


def test_a_trust_file_by_hand_does_not_let_an_unnamed_key_sign(installation: Installation) -> None:
    """The report key of another home was put into this one."""
    slot = installation.keys.report_slot
    slot.path.unlink()
    create_sealed_key(slot.path, slot.role, Secret(slot.passphrase.read_text().strip()), QUICK_VAULT)

    with pytest.raises(SignatureRefused, match="does not name"):
        _ = installation.signing_key


def test_the_report_before_a_rotation_stays_good_and_one_after_it_by_the_old_key_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    held = builders.trusted(NEW_YEAR)
    # The report is issued on 2 March: one rotation comes after it, the other before.
    later, earlier = (sign_trust(with_handover(held, other, "report-signer", at), builders.root_key()) for at in (APRIL, MARCH))
    report = builders.envelope()

    after, before = check_report(report, later), check_report(report, earlier)

    assert after.status == "ok"
    assert before.status == "bad"
    assert before.refusal is not None
    assert "outside its key's window" in str(before.refusal)
    assert datetime.fromisoformat(builders.ISSUED_AT) - MARCH == timedelta(days=1, hours=12)
