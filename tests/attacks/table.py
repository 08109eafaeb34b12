"""Every attack in the order of the steps that refuse them, and the golden folders as they are written to disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rtbf.report.check.run import STEPS
from tests.attacks import events, forms, heads, sealed, statements, trusted
from tests.attacks.good import GOOD
from tests.attacks.record import Attack, Good, Laid

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED_NAME = "expected.json"
_EXIT_CODES = {"bad": 1, "cannot decide": 3}


def attacks() -> tuple[Attack, ...]:
    """Return all attacks, those of one step together."""
    every = (*forms.ATTACKS, *trusted.ATTACKS, *statements.ATTACKS, *heads.ATTACKS, *events.ATTACKS, *sealed.ATTACKS)
    return tuple(sorted(every, key=lambda attack: STEPS.index(attack.step)))


def good_folders() -> tuple[Good, ...]:
    """Return all good folders."""
    return GOOD


def folder_name(made: Attack | Good) -> str:
    """Return the folder's name below tests/golden."""
    return f"{made.name}_fail" if isinstance(made, Attack) else made.name


def expected(made: Attack | Good, laid: Laid) -> dict[str, Any]:
    """Return what expected.json says of a folder."""
    checked = {"file": laid.file, "options": laid.options}
    if isinstance(made, Good):
        known = {"status": "ok", "exit_code": 0, "undecided": list(made.undecided), "superseded_by": made.superseded_by}
        return {"shows": made.shows, **known, **checked}
    told = {"attack": made.done, "holds": made.holds, "numbers": list(made.numbers)}
    return {**told, "status": made.status, "step": made.step, "exit_code": _EXIT_CODES[made.status], **checked}


def write_folder(place: Path, made: Attack | Good) -> None:
    """Write one golden folder; `place` must not be there yet."""
    laid = made.make()
    place.mkdir(parents=True)
    for name, content in laid.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    for name, target in laid.links.items():
        (place / name).symlink_to(target)
    text = json.dumps(expected(made, laid), indent=1, sort_keys=True, ensure_ascii=False)
    (place / EXPECTED_NAME).write_text(text + "\n", encoding="utf-8")
