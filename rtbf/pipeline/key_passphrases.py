"""Lock the signing keys with another passphrase; the keys and their ids stay as they are.

Copies of the files made before still open with the passphrase before: after a leak, rotate the keys as well.
Several keys share a passphrase. A run that was killed between two files is run again and passes over what is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rtbf.errors import BadInput, VaultLocked
from rtbf.evidence.sealed_key import is_plain, open_sealed_key, read_header, seal_key
from rtbf.vault.key_file import one_writer
from rtbf.vault.passphrase_file import read_passphrase

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.evidence.key_ring import KeySlot
    from rtbf.installation import Installation
    from rtbf.vault.secret import Secret

LockedGroup = Literal["signing", "log", "root"]


def relock_keys(installation: Installation, group: LockedGroup, new_file: Path) -> tuple[str, ...]:
    """Seal every key of the group that lies in the home under the passphrase in `new_file`; return the files' names.

    Raises BadInput when none is there, VaultLocked when neither passphrase opens one, VaultBroken for a damaged file.
    """
    slots = _slots(installation)[group]
    old, new = read_passphrase(slots[0].passphrase, f"the {group} keys"), read_passphrase(new_file, f"the {group} keys")
    done = []
    for slot in slots:
        with one_writer(slot.path):
            for path in (slot.path, slot.upcoming):
                if path.exists() and not is_plain(path):
                    _relock(path, slot.role, old, new)
                    done.append(path.name)
    if not done:
        raise BadInput(
            found=f"no key of the {group} group in the home",
            expected="sealed keys to be locked anew",
            remedy="bring the files back for the moment; `rtbf key protect` seals a report key that lies open",
        )
    return tuple(done)


def _slots(installation: Installation) -> dict[LockedGroup, tuple[KeySlot, ...]]:
    keys = installation.keys
    return {"signing": (keys.report_slot, keys.pdf_slot), "log": (keys.log_slot,), "root": (keys.root_slot, keys.pdf_issuer_slot)}


def _relock(path: Path, role: str, old: Secret, new: Secret) -> None:
    try:
        key = open_sealed_key(path, role, old)
    except VaultLocked:
        # Done by a run that was killed before it came to the next file; if it was not, this raises the same error.
        open_sealed_key(path, role, new)
        return
    seal_key(path, role, key, new, read_header(path).cost)
