"""Replace and revoke the keys that sign reports, tree heads and printed reports; old reports stay good.

A rotation, in this order: 1. the next key is laid beside the old one; 2. the trust file (or the PDF certificate) names it,
and from then on it signs; 3. the event `key.rotated` tells the handover, signed by both keys; 4. the next key takes the
old one's place. Killed anywhere, it is run again and goes on: no key is lost, and at worst the event is there twice with
the same pair. While the root is away, 2 to 4 wait for `sign_waiting`, and the old key goes on signing.
The old private key is overwritten at the end. Backups keep it until they expire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtbf.errors import BadInput, UnknownName
from rtbf.evidence.first_keys import certificate_chain
from rtbf.evidence.key_ring import require_ed25519, require_p256
from rtbf.evidence.keys import LOG_SIGNER, PDF_ISSUER, PDF_SIGNER, REPORT_SIGNER, key_id
from rtbf.evidence.rotation import rotation_fields
from rtbf.evidence.sealed_key import is_plain, new_private_key, open_plain_key, open_sealed_key, read_header, seal_key
from rtbf.evidence.trust_change import with_handover, with_revocation
from rtbf.files import replace_file, sync_folder
from rtbf.pipeline.trust import TrustChange, change_trust, sign_draft
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event
from rtbf.vault.key_file import one_writer
from rtbf.vault.passphrase_file import read_passphrase

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.evidence.key_ring import KeySlot
    from rtbf.evidence.keys import PrivateKey
    from rtbf.installation import Installation

RotatedRole = Literal["report", "log", "pdf"]
ROLES: tuple[RotatedRole, ...] = ("report", "log", "pdf")
REASONS = ("compromised", "lost", "superseded")
"""Why a key is revoked; the code goes into the ledger. Whatever the reason, nothing that the key signed counts any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRotated:
    """A handover: between which keys (`old` None: it was lost), and whether it waits for the root."""

    role: str
    old: str | None
    new: str
    is_waiting: bool


def rotate_key(
    installation: Installation, role: RotatedRole, actor: str, *, issuer_file: Path | None = None, passphrase_file: Path | None = None
) -> KeyRotated:
    """Replace the key of a role, or go on with a rotation that was cut short.

    The PDF key needs the issuer's key to be certified: in the home, or in `issuer_file`. Raises BadInput when it is away,
    VaultLocked and VaultBroken for keys that do not open, RecordBroken for the trust file.
    """
    slot = _slots(installation)[role]
    with one_writer(slot.path):
        new = _upcoming(installation, slot)
        old_id = _id_in(slot)
        if slot.role == PDF_SIGNER:
            _certify(installation, new, issuer_file, passphrase_file)
        else:
            public = require_ed25519(new, slot.upcoming).public_key()
            change = change_trust(installation, lambda trust: with_handover(trust, public, slot.role, installation.clock()))
            if change.is_waiting:
                return KeyRotated(role=slot.role, old=old_id, new=key_id(public), is_waiting=True)
        return _put_in_place(installation, slot, actor)


def sign_waiting(
    installation: Installation,
    shown: tuple[str, ...],
    actor: str,
    *,
    root_file: Path | None = None,
    passphrase_file: Path | None = None,
    renews: bool = False,
) -> tuple[TrustChange, tuple[KeyRotated, ...]]:
    """Sign what waits for the root, and end the rotations that waited with it; arguments and errors as `sign_draft`."""
    change = sign_draft(installation, shown, root_file=root_file, passphrase_file=passphrase_file, renews=renews)
    return change, finish_rotations(installation, actor)


def finish_rotations(installation: Installation, actor: str) -> tuple[KeyRotated, ...]:
    """Put in place every key that auditors are told of already and that still waits beside the old one."""
    done = []
    for slot in _slots(installation).values():
        with one_writer(slot.path):
            if slot.upcoming.exists() and read_header(slot.upcoming).id in installation.keys.names(slot, installation.trust):
                done.append(_put_in_place(installation, slot, actor))
    return tuple(done)


