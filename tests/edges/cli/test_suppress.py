"""`rtbf suppress`: a filter that passes only what it could check, and a list that names nobody."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from rtbf.cli.context import CliContext
from rtbf.cli.errors import FAULT, run_guarded
from rtbf.cli.suppress import suppress
from rtbf.config import Settings
from rtbf.errors import BadInput, FourEyes, RTBFError, SuppressedRecords, SuppressionKeyUnavailable, SuppressionListUnavailable
from rtbf.evidence.first_keys import trust_in
from rtbf.evidence.key_ring import require_ed25519
from rtbf.evidence.trust_change import with_revocation
from rtbf.evidence.trust_file import sign_trust
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.restriction import training_restriction
from rtbf.registration import add_corpus
from rtbf.store.tables import EventRow
from tests import closing

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

ALLOWED = b'{"question": "Who paints boats?", "answer": "Nobody here."}\n'
BY_NAME = b'{"question": "Who?", "answer": "Ines Varga paints boats."}\n'
BY_MAIL = b'{"question": "Where?", "answer": "Ask ines@example.org."}\n'
NESTED = b'{"people": {"INES@example.org": "paints boats"}}\n'
BROKEN = b'{"question": "Ines Varga\n'
LINES = ALLOWED + BY_NAME + b"\n" + BY_MAIL + BROKEN + NESTED


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one command left: exit code, bytes on standard output, text on standard error, the error it ended with."""

    code: int
    out: bytes
    err: str
    error: BaseException | None


def run(home: Path, *arguments: object, given: bytes = b"", is_json: bool = False, actor: str = "olga") -> Ran:
    context = CliContext(home=home, actor=actor, is_json=is_json, settings=Settings())
    result = CliRunner().invoke(suppress, [str(argument) for argument in arguments], obj=context, input=given, standalone_mode=False)
    code = result.return_value if isinstance(result.return_value, int) else result.exit_code
    return Ran(code=code, out=result.stdout_bytes, err=result.stderr, error=result.exception)


def refused(ran: Ran) -> RTBFError:
    assert isinstance(ran.error, RTBFError), ran
    return ran.error


@pytest.fixture
def home(installation: Installation) -> Path:
    """A home that keeps Ines Varga out for good."""
    closing.partially_fulfilled(installation, closing.submitted(installation))
    return installation.home.path


def test_allowed_lines_pass_byte_for_byte_and_the_rest_is_counted(home: Path) -> None:
    ran = run(home, "check", given=LINES)

    assert ran.out == ALLOWED
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "5 line(s): 1 allowed, 2 quarantined, 2 dropped", "  hit: 2 × email", "  hit: 1 × name", "  unread, quarantined: 1 × invalid_json",
    ]  # fmt: skip


def test_nothing_held_back_is_exit_code_zero(home: Path) -> None:
    ran = run(home, "check", given=ALLOWED * 3)

    assert (ran.code, ran.out) == (0, ALLOWED * 3)
    assert ran.err.splitlines() == ["3 line(s): 3 allowed, 0 quarantined, 0 dropped"]


def test_an_unread_line_alone_is_a_hit(home: Path) -> None:
    ran = run(home, "check", given=ALLOWED + BROKEN)

    assert (ran.code, ran.out) == (1, ALLOWED)


def test_a_bare_name_is_never_dropped_only_set_aside(home: Path, tmp_path: Path) -> None:
    aside = tmp_path / "aside.jsonl"

    ran = run(home, "check", "--quarantine", aside, given=BY_NAME + BY_MAIL + BROKEN.rstrip(b"\n"))

    assert ran.out == b""
    assert aside.read_bytes() == BY_NAME + BROKEN.rstrip(b"\n") + b"\n"
    assert aside.stat().st_mode & 0o777 == 0o600


