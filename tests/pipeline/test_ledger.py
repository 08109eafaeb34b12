"""The ledger of an installation: one signed tree over all events, proofs and receipts of it, and what a loss leads to."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text

from rtbf.errors import BadInput, LedgerBroken, LedgerForked, UnknownName, WitnessRefused
from rtbf.evidence.ledger import leaf_hash
from rtbf.evidence.log_state import read_state
from rtbf.evidence.merkle import verify_consistency
from rtbf.evidence.receipt import read_receipt, receipt_bytes
from rtbf.evidence.tlog_proof import check_inclusion, read_consistency, read_proof
from rtbf.evidence.tree_head import head_in, open_head
from rtbf.evidence.trust_change import with_key
from rtbf.evidence.trust_file import note_keys
from rtbf.evidence.witness import LocalWitness, create_witness_state
from rtbf.installation import open_installation
from rtbf.pipeline.ledger import (
    consistency_of,
    intake_receipt,
    leaf_at,
    newest_note,
    proof_of,
    seal_ledger,
    sequence_events,
    tree_size_of,
)
from rtbf.pipeline.ledger_check import check_ledger
from rtbf.pipeline.ledger_restart import restart_log
from rtbf.pipeline.standing import standing_of
from rtbf.pipeline.trust import change_trust, sign_draft, waiting_changes
from rtbf.store.tables import EventRow, TreeHeadRow
from rtbf.store.tree_heads import add_head
from rtbf.ticket_view import ticket_events
from tests.desk import open_desk
from tests.installed import POLICY
from tests.plain_tree import plain_root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rtbf.installation import Installation

WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(7, 39)))
NAME = "witness.example.org/w1"


def raw_leaves(installation: Installation) -> list[bytes]:
    with installation.transaction() as session:
        return list(session.scalars(select(EventRow.leaf).order_by(EventRow.idx)))


def keys(installation: Installation) -> Any:
    return note_keys(installation.trust, installation.log)


@dataclass
class Backup:
    """The embedded database as it was, to be put back."""

    installation: Installation
    folder: Path
    _kept: list[str] = field(default_factory=list)

    def take(self) -> Backup:
        self.installation.engine.dispose()
        with self.installation.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self.installation.engine.dispose()
        self.folder.mkdir()
        shutil.copy(self.installation.home.database, self.folder)
        return self

    def restore(self) -> None:
        self.installation.engine.dispose()
        for path in self.installation.home.path.glob("rtbf.db-*"):
            path.unlink()
        shutil.copy(self.folder / "rtbf.db", self.installation.home.database)


def test_a_head_is_over_every_committed_event_as_raw_bytes(installation: Installation) -> None:
    open_desk(installation).judged()

    sealed = seal_ledger(installation)

    leaves = raw_leaves(installation)
    head, opened = open_head(sealed.note, keys(installation))
    assert (head.size, head.root, head.origin) == (len(leaves), plain_root(leaves), installation.log)
    assert (sealed.fresh, sealed.cosigned, sealed.refused) == (len(leaves), (), ())
    assert opened.cosigned_at == ()
    assert [path.name for path in installation.log_exports.iterdir()] == [f"{len(leaves):012d}.note"]
    assert newest_note(installation) == sealed.note


def test_sealing_twice_is_sealing_once(installation: Installation) -> None:
    open_desk(installation)

    first, second = seal_ledger(installation), seal_ledger(installation)

    assert (second.note, second.fresh) == (first.note, 0)
    with installation.transaction() as session:
        assert len(session.scalars(select(TreeHeadRow)).all()) == 1


def test_every_event_has_a_proof_and_older_heads_are_shown_to_be_older(installation: Installation) -> None:
    desk = open_desk(installation).locate()
    older = seal_ledger(installation)
    desk.erase().plan()
    newer = seal_ledger(installation)

    proofs = [proof_of(installation, idx, newer.note) for idx in range(newer.head.size)]
    consistency = read_consistency(consistency_of(installation, older.head.size, newer.head.size))

    for idx, proof in enumerate(proofs):
        leaf = leaf_at(installation, idx)
        head, _ = check_inclusion(read_proof(proof), bytes.fromhex(leaf_hash(leaf)), keys(installation))
        assert (json.loads(leaf)["idx"], head) == (idx, newer.head)
    verify_consistency(
        first=consistency.first,
        second=consistency.second,
        first_root=older.head.root,
        second_root=newer.head.root,
        proof=consistency.hashes,
    )


@pytest.mark.parametrize("idx", [-1, 1, 99])
def test_an_event_that_no_head_covers_has_no_proof(installation: Installation, idx: int) -> None:
    open_desk(installation)
    note = seal_ledger(installation).note
    open_desk(installation)
    sequence_events(installation)

    with pytest.raises(BadInput, match=f"event {idx}"):
        proof_of(installation, idx, note)


def test_a_request_has_its_receipt_once_a_head_covers_it_and_it_needs_nothing_of_ours(installation: Installation) -> None:
    desk = open_desk(installation)
    before = intake_receipt(installation, desk.ticket_id), standing_of(installation, desk.ticket_id).receipt
    seal_ledger(installation)

    receipt = intake_receipt(installation, desk.ticket_id)

    assert before == (None, None)
    assert receipt is not None
    assert read_receipt(receipt_bytes(receipt)) == receipt
    head, _ = check_inclusion(read_proof(receipt.proof), bytes.fromhex(leaf_hash(receipt.leaf.encode())), keys(installation))
    told = json.loads(receipt.leaf)
    assert (told["type"], told["ticket"], told["tseq"], head.size) == ("ticket.received", desk.ticket_id, 1, 1)
    assert standing_of(installation, desk.ticket_id).receipt == receipt


def test_a_receipt_signs_nothing_and_sequences_nothing(installation: Installation) -> None:
    desk = open_desk(installation)

    intake_receipt(installation, desk.ticket_id)

    assert (tree_size_of(installation), newest_note(installation)) == (0, None)
    with pytest.raises(UnknownName):
        intake_receipt(installation, "tkt_none")


def witness(installation: Installation, folder: Path, *, is_trusted: bool = True) -> LocalWitness:
    if is_trusted:
        change_trust(installation, lambda trust: with_key(trust, WITNESS.public_key(), "witness", installation.clock(), NAME))
    create_witness_state(folder / "witness.json")
    logs = {installation.log: note_keys(installation.trust, installation.log)}
    return LocalWitness(name=NAME, key=WITNESS, state=folder / "witness.json", logs=logs, clock=installation.clock)


def test_a_witness_cosigns_every_head_and_its_line_is_stored_and_exported(installation: Installation, tmp_path: Path) -> None:
    seen = witness(installation, tmp_path)
    desk = open_desk(installation)
    first = seal_ledger(installation, [seen])
    desk.locate()

    second = seal_ledger(installation, [seen])

    assert (first.cosigned, second.cosigned, second.refused) == ((NAME,), (NAME,), ())
    opened = open_head(second.note, keys(installation))[1]
    assert opened.cosigned_at == ((NAME, installation.clock()),)
    assert (installation.log_exports / f"{second.head.size:012d}.note").read_text() == second.note == newest_note(installation)


def test_a_witness_that_knows_another_head_than_the_last_one_is_asked_from_there(installation: Installation, tmp_path: Path) -> None:
    seen = witness(installation, tmp_path)
    desk = open_desk(installation)
    seal_ledger(installation, [seen])
    desk.locate()
    seal_ledger(installation)
    desk.erase()

    assert seal_ledger(installation, [seen]).cosigned == (NAME,)


class Grumpy:
    name = NAME

    def __init__(self, trouble: Exception | str) -> None:
        self.trouble = trouble

    def cosign(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        if isinstance(self.trouble, Exception):
            raise self.trouble
        return self.trouble


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (WitnessRefused(found="f", expected="e", remedy="r"), "witness-refused"),
        (OSError("no route"), "no-cosignature"),
        ("", "no-cosignature"),
        ("— witness.example.org/w1 AAAA\n", "no-cosignature"),
        ("— witness.example.org/w1 AAAA\n— more AAAA\n", "no-cosignature"),
    ],
)
def test_a_witness_that_does_not_sign_is_told_and_blocks_nothing(
    installation: Installation, tmp_path: Path, trouble: Exception | str, code: str
) -> None:
    witness(installation, tmp_path)
    open_desk(installation)

    sealed = seal_ledger(installation, [Grumpy(trouble)])

    assert (sealed.cosigned, sealed.refused) == ((), ((NAME, code),))
    assert head_in(sealed.note).size == tree_size_of(installation)


def test_a_restored_backup_is_not_signed_and_a_restart_shows_the_break(installation: Installation, tmp_path: Path) -> None:
    desk = open_desk(installation)
    seal_ledger(installation)
    backup = Backup(installation, tmp_path / "backup").take()
    desk.locate()
    lost = seal_ledger(installation)
    backup.restore()
    other = open_desk(installation)

    with pytest.raises(LedgerForked):
        seal_ledger(installation)
    found = check_ledger(installation).findings
    done = restart_log(installation, "backup_restored", "olga")

    assert any("the signer's state" in finding for finding in found)
    assert (done.lost, done.origin) == (lost.head, lost.head.origin + "/2")
    told = [json.loads(leaf) for leaf in raw_leaves(installation)]
    assert told[-1]["type"] == "log.restarted"
    assert told[-1]["data"] == {
        "origin_before": lost.head.origin, "size_before": lost.head.size, "root_before": lost.note.split("\n")[2],
        "reason": "backup_restored",
    }  # fmt: skip
    assert (told[0]["log"], told[-1]["log"]) == (lost.head.origin, done.origin)
    assert done.sealed is not None
    assert open_head(done.sealed.note, keys(installation))[0].root == plain_root(raw_leaves(installation))
    assert [(log.origin, log.continues) for log in installation.trust.logs] == [(lost.head.origin, None), (done.origin, lost.head.origin)]
    # The lost head stays where it was exported, and is told as lost, not as a fault.
    assert (installation.log_exports / f"{lost.head.size:012d}.note").exists()
    checked = check_ledger(installation)
    assert (checked.findings, checked.lost_heads) == ((), 1)
    other.locate()
    assert seal_ledger(installation).head.origin == done.origin
    assert intake_receipt(installation, other.ticket_id) is not None


def test_a_ledger_that_can_go_on_is_not_begun_anew(installation: Installation) -> None:
    open_desk(installation)
    before = seal_ledger(installation)

    with pytest.raises(BadInput, match="goes on from what was signed"):
        restart_log(installation, "state_lost", "olga")
    with pytest.raises(BadInput, match="unknown reason"):
        restart_log(installation, "because", "olga")

    assert seal_ledger(installation).note == before.note


def test_a_lost_state_is_refused_and_a_restart_names_the_newest_exported_head(installation: Installation) -> None:
    open_desk(installation)
    before = seal_ledger(installation)
    installation.log_state.unlink()

    with pytest.raises(LedgerForked, match="no state of the log signer"):
        seal_ledger(installation)
    done = restart_log(installation, "state_lost", "olga")

    assert done.lost == before.head
    assert check_ledger(installation).findings == ()


@pytest.mark.parametrize("step", ["append_event", "sequence_events", "adopt_tree", "seal_ledger"])
def test_a_restart_that_was_killed_is_ended_and_not_begun_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    open_desk(installation)
    before = seal_ledger(installation).head
    installation.log_state.unlink()

    def pull(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"rtbf.pipeline.ledger_restart.{step}", pull)
    with pytest.raises(KeyboardInterrupt):
        restart_log(installation, "state_lost", "olga")
    monkeypatch.undo()
    done = restart_log(installation, "state_lost", "olga")

    assert (done.origin, done.lost) == (before.origin + "/2", before)
    assert len(installation.trust.logs) == 2
    assert check_ledger(installation).findings == ()


def test_a_restart_waits_for_a_root_that_is_away(installation: Installation, tmp_path: Path) -> None:
    open_desk(installation)
    before = seal_ledger(installation).head
    installation.log_state.unlink()
    root = shutil.move(installation.home.root_key, tmp_path / "root.key")

    waiting = [restart_log(installation, "state_lost", "olga") for _ in range(2)]
    meanwhile = installation.log
    sign_draft(installation, waiting_changes(installation), root_file=tmp_path / "root.key")
    done = restart_log(installation, "state_lost", "olga")

    assert root
    assert [each.sealed for each in waiting] == [None, None]
    assert (meanwhile, done.origin) == (before.origin, before.origin + "/2")
    assert done.sealed is not None


def test_a_whole_house_checks_without_a_finding(installation: Installation) -> None:
    open_desk(installation).judged()
    open_desk(installation).locate()
    seal_ledger(installation)
    open_desk(installation)
    seal_ledger(installation)

    checked = check_ledger(installation)

    size = tree_size_of(installation)
    assert checked.findings == ()
    assert (checked.events, checked.tickets, checked.heads, checked.exported, checked.pending) == (size, 3, 2, 2, 0)
    assert checked.nodes == sum(size >> level for level in range(1, 20))
    assert checked.root == plain_root(raw_leaves(installation))


def change(statement: str, *, guards: Sequence[str]) -> Callable[[Installation], None]:
    def act(installation: Installation) -> None:
        with installation.engine.begin() as connection:
            for guard in guards:
                connection.execute(text(f"DROP TRIGGER {guard}"))
            connection.execute(text(statement))

    return act


def rehashed(installation: Installation) -> None:
    """Rewrite an event together with its hash, as somebody would who knows the schema."""
    with installation.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER event_no_update"))
        leaf = (
            connection.scalar(text("SELECT leaf FROM event WHERE idx = 1")).replace(b"in_person", b"by_letter").replace(b'"v":1', b'"v":2')
        )
        connection.execute(text("UPDATE event SET leaf = :leaf, leaf_hash = :hash WHERE idx = 1"), {"leaf": leaf, "hash": leaf_hash(leaf)})


def forged_export(installation: Installation) -> None:
    (path, *_) = sorted(installation.log_exports.iterdir())
    path.chmod(0o600)
    path.write_text(path.read_text().replace("\n— ", "\nx\n— "))


def lost_state(installation: Installation) -> None:
    installation.log_state.unlink()


DAMAGES: dict[str, tuple[Callable[[Installation], None], str]] = {
    "an event edited": (
        change("UPDATE event SET leaf = replace(leaf, 'ticket', 'tackle') WHERE idx = 1", guards=["event_no_update"]),
        "event 1: the stored hash",
    ),
    "an event edited and hashed again": (rehashed, "node 0 of level 1 differs"),
    "an event no json": (
        change("UPDATE event SET leaf = x'00' WHERE idx = 2", guards=["event_no_update"]),
        "event 2: its bytes are no event",
    ),
    "an event deleted": (change("DELETE FROM event WHERE idx = 1", guards=["event_no_delete"]), "1 event(s) missing"),
    "the last event deleted": (
        change("DELETE FROM event WHERE idx = (SELECT max(idx) FROM event)", guards=["event_no_delete"]),
        "and the database has",
    ),
    "an event of another ticket": (
        change("UPDATE event SET ticket_id = 'tkt_x' WHERE idx = 1", guards=["event_no_update"]),
        "event 1: its bytes say another index, ticket",
    ),
    "a node edited": (
        change("UPDATE tree_node SET hash = x'00' WHERE level = 1 AND pos = 0", guards=["tree_node_no_update"]),
        "node 0 of level 1",
    ),
    "a node deleted": (
        change("DELETE FROM tree_node WHERE level = 1 AND pos = 0", guards=["tree_node_no_delete"]),
        "node 0 of level 1 is missing",
    ),
    "a node too many": (change("INSERT INTO tree_node VALUES (9, 9, x'00')", guards=[]), "stored nodes where a tree"),
    "a stored head edited": (
        change("UPDATE tree_head SET note = replace(note, '— ', '— x')", guards=["tree_head_no_update"]),
        "it does not open by the trust file",
    ),
    "a stored head moved": (change("UPDATE tree_head SET size = 99", guards=["tree_head_no_update"]), "kept under another name or size"),
    "an exported head edited": (forged_export, "it does not open by the trust file"),
    "the signer's state gone": (lost_state, "the signer's state is missing"),
}


@pytest.mark.parametrize(("harm", "finding"), DAMAGES.values(), ids=DAMAGES)
def test_every_damage_is_found_and_told_without_personal_data(
    installation: Installation, harm: Callable[[Installation], None], finding: str
) -> None:
    open_desk(installation).locate()
    seal_ledger(installation)

    harm(installation)
    found = check_ledger(installation).findings

    assert any(finding in each for each in found), found
    assert not any(word in each for each in found for word in ("Ines", "Canary"))


def test_a_head_of_another_tree_in_the_database_is_a_fork(installation: Installation) -> None:
    open_desk(installation)
    seal_ledger(installation)
    with installation.transaction() as session:
        session.execute(text("DROP TRIGGER tree_head_no_update"))
        row = session.scalars(select(TreeHeadRow)).one()
        lines = row.note.split("\n")
        row.note = "\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]])

    with pytest.raises(LedgerForked, match="another stored head"):
        seal_ledger(installation)


def test_a_stored_head_that_is_none_is_named_and_not_a_stray_error(installation: Installation) -> None:
    desk = open_desk(installation)
    seal_ledger(installation)
    with installation.transaction() as session:
        session.execute(text("DROP TRIGGER tree_head_no_update"))
        session.scalars(select(TreeHeadRow)).one().note = "no head"

    with pytest.raises(LedgerBroken):
        intake_receipt(installation, desk.ticket_id)
    with pytest.raises(LedgerBroken):
        seal_ledger(installation)


def test_state_and_exports_may_lie_elsewhere(installation: Installation, tmp_path: Path) -> None:
    away = replace(installation, log_state=tmp_path / "signer" / "state.json", log_exports=tmp_path / "bucket")
    open_desk(away)

    sealed = seal_ledger(away)

    state = read_state(tmp_path / "signer" / "state.json")
    assert state is not None
    assert state.note == sealed.note
    assert len(list((tmp_path / "bucket").iterdir())) == 1
    assert not installation.log_state.exists()


def test_a_home_that_was_opened_again_goes_on_signing(installation: Installation) -> None:
    desk = open_desk(installation)
    seal_ledger(installation)
    desk.locate()

    again = open_installation(installation.home.path, None, installation.clock, policy=POLICY)
    try:
        assert seal_ledger(again).head.size == len(ticket_events(again, desk.ticket_id)) == tree_size_of(again)
    finally:
        again.engine.dispose()


def test_a_second_signer_that_stores_the_same_size_is_told_so(installation: Installation) -> None:
    open_desk(installation)
    head = seal_ledger(installation).head

    with pytest.raises(LedgerForked, match="somebody else stored"), installation.transaction() as session:
        add_head(session, head.origin, head.size, "another note", installation.clock())
