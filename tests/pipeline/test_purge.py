"""Which of our own copies go with the closing, which stay until the key goes, and that a crash loses none of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import IllegalMove, TicketBusy
from rtbf.pipeline import purge
from rtbf.pipeline.purge import purge_ticket
from rtbf.store import registry
from rtbf.store.leases import claim_lease
from rtbf.store.notices import WRITTEN
from rtbf.store.residuals import residuals_of
from rtbf.ticket_view import ticket_events, view_ticket
from tests import closing

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation


def put(path: Path, content: bytes = b"12345") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fill(installation: Installation, ticket_id: str) -> Path:
    """Lay out what two attempts leave behind; return the ticket's folder."""
    folder = installation.home.ticket_artefacts(ticket_id)
    for name in (
        "controls/0a1b/model.safetensors", "controls/0a1b/config.json", "controls/.0a1b.checkpoint/state.pt",
        "1/adapter/adapter.safetensors", "1/merged/model.safetensors", "1/checkpoint/state.pt", "1/.items.sealed.17.part", "1/items.sealed",
        "2/adapter/adapter.safetensors", "2/.merged.part/model.safetensors", "2/items.sealed", "2/note.txt",
    ):  # fmt: skip
        put(folder / name)
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def purged(installation: Installation, ticket_id: str) -> dict[str, tuple[int, int]]:
    """Return kind → (count, bytes) over all events, which must not name a kind twice."""
    events = [json.loads(leaf) for leaf in ticket_events(installation, ticket_id)]
    found = [event["data"] for event in events if event["type"] == "copy.purged"]
    assert len({(data["kind"], data["batch"]) for data in found}) == len(found)
    return {data["kind"]: (data["count"], data["bytes"]) for data in found}


def owned(installation: Installation, ticket_id: str) -> dict[str, tuple[bool, str, bool]]:
    """Return residual reason → (has owner, due day, resolved)."""
    with installation.transaction() as session:
        return {
            row.reason: (row.owner_id is not None, f"{row.due_at:%Y-%m-%d}", row.resolved_at is not None)
            for row in residuals_of(session, ticket_id)
        }