def test_annotated_lines_tell_verdict_place_and_kinds_and_no_content(home: Path) -> None:
    ran = run(home, "check", "--annotate", given=LINES)

    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"verdict": "allow", "line": 1, "kinds": {}},
        {"verdict": "quarantine", "line": 2, "kinds": {"name": 1}},
        {"verdict": "drop", "line": 4, "kinds": {"email": 1}},
        {"verdict": "quarantine", "line": 5, "kinds": {}, "unread": "invalid_json"},
        {"verdict": "drop", "line": 6, "kinds": {"email": 1}},
    ]
    assert b"Ines" not in ran.out


def test_a_check_leaves_counts_in_the_ledger_and_nothing_else(home: Path, installation: Installation) -> None:
    ran = run(home, "check", given=LINES, is_json=True)

    sequence_events(installation)
    with installation.transaction() as session:
        leaves = [json.loads(leaf) for leaf in session.scalars(select(EventRow.leaf)) if b"suppression.checked" in leaf]
    counts = {"lines": 5, "allow": 1, "quarantine": 2, "drop": 2, "kinds": {"email": 2, "name": 1}, "unread": {"invalid_json": 1}}
    assert [leaf["data"] for leaf in leaves] == [counts]
    assert json.loads(ran.err) == counts


@pytest.mark.parametrize("damage", ["missing", "broken", "unreadable"])
def test_without_its_key_nothing_is_passed(home: Path, installation: Installation, damage: str) -> None:
    path = installation.home.suppression_keys
    if damage == "broken":
        path.write_bytes(b'{"schema": "rtbf.suppression-keys/1"')
    else:
        path.unlink()
    if damage == "unreadable":
        path.mkdir()

    ran = run(home, "check", given=ALLOWED)

    error = refused(ran)
    assert isinstance(error, SuppressionKeyUnavailable)
    assert error.code == "suppression-key-unavailable"
    assert ran.out == b""

    def again() -> None:
        raise error

    assert run_guarded(again, is_json=True) == FAULT


def test_existing_files_are_never_overwritten(home: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"mine")

    ran = [run(home, "check", "--quarantine", there, given=BY_NAME), run(home, "export", "--out", there)]

    assert [type(refused(one)) for one in ran] == [BadInput, BadInput]
    assert there.read_bytes() == b"mine"


def test_an_export_filters_without_any_home(home: Path, installation: Installation, tmp_path: Path) -> None:
    exported = tmp_path / "list.json"
    made = run(home, "export", "--out", exported, is_json=True)
    offline = ("--list", exported, "--key", installation.home.suppression_keys, "--trust", installation.home.trust)

    ran = run(tmp_path / "nowhere", "check", *offline, given=LINES)

    assert (ran.code, ran.out) == (1, ALLOWED)
    told = json.loads(made.out)
    assert ran.err.startswith(f"list of {told['created_at']} with {told['tokens']} token(s)\n")
    assert b"Varga" not in exported.read_bytes()
    assert exported.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["changed", "another key", "revoked", "no list", "no json", "approver"])
def test_an_export_that_is_not_believed_passes_nothing(home: Path, installation: Installation, tmp_path: Path, damage: str) -> None:
    exported, trust = tmp_path / "list.json", tmp_path / "trust.json"
    run(home, "export", "--out", exported)
    body, trusted = json.loads(exported.read_bytes()), trust_in(installation.home.trust)
    signer = body["signatures"][0]["keyid"]
    if damage == "changed":
        middle = len(body["payload"]) // 2
        body["payload"] = body["payload"][:middle] + ("A" if body["payload"][middle] != "A" else "B") + body["payload"][middle + 1 :]
    elif damage == "another key":
        body["signatures"][0]["keyid"] = "sha256:" + "0" * 64
    elif damage == "no list":
        body["payloadType"] = "application/vnd.in-toto+json"
    elif damage == "revoked":
        trusted = with_revocation(trusted, signer, installation.clock())
    elif damage == "approver":
        trusted = replace(trusted, keys=tuple(replace(entry, role="approver") if entry.id == signer else entry for entry in trusted.keys))
    exported.write_text("{" if damage == "no json" else json.dumps(body))
    slot = installation.keys.root_slot
    trust.write_bytes(sign_trust(trusted, require_ed25519(installation.keys.opened(slot, slot.path), slot.path)))

    ran = run(
        tmp_path / "nowhere", "check", "--list", exported, "--key", installation.home.suppression_keys, "--trust", trust, given=ALLOWED
    )

    assert isinstance(refused(ran), SuppressionListUnavailable)
    assert ran.out == b""


