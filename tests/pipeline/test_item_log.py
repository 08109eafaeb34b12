"""The sealed item log is opened for a check, with an event, and not after its ticket's key is gone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, IllegalMove, SealBroken, TicketShredded, UnknownName
from rtbf.evidence.canonical import digest_bytes
from rtbf.files import make_private_folder, replace_file
from rtbf.pipeline.item_log import SEALED_NAME, open_item_log
from rtbf.store.records import save_record
from rtbf.store.ticket_keys import destroy_ticket_key, ticket_key
from rtbf.vault.envelope import place_of, seal
from tests import builders
from tests.desk import open_desk

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from tests.desk import Desk

LOG = b'{"arms":[],"items":{},"schema":"rtbf.item-log/2"}'


def _measured(installation: Installation, *, attempt: int = 1, sealed: bytes = LOG) -> tuple[Desk, Path]:
    """Return a ticket whose verification names LOG, and the file that holds `sealed`."""
    desk = open_desk(installation)
    record = replace(builders.verification(), ticket_id=desk.ticket_id, attempt=attempt, item_log_digest=digest_bytes(LOG))
    file = installation.home.artefacts_of(desk.ticket_id, attempt) / SEALED_NAME
    make_private_folder(file.parent)
    with installation.transaction() as session:
        save_record(session, record, attempt, installation.clock())
        key = ticket_key(session, installation.kek, desk.ticket_id)
    replace_file(file, seal(key, place_of(desk.ticket_id, "artefact", "item_log", attempt), sealed))
    return desk, file


def _opened(desk: Desk) -> list[Any]:
    events = [json.loads(line) for line in desk.events.splitlines()]
    return [event["data"] for event in events if event["type"] == "item_log.opened"]


def test_the_newest_attempts_log_is_opened_and_the_ledger_says_so(installation: Installation) -> None:
    desk, _ = _measured(installation, attempt=2)

    log = open_item_log(installation, desk.ticket_id, "auditor")

    assert log == LOG
    assert _opened(desk) == [{"attempt": 2, "log": digest_bytes(LOG)}]


def test_once_the_tickets_key_is_destroyed_nobody_opens_it(installation: Installation) -> None:
    desk, _ = _measured(installation)
    with installation.transaction() as session:
        destroy_ticket_key(session, desk.ticket_id)

    with pytest.raises(TicketShredded):
        open_item_log(installation, desk.ticket_id, "auditor")

    assert _opened(desk) == []


def test_a_log_that_is_not_the_verifications_is_not_handed_out(installation: Installation) -> None:
    other, _ = _measured(installation, sealed=LOG + b" ")
    missing, file = _measured(installation)
    file.unlink()
    damaged, file = _measured(installation)
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(ArtefactMismatch, match="other content"):
        open_item_log(installation, other.ticket_id, "auditor")
    with pytest.raises(ArtefactMismatch, match="no item log"):
        open_item_log(installation, missing.ticket_id, "auditor")
    with pytest.raises(SealBroken):
        open_item_log(installation, damaged.ticket_id, "auditor")


def test_before_a_verification_there_is_none(installation: Installation) -> None:
    with pytest.raises(IllegalMove, match="no verification yet"):
        open_item_log(installation, open_desk(installation).ticket_id, "auditor")
    with pytest.raises(UnknownName):
        open_item_log(installation, "tkt_none", "auditor")