def test_what_is_not_in_use_goes_and_each_kind_is_told_once_with_its_bytes(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    closing.fulfilled(installation, ticket_id, folder / "1" / "merged")

    counts = [purge_ticket(installation, ticket_id, "upkeep") for _ in range(2)]

    assert counts == [8, 0]
    assert left(folder) == ["1/items.sealed", "1/merged/model.safetensors", "2/items.sealed"]
    assert purged(installation, ticket_id) == {
        "control_model": (1, 10), "training_checkpoint": (2, 10), "adapter": (2, 10), "half_written": (2, 10), "other": (1, 5),
    }  # fmt: skip


def test_the_live_weights_stay_even_when_the_key_goes(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    closing.fulfilled(installation, ticket_id, folder / "1" / "merged")

    purge_ticket(installation, ticket_id, "upkeep", is_all=True)

    assert left(folder) == ["1/merged/model.safetensors"]
    with installation.transaction() as session:
        assert [(model.model.revision, model.status) for model in registry.all_models(session)] == [(1, "superseded"), (2, "live")]


def test_weights_of_a_ticket_that_was_not_fulfilled_go_and_the_registry_says_so(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    closing.fulfilled(installation, ticket_id, folder / "1" / "merged")
    with installation.transaction() as session:
        registry.set_model_status(session, "assistant", 1, "live")
        registry.set_model_status(session, "assistant", 2, "rejected")

    purge_ticket(installation, ticket_id, "upkeep")

    assert left(folder) == ["1/items.sealed", "2/items.sealed"]
    with installation.transaction() as session:
        assert [(model.model.revision, model.status) for model in registry.all_models(session)] == [(1, "live"), (2, "purged")]


def test_what_stays_is_a_residual_with_owner_and_the_date_of_the_key(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)

    closing.fulfilled(installation, ticket_id, folder / "1" / "merged")

    # Closed on 2 March 2026: 90 days of appeal end on 31 May, 30 days of policy on 1 April.
    assert owned(installation, ticket_id) == {
        "own_copies": (True, "2026-05-31", False),
        "earlier_weights": (True, "2026-04-01", False),
        "source_records": (True, "2026-04-01", False),
    }


def test_a_ticket_that_left_nothing_has_nothing_to_purge_and_no_residual(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    closing.withdrawn(installation, ticket_id)

    assert purge_ticket(installation, ticket_id, "upkeep") == 0

    assert owned(installation, ticket_id) == {}
    assert purged(installation, ticket_id) == {}


def test_an_open_ticket_and_one_that_is_worked_on_are_not_purged(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    before = left(folder)

    with pytest.raises(IllegalMove):
        purge_ticket(installation, ticket_id, "upkeep")
    closing.withdrawn(installation, ticket_id)
    with installation.transaction() as session:
        claim_lease(session, ticket_id, "another-machine/boot:1:2", installation.clock(), 60)
    with pytest.raises(TicketBusy):
        purge_ticket(installation, ticket_id, "upkeep")

    assert left(folder) == before


@pytest.mark.parametrize("broken", ["delete_copies", "note", "finish_lists"])
def test_a_purge_that_is_killed_is_finished_by_the_next_and_told_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    closing.withdrawn(installation, ticket_id)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(purge, broken, die)
    with pytest.raises(KeyboardInterrupt):
        purge_ticket(installation, ticket_id, "upkeep")
    monkeypatch.undo()
    purge_ticket(installation, ticket_id, "upkeep")

    assert purge_ticket(installation, ticket_id, "upkeep") == 0
    assert left(folder) == ["1/items.sealed", "2/items.sealed"]
    # One list was written, whatever happened to it: both adapters stand in one event.
    assert purged(installation, ticket_id)["adapter"] == (2, 10)
    assert purged(installation, ticket_id)["weights"] == (1, 5)


def test_a_link_is_deleted_and_never_followed(installation: Installation, tmp_path: Path) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    precious = put(tmp_path / "precious" / "file")
    (folder / "1" / "link").symlink_to(precious.parent)
    (folder / "shelf").symlink_to(precious.parent)
    closing.withdrawn(installation, ticket_id)

    purge_ticket(installation, ticket_id, "upkeep")

    assert precious.read_bytes() == b"12345"
    assert left(folder) == ["1/items.sealed", "2/items.sealed"]
    assert not (folder / "shelf").is_symlink()


def test_another_tickets_copies_and_letters_are_untouched(installation: Installation) -> None:
    one, other = closing.submitted(installation), closing.submitted(installation)
    folder = fill(installation, other)
    fill(installation, one)
    letter = put(installation.home.outbox / f"{closing.write_letter(installation, other, 'acknowledgement', WRITTEN)}.eml")
    before = left(folder)
    closing.withdrawn(installation, one)

    purge_ticket(installation, one, "upkeep", is_all=True)

    assert left(folder) == before
    assert letter.exists()
    assert not installation.home.ticket_artefacts(one).exists()


def test_a_letter_in_the_outbox_stays_for_the_policys_days_unless_the_key_goes(installation: Installation, clock: Any) -> None:
    ticket_id = closing.submitted(installation)
    ids = [closing.write_letter(installation, ticket_id, "acknowledgement") for _ in range(2)]
    files = [put(installation.home.outbox / f"{ids[0]}.eml"), put(installation.home.outbox / f"{ids[1]}.txt")]
    closing.withdrawn(installation, ticket_id)

    at_once = purge_ticket(installation, ticket_id, "upkeep")
    clock.move(days=90)
    on_the_day = purge_ticket(installation, ticket_id, "upkeep")
    still = [path.exists() for path in files]
    clock.move(seconds=1)
    after = purge_ticket(installation, ticket_id, "upkeep")

    assert (at_once, on_the_day, after) == (0, 0, 2)
    assert still == [True, True]
    assert not any(path.exists() for path in files)
    assert owned(installation, ticket_id)["own_copies"][1] == "2026-05-31"
    assert view_ticket(installation, ticket_id).outcome == "withdrawn"


def test_the_list_of_what_is_deleted_names_our_files_and_nobody(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket_id = closing.submitted(installation)
    folder = fill(installation, ticket_id)
    closing.withdrawn(installation, ticket_id)
    monkeypatch.setattr(purge, "finish_lists", lambda lists: None)

    purge_ticket(installation, ticket_id, "upkeep")

    (listed,) = folder.glob(".purge-*.json")
    assert listed.stat().st_mode & 0o777 == 0o600
    assert all(path.startswith(f"artefacts/{ticket_id}/") for path in json.loads(listed.read_bytes())["paths"])
    assert b"Varga" not in listed.read_bytes()