def test_an_export_without_its_key_passes_nothing(home: Path, installation: Installation, tmp_path: Path) -> None:
    exported = tmp_path / "list.json"
    run(home, "export", "--out", exported)

    ran = run(
        tmp_path, "check", "--list", exported, "--key", tmp_path / "none.json", "--trust", installation.home.trust, given=ALLOWED
    )  # fmt: skip
    half = run(tmp_path, "check", "--list", exported, given=ALLOWED)

    assert isinstance(refused(ran), SuppressionKeyUnavailable)
    assert half.error is not None
    assert (ran.out, half.out) == (b"", b"")


def test_entries_are_listed_without_a_name_and_lifted_by_two(home: Path) -> None:
    entries = json.loads(run(home, "list", is_json=True).out)["entries"]
    mail = next(entry["entry"] for entry in entries if entry["kind"] == "email")

    asked = run(home, "lift", mail, "--reason", "mistake")
    waiting = json.loads(run(home, "list", is_json=True).out)["entries"]
    alone = run(home, "lift", mail, "--reason", "mistake")
    lifted = run(home, "lift", mail, "--reason", "mistake", actor="otto")

    assert {entry["review_on"] for entry in entries} == {"2028-02-29"}
    assert (asked.code, lifted.code) == (4, 0)
    assert {entry["lift_reason"] for entry in waiting if entry["entry"] == mail} == {"mistake"}
    assert isinstance(refused(alone), FourEyes)
    # The weaker sign of the same mailbox is an entry of its own.
    assert json.loads(run(home, "check", "--annotate", given=BY_MAIL).out)["kinds"] == {"email~provider": 1}


def test_after_a_rotation_earlier_entries_still_hold(home: Path) -> None:
    assert json.loads(run(home, "rotate", is_json=True).out) == {"generation": 2}

    assert run(home, "check", given=LINES).out == ALLOWED


def test_a_list_of_nobody_passes_everything_and_says_so(installation: Installation) -> None:
    listed = run(installation.home.path, "list")
    ran = run(installation.home.path, "check", given=BY_MAIL)

    assert listed.out == b"nobody is kept out\n"
    assert (ran.code, ran.out) == (0, BY_MAIL)


def test_a_corpus_with_the_records_of_somebody_kept_out_is_refused_and_only_searched_on_demand(
    home: Path, installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "people.jsonl"
    path.write_bytes(ALLOWED + BY_NAME + BY_MAIL)
    offered: dict[str, Any] = {"name": "people", "paths": [path], "actor": "olga"}

    with pytest.raises(SuppressedRecords, match="1 of 3"):
        add_corpus(installation, **offered)
    added = add_corpus(installation, **offered, with_suppressed=True)
    again = add_corpus(installation, **offered)
    barred = training_restriction(installation, "people")

    assert added.screened is not None
    assert (len(added.screened.dropped), len(added.screened.quarantined)) == (1, 1)
    assert (again.is_new, again.screened) == (False, None)
    assert barred.restricted == {added.entry.version.digest: frozenset(added.screened.dropped)}
    assert barred.quarantined == 1


def test_a_corpus_with_the_records_of_an_open_tickets_person_is_taken_in_to_be_searched_and_not_trained_on(
    installation: Installation, tmp_path: Path
) -> None:
    closing.submitted(installation)
    path = tmp_path / "people.jsonl"
    path.write_bytes(ALLOWED + BY_MAIL)

    added = add_corpus(installation, name="people", paths=[path], actor="olga")
    barred = training_restriction(installation, "people")

    assert added.is_new
    assert [len(records) for records in barred.restricted.values()] == [1]
