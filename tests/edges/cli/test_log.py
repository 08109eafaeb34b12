"""`rtbf log`: what an officer and an auditor read of the ledger, and that nothing is begun anew by accident."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from rtbf.cli.log import event_table
from rtbf.evidence.ledger import leaf_hash
from rtbf.evidence.merkle import verify_consistency
from rtbf.evidence.receipt import read_receipt
from rtbf.evidence.signed_note import read_vkey
from rtbf.evidence.tlog_proof import check_inclusion, read_consistency, read_proof
from rtbf.evidence.tree_head import head_in, open_head
from rtbf.evidence.trust_file import note_keys
from rtbf.pipeline.ledger import leaf_at, newest_note, tree_size_of
from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation


@pytest.fixture
def desk(installation: Installation) -> Desk:
    return located_desk(installation)


def test_show_tells_every_event_even_those_that_had_no_place_yet(desk: Desk) -> None:
    said = desk("log", "show", desk.ticket_id, "--json")

    assert [event["type"] for event in said.json] == [
        "ticket.received", "identity.established", "suppression.restricted", "footprint.completed",
    ]  # fmt: skip


def test_the_table_breaks_neither_event_nor_actor_nor_id_at_80_columns() -> None:
    who, check = "act_0123456789abcdef", "idc_0123456789abcdef"
    facts = {"from": "received", "to": "locating", "check": check, "signed_by": None, "approved": True, "possible_duplicates": []}
    counted = {"counts": [{"items": 20, "verdict": "erase"}, {"items": 1, "verdict": "keep"}]}
    console = Console(record=True, width=80, file=io.StringIO())

    console.print(event_table([
        {"tseq": 1, "time": "2026-03-02T12:00:00.000Z", "type": "suppression.entry_lifted", "actor": {"id": who}, "data": facts},
        {"tseq": 2, "time": "2026-03-02T12:00:01.000Z", "type": "decisions.taken", "actor": {"id": who}, "data": counted},
    ]))  # fmt: skip

    lines = console.export_text().splitlines()
    told = " ".join(" ".join(line.rstrip() for line in lines).split())
    assert max(len(line) for line in lines) <= 80
    for whole in (
        "suppression.entry_lifted",
        who,
        check,
        "received → locating",
        "approved yes",
        "possible_duplicates none",
        "signed_by none",
    ):
        assert whole in told
    assert "items 20 verdict erase; items 1" in told


def test_head_tells_how_far_the_newest_one_goes_and_signs_only_when_asked(desk: Desk) -> None:
    before = desk("log", "head", "--json").json
    signed = desk("log", "head", "--sign", "--json").json
    desk.decide()
    after = desk("log", "head", "--json").json
    text = desk("log", "head").out

    assert before == {"events": 4, "head": None}
    assert (signed["events"], signed["head"]["size"], signed["cosigned"], signed["refused"]) == (4, 4, [], [])
    assert head_in(signed["head"]["note"]).root.hex() == signed["head"]["root"]
    assert (after["events"], after["head"]["size"]) == (5, 4)
    assert "1 event(s) are newer than this head" in text
    (key,) = signed["keys"]
    assert key in text.replace("\n", "")
    # Whoever has that one line opens the head: a witness, or Go's sumdb/note.
    assert open_head(signed["head"]["note"], [read_vkey(key)])[0].size == 4
    assert "self-attested" in text


def test_a_proof_is_written_for_an_index_or_for_a_tickets_first_event(desk: Desk, tmp_path: Path) -> None:
    desk("log", "head", "--sign")

    by_ticket = desk("log", "prove", desk.ticket_id, "--out", str(tmp_path / "first"), "--json")
    by_index = desk("log", "prove", "2", "--out", str(tmp_path / "third"))

    assert (by_ticket.code, by_index.code, by_ticket.json["index"]) == (0, 0, 0)
    keys = note_keys(desk.installation.trust, desk.installation.log)
    for name, idx in (("first", 0), ("third", 2)):
        proof = read_proof((tmp_path / name).read_text())
        check_inclusion(proof, bytes.fromhex(leaf_hash(leaf_at(desk.installation, idx))), keys)
        assert proof.index == idx


def test_a_proof_between_two_sizes_is_what_an_auditors_own_head_is_compared_with(desk: Desk, tmp_path: Path) -> None:
    first = desk("log", "head", "--sign", "--json").json["head"]
    desk.decide()
    second = desk("log", "head", "--sign", "--json").json["head"]

    told = desk("log", "prove", "4-5", "--out", str(tmp_path / "proof"))

    proof = read_consistency((tmp_path / "proof").read_text())
    assert told.code == 0
    assert (proof.first, proof.second) == (4, 5)
    roots = {"first_root": bytes.fromhex(first["root"]), "second_root": bytes.fromhex(second["root"])}
    verify_consistency(first=4, second=5, proof=proof.hashes, **roots)


@pytest.mark.parametrize("what", ["4", "99", "tkt_none", "-1", "0-4", "4-3", "2-99"])
def test_what_is_not_under_the_head_has_no_proof(desk: Desk, tmp_path: Path, what: str) -> None:
    desk("log", "head", "--sign")

    assert desk("log", "prove", "--out", str(tmp_path / "proof"), "--", what).code == 1
    assert not (tmp_path / "proof").exists()


def test_without_a_signed_head_there_is_neither_proof_nor_receipt(desk: Desk, tmp_path: Path) -> None:
    said = [desk("log", name, desk.ticket_id, "--out", str(tmp_path / name)) for name in ("prove", "receipt")]

    assert [each.code for each in said] == [1, 1]
    assert all("rtbf log head --sign" in each.err for each in said)
    assert list(tmp_path.glob("*prove*")) == []


def test_a_receipt_is_a_file_of_its_own_and_none_is_overwritten(desk: Desk, tmp_path: Path) -> None:
    desk("log", "head", "--sign")
    out = tmp_path / "receipt.json"

    said = desk("log", "receipt", desk.ticket_id, "--out", str(out))
    again = desk("log", "receipt", desk.ticket_id, "--out", str(out))

    assert (said.code, again.code) == (0, 1)
    receipt = read_receipt(out.read_bytes())
    assert json.loads(receipt.leaf)["ticket"] == desk.ticket_id
    assert desk("show", desk.ticket_id, "--json").json["receipt"] == json.loads(out.read_bytes())


def test_the_whole_ledger_is_checked_and_damage_is_a_fault(desk: Desk) -> None:
    desk("log", "head", "--sign")
    good = desk("log", "check")
    shape = desk("log", "check", "--json")
    desk.installation.log_state.unlink()
    bad = desk("log", "check")

    assert (good.code, shape.code, bad.code) == (0, 0, 5)
    assert good.out.splitlines()[-1] == "everything fits"
    # The root is told in the very form that a head carries it in, so that a person can compare the two.
    assert f"root {(newest_note(desk.installation) or '').splitlines()[2]}" in good.out
    assert shape.json == {
        "events": 4, "pending": 0, "tickets": 1, "nodes": 3, "heads": 1, "exported": 1, "lost_heads": 0, "findings": [],
        "root": head_in(newest_note(desk.installation) or "").root.hex(),
    }  # fmt: skip
    assert "FOUND: the signer's state is missing, though heads exist" in bad.out


def test_one_tickets_chain_is_checked_alone(desk: Desk) -> None:
    said = desk("log", "check", desk.ticket_id, "--json")

    assert (said.code, said.json["events"], len(said.json["last"])) == (0, 4, 64)


def test_a_restart_needs_somebody_who_is_sure_and_a_reason(desk: Desk) -> None:
    desk("log", "head", "--sign")
    desk.installation.log_state.unlink()

    unsure = desk("log", "restart", "--reason", "state_lost")
    unknown = desk("log", "restart", "--reason", "whim", "--yes")
    refused = desk("log", "head", "--sign")
    done = desk("log", "restart", "--reason", "state_lost", "--yes", "--json", actor="olga")

    assert [each.code for each in (unsure, unknown, refused, done)] == [1, 1, 5, 0]
    assert "ledger-forked" in refused.err
    assert "rtbf log restart" in refused.err
    assert done.json["origin"] == done.json["origin_before"] + "/2"
    assert (done.json["size_before"], done.json["size"]) == (4, 5)
    assert desk("log", "check").code == 0


def test_a_restart_that_waits_for_the_root_says_how_to_end_it(desk: Desk) -> None:
    desk("log", "head", "--sign")
    desk.installation.log_state.unlink()
    desk.installation.home.root_key.unlink()

    said = desk("log", "restart", "--reason", "state_lost", "--yes")

    assert said.code == 4
    assert "rtbf key trust --root FILE" in said.out


def test_a_submission_is_under_a_head_at_once(installation: Installation) -> None:
    desk = Desk(installation=installation, ticket_id="")

    said = desk("submit", "--name", "Ines Varga", "--json")

    assert said.code == 0, said.err
    assert json.loads(said.json["receipt"]["leaf"])["ticket"] == said.json["ticket_id"]
    assert head_in(newest_note(installation) or "").size == tree_size_of(installation)


def test_a_ledger_that_cannot_be_signed_never_stops_a_submission(installation: Installation) -> None:
    desk = located_desk(installation)
    desk("log", "head", "--sign")
    installation.log_state.write_bytes(b"{")

    said = desk("submit", "--name", "Ines Varga", "--json")

    assert said.code == 0
    assert said.json["receipt"] is None
    assert "the ticket is stored, its receipt is not there yet (record-broken" in said.err
    assert desk("show", said.json["ticket_id"]).code == 0