def revoke_signing_key(installation: Installation, revoked_id: str, reason: str, actor: str) -> TrustChange:
    """Revoke a report or log key: nothing that it signed counts any more, unless an outside time-stamp shows that it is older.

    Raises UnknownName for an id that the trust file does not name, BadInput for a key of another role, one that was
    revoked before, or an unknown reason.
    """
    if reason not in REASONS:
        raise BadInput(found="a reason that is unknown", expected=" or ".join(REASONS), remedy="choose one of them")
    keys = {entry.id: entry for entry in installation.trust.keys}
    if revoked_id not in keys:
        raise UnknownName("key", revoked_id, keys, "rtbf key list")
    entry = keys[revoked_id]
    if entry.role not in {REPORT_SIGNER, LOG_SIGNER}:
        raise BadInput(
            found=f"the key of a {entry.role}",
            expected="a report signer's or a log signer's",
            remedy="an approver's key is revoked by `rtbf key actor NAME --revoke ID`; a root cannot be: tell auditors another one",
        )
    if entry.revoked_at is not None:
        raise BadInput(found=f"a key revoked at {entry.revoked_at}", expected="one in force", remedy="nothing is to be done")
    now = installation.clock()
    with installation.transaction() as session:
        append_event(
            session, ticket_id=None, event_type="key.revoked", actor_id=actor_id_for(session, actor, now),
            data={"key": revoked_id, "role": entry.role, "reason": reason}, now=now,
        )  # fmt: skip
        # Before the commit, as in `actor_keys`: what the ledger says must not stay unknown to auditors.
        return change_trust(installation, lambda trust: with_revocation(trust, revoked_id, now))


def protect_report_key(installation: Installation) -> bool:
    """Seal the report key of an earlier release, which lay open; return whether it did. The key and its id stay the same.

    Whoever copied the file before still holds the key; the file system may keep its old blocks. Rotating ends both.
    """
    slot = installation.keys.report_slot
    with one_writer(slot.path):
        if not is_plain(slot.path):
            return False
        seal_key(slot.path, slot.role, open_plain_key(slot.path), read_passphrase(slot.passphrase, slot.path.name))
    return True


def _slots(installation: Installation) -> dict[RotatedRole, KeySlot]:
    keys = installation.keys
    return {"report": keys.report_slot, "log": keys.log_slot, "pdf": keys.pdf_slot}


def _upcoming(installation: Installation, slot: KeySlot) -> PrivateKey:
    """1. Return the key to come, which a rotation that was cut short may have made."""
    if slot.upcoming.exists():
        return installation.keys.opened(slot, slot.upcoming)
    key = new_private_key("ecdsa-p256" if slot.role == PDF_SIGNER else "ed25519")
    is_sealed = slot.path.exists() and not is_plain(slot.path)
    cost = read_header(slot.path).cost if is_sealed else None
    seal_key(slot.upcoming, slot.role, key, read_passphrase(slot.passphrase, slot.upcoming.name), cost)
    return key


def _certify(installation: Installation, new: PrivateKey, issuer_file: Path | None, passphrase_file: Path | None) -> None:
    """2. for the PDF key: let its certificate take the old one's place, unless it has already."""
    slot, issuer = installation.keys.pdf_slot, installation.keys.pdf_issuer_slot
    if key_id(new.public_key()) in installation.keys.names(slot, installation.trust):
        return
    path = issuer_file or issuer.path
    if not path.exists():
        raise BadInput(
            found="no key of the PDF issuer",
            expected="pdf-ca.key, which was moved away together with the root",
            remedy="name it: --issuer FILE --root-passphrase-file FILE",
        )
    key = open_sealed_key(path, PDF_ISSUER, read_passphrase(passphrase_file or issuer.passphrase, path.name))
    chain = certificate_chain(require_p256(new, slot.upcoming), require_p256(key, path), installation.pdf_ca, installation.clock())
    replace_file(installation.home.pdf_certificates, chain)


def _put_in_place(installation: Installation, slot: KeySlot, actor: str) -> KeyRotated:
    """3. and 4."""
    keys = installation.keys
    old = keys.opened(slot, slot.path) if slot.path.exists() else None
    fields = rotation_fields(slot.role, old, keys.opened(slot, slot.upcoming))
    now = installation.clock()
    with installation.transaction() as session:
        append_event(
            session, ticket_id=None, event_type="key.rotated", actor_id=actor_id_for(session, actor, now), data=fields, now=now
        )  # fmt: skip
    slot.upcoming.replace(slot.path)
    sync_folder(slot.path.parent)
    return KeyRotated(role=slot.role, old=fields["old"], new=str(fields["new"]), is_waiting=False)


def _id_in(slot: KeySlot) -> str | None:
    """Return the id of the key in place, or None when it was lost."""
    if not slot.path.exists():
        return None
    return key_id(open_plain_key(slot.path).public_key()) if is_plain(slot.path) else read_header(slot.path).id
