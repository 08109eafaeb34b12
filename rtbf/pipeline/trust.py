"""Change what auditors are told to believe: the one place that loads, changes, and signs or drafts the trust file.

While the root's key lies in the home, a change is signed at once. When it is away, the change is added to a draft, which
nobody believes, until `sign_draft` is shown the root's file. A change is checked against the file in force, so nothing
that auditors were told is taken back. Does not prove that a change is right: whoever signs reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, RecordBroken, SignatureRefused
from rtbf.evidence.key_ring import require_ed25519
from rtbf.evidence.keys import ROOT, key_id
from rtbf.evidence.sealed_key import open_sealed_key, read_header
from rtbf.evidence.trust_change import changes_between, handed_over_at, issued_anew, require_successor
from rtbf.evidence.trust_file import Trust, draft_bytes, read_draft, sign_trust
from rtbf.files import replace_file
from rtbf.vault.key_file import one_writer
from rtbf.vault.passphrase_file import read_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.installation import Installation


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustChange:
    """What became of a change: the version in force, whether it waits for the root, and what is told otherwise than before."""

    version: int
    is_waiting: bool
    changes: tuple[str, ...]


def change_trust(installation: Installation, change: Callable[[Trust], Trust]) -> TrustChange:
    """Change the trust file, together with what waits already; signed when the root is here, else drafted.

    Raises RecordBroken for a trust file or draft that cannot be used, VaultLocked or VaultBroken for the root.
    """
    with one_writer(installation.home.trust):
        in_force = installation.trust
        changed = change(_waiting(installation) or in_force)
        root = _root_at_home(installation)
        if root is not None:
            return _sign(installation, in_force, changed, root)
        changes = changes_between(in_force, changed)
        if changes:
            following = issued_anew(changed, in_force, installation.clock())
            _require_follows(in_force, following)
            replace_file(installation.home.trust_draft, draft_bytes(following))
        return TrustChange(version=in_force.version, is_waiting=bool(changes), changes=changes)


def waiting_changes(installation: Installation) -> tuple[str, ...]:
    """Return what waits for the root's signature, one line for each; empty when nothing does. Raises RecordBroken."""
    draft = _waiting(installation)
    return () if draft is None else changes_between(installation.trust, draft)


def sign_draft(
    installation: Installation,
    shown: tuple[str, ...],
    *,
    root_file: Path | None = None,
    passphrase_file: Path | None = None,
    renews: bool = False,
) -> TrustChange:
    """Sign what waits with the root's key in `root_file` (None: the one in the home) and put it in force.

    `shown` is what the person who signs was shown of `waiting_changes`. `renews` signs a fresh version even when nothing
    waits, because a trust file grows old. Raises BadInput when there is nothing to sign, no root, or something else waits
    than was shown; SignatureRefused for another root; VaultLocked and VaultBroken for the key.
    """
    with one_writer(installation.home.trust):
        in_force, draft = installation.trust, _waiting(installation)
        if draft is None and not renews:
            raise BadInput(
                found="no change that waits for the root",
                expected="a change of the trust file, or --renew",
                remedy="nothing is to be done; `rtbf key list` shows the file in force",
            )
        if shown != (() if draft is None else changes_between(in_force, draft)):
            raise BadInput(
                found="a draft that changed since it was shown",
                expected="the changes that were read before they are signed",
                remedy="look at them again: `rtbf key trust`",
            )
        root = _root_from(installation, in_force, root_file, passphrase_file)
        return _sign(installation, in_force, draft or in_force, root, renews=renews)


def is_root_at_home(installation: Installation) -> bool:
    """Return whether the root's key still lies in the home, where whoever reads it can say whom auditors believe."""
    return installation.home.root_key.exists()


def _waiting(installation: Installation) -> Trust | None:
    """Return the draft. One that is no newer than the file in force was signed by a run that was killed before it was dropped."""
    path, in_force = installation.home.trust_draft, installation.trust
    try:
        draft = read_draft(path.read_bytes())
        if draft.version <= in_force.version:
            return None
        # Whoever can write here without the root must not get to show a person half of what would be signed.
        require_successor(in_force, draft)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as refused:
        raise RecordBroken(
            found=f"{path.name} cannot be used ({refused if isinstance(refused, ValueError) else type(refused).__name__})",
            expected="a draft as this program wrote it, which takes nothing back",
            remedy="move it away and make the change again; the trust file in force is not touched",
        ) from None
    return draft


def _root_at_home(installation: Installation) -> Ed25519PrivateKey | None:
    slot = installation.keys.root_slot
    return require_ed25519(installation.keys.opened(slot, slot.path), slot.path) if slot.path.exists() else None


def _root_from(installation: Installation, trust: Trust, root_file: Path | None, passphrase_file: Path | None) -> Ed25519PrivateKey:
    slot = installation.keys.root_slot
    path = root_file or slot.path
    if root_file is None and not path.exists():
        raise BadInput(
            found="no root key in the home",
            expected="the file that was moved away",
            remedy="name it: --root FILE --root-passphrase-file FILE",
        )
    key = require_ed25519(open_sealed_key(path, ROOT, read_passphrase(passphrase_file or slot.passphrase, path.name)), path)
    if key_id(key.public_key()) != trust.root:
        raise SignatureRefused(
            found="the key of another root",
            expected=f"the root {trust.root} that auditors know",
            remedy="use the root of this installation",
        )
    return key


def _sign(installation: Installation, in_force: Trust, changed: Trust, root: Ed25519PrivateKey, *, renews: bool = False) -> TrustChange:
    """Put the changed file in force under the root's signature, and drop the draft; nothing happens when nothing changed."""
    changed = _restamped(installation, in_force, changed)
    changes = changes_between(in_force, changed)
    if not changes and not renews:
        return TrustChange(version=in_force.version, is_waiting=False, changes=())
    following = issued_anew(changed, in_force, installation.clock())
    _require_follows(in_force, following)
    replace_file(installation.home.trust, sign_trust(following, root))
    installation.home.trust_draft.unlink(missing_ok=True)
    return TrustChange(version=following.version, is_waiting=False, changes=changes)


def _restamped(installation: Installation, in_force: Trust, changed: Trust) -> Trust:
    """Return the file with the windows of a handover that waited moved to this moment: the old key has signed until now.

    Were the moment kept at which the rotation was asked for, every report since would lie outside of its key's window.
    """
    known = {entry.id for entry in in_force.keys}
    for slot in (installation.keys.report_slot, installation.keys.log_slot):
        if slot.upcoming.exists() and (new_id := read_header(slot.upcoming).id) not in known:
            changed = handed_over_at(changed, in_force, slot.role, new_id, installation.clock())
    return changed


def _require_follows(in_force: Trust, following: Trust) -> None:
    try:
        require_successor(in_force, following)
    except ValueError as refused:
        raise BadInput(
            found=f"a change that would make {refused}",
            expected="a later trust file that takes nothing back",
            remedy="see to this machine's clock; move trust-next.json away when it is not yours",
        ) from None
