"""A canary: after a full ticket the person's identifiers are found nowhere but in their owner's data.

Allowed: the owner's corpus (it is outside the home), model weights and tokenizers (they learned it; that is what the ticket is about),
and sealed fields, which are ciphertext and so hold no identifier either. Searched: every other byte of the home, what
was written to the terminal, the report in its JSON and its PDF, file names, and the words of refusals.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rtbf.demo.community import Person
    from tests.journey.conftest import Said, Stage

LEARNED = re.compile(r"(^|/)(model\.safetensors|tokenizer\.json|tokenizer_config\.json|adapter_model\.safetensors)$")


@pytest.fixture(scope="module")
def canaries(people: list[Person]) -> dict[str, bytes]:
    """Every form in which an identifier could get out: as typed, normalised, encoded, or hashed without a key."""
    facts = people[0].facts
    digits = re.sub(r"\D", "", facts["phone"])
    first, last = facts["name"].split()
    spellings = {
        "name": facts["name"], "name folded": facts["name"].lower(), "name swapped": f"{last}, {first}", "last name": last,
        "email": facts["email"], "mailbox": facts["email"].partition("@")[0],
        "phone": facts["phone"], "phone digits": digits, "phone e164": f"+1{digits}",
        "phone dashed": f"{digits[:3]}-{digits[3:6]}-{digits[6:]}",
    }  # fmt: skip
    forms = {name: text.encode() for name, text in spellings.items()}
    for name, text in spellings.items():
        forms[f"{name} in UTF-16"] = text.encode("utf-16-le")
        forms[f"{name} in hexadecimal"] = text.encode().hex().encode()
        forms |= {f"{name} in base64 at {shift}": form for shift, form in enumerate(_in_base64(text.encode()))}
        forms[f"SHA-256 of {name}"] = hashlib.sha256(text.encode()).hexdigest().encode()
        forms[f"raw SHA-256 of {name}"] = hashlib.sha256(text.encode()).digest()
        forms[f"MD5 of {name}"] = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().encode()
    return forms


def _in_base64(text: bytes) -> list[bytes]:
    """Return what of the text's base64 is the same whatever stands before and after it, for each of the three alignments."""
    whole = (base64.b64encode(b"x" * shift + text).rstrip(b"=") for shift in range(3))
    return [encoded[-(-shift * 4 // 3) : -1] for shift, encoded in enumerate(whole)]


def _found(canaries: dict[str, bytes], content: bytes) -> list[str]:
    folded = content.lower()
    return [name for name, form in canaries.items() if form in content or form.lower() in folded]


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if path.is_file() and not LEARNED.search(name):
            yield name, path


def test_the_search_would_find_them(people: list[Person], canaries: dict[str, bytes], corpus_file: Path, reported: Stage) -> None:
    tokenizer = reported.terminal.home / "models" / "helper-1" / "tokenizer.json"

    assert {"name", "email", "phone", "last name"} <= set(_found(canaries, corpus_file.read_bytes()))
    for shift in range(3):
        inside = base64.b64encode(b"." * shift + people[0].facts["name"].encode() + b" lives here")
        assert f"name in base64 at {shift}" in _found(canaries, inside)
    assert tokenizer.is_file()


def test_no_file_of_the_home_holds_an_identifier(canaries: dict[str, bytes], reported: Stage) -> None:
    found = {name: _found(canaries, path.read_bytes()) for name, path in _files(reported.terminal.home)}

    assert {name: forms for name, forms in found.items() if forms} == {}
    names = set(found)
    assert "rtbf.db" in names
    assert any(name.endswith("report.dsse.json") for name in names)
    assert any(name.endswith("items.sealed") for name in names)


def test_no_row_of_the_database_holds_an_identifier_and_what_is_sealed_is_not_empty(canaries: dict[str, bytes], reported: Stage) -> None:
    with reported.terminal.installation() as installation, installation.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        dump = "\n".join(driver.iterdump()).encode()

    assert _found(canaries, dump) == []
    assert len(dump) > 10_000


def test_no_name_of_a_file_or_folder_holds_an_identifier(canaries: dict[str, bytes], reported: Stage) -> None:
    names = "\n".join(path.relative_to(reported.terminal.home).as_posix() for path in reported.terminal.home.rglob("*"))

    assert _found(canaries, names.encode()) == []


def test_letters_name_the_person_until_the_ticket_is_closed_and_nothing_of_them_stays(
    canaries: dict[str, bytes], reported: Stage, tmp_path: Path
) -> None:
    """The outbox holds an address by purpose; closing and shredding leave no trace of it, nor a way to open the rest."""
    stage = reported.copied(tmp_path / "home")
    home = stage.terminal.home
    codes = [stage.terminal("notice", "send", stage.ticket_id, kind, actor="olga").code for kind in ("acknowledgement", "partial")]
    letters = b"".join(path.read_bytes() for path in (home / "outbox").iterdir())
    codes.append(stage.terminal("decide", stage.ticket_id, "--close", "partially_fulfilled", actor="dina").code)
    codes.append(stage.terminal("upkeep").code)

    shredded = stage.terminal("key", "shred", stage.ticket_id, "--early", "--yes", "--json", actor="dina")
    revealed = stage.terminal("reveal", stage.ticket_id, "--purpose", "audit", "--json")

    assert (codes, shredded.code) == ([0, 0, 0, 0], 0), shredded.err
    assert "email" in _found(canaries, letters)
    assert (revealed.code, revealed.out) == (1, "")
    found = {name: _found(canaries, path.read_bytes()) for name, path in _files(home)}
    assert {name: forms for name, forms in found.items() if forms} == {}
    assert [path.name for path in (home / "outbox").iterdir()] == []
    assert [name for name in found if name.endswith("items.sealed") or "/controls/" in name] == []


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_nothing_that_is_written_to_the_terminal_holds_an_identifier(
    canaries: dict[str, bytes], people: list[Person], reported: Stage, tmp_path: Path, form: tuple[str, ...]
) -> None:
    """Every command that moves or shows a ticket, with one more ticket walked to its report; `complete` alone repeats what it is asked."""
    stage = reported.copied(tmp_path / "home")
    facts = people[0].facts
    trust, out = str(stage.terminal.home / "trust.json"), str(tmp_path / "out")
    identifiers = ("--name", facts["name"], "--email", facts["email"], "--phone", facts["phone"])
    other = stage.terminal("submit", *identifiers, "--json", actor="olga").json["ticket_id"]
    said: list[Said] = []

    def say(*arguments: str, actor: str = "marek") -> int:
        said.append(stage.terminal(*arguments, *form, actor=actor))
        return said[-1].code

    def digest() -> str:
        return stage.terminal.view(other).plan_digest or ""

    codes = [
        say("submit", *identifiers, actor="olga"),
        say("notice", "send", other, "acknowledgement"),
        say("identify", other, "ask", "--method", "email_code", "--doubt", "unknown_sender"),
        say("identify", other, "answer", "12345678"),  # refused: not the code
        say("identify", other, "record", "--method", "in_person"),
        say("run", other, "--until", "planning"),
        say("extend", other, "--code", "ComplexityOfProcess", "--text", f"{facts['name']} is in many corpora"),
        say("footprint", other, "--again"),
        say("decide", other, "1-3", "--verdict", "retain", "--code", "LegalClaims", "--reasoning", f"{facts['name']} is suing"),
        say("decide", other, "4-20", "models", "--verdict", "erase", "--code", "NonNecessity", actor="olga"),
        say("hold", "add", "--ticket", stage.ticket_id, "--ground", "LegalClaims", "--authority", "case:2026-14"),
        say("plan", other, "--method", "noop"),
        say("approve", other, "--digest", digest(), actor="olga"),  # refused: the submitter
        say("reject", other, "--digest", digest(), actor="dina"),
        say("plan", other, "--method", "noop"),
        say("approve", other, "--digest", digest(), actor="dina"),
        say("approve", other, "--digest", digest(), actor="emil"),
        say("run", other),  # FAIL
        say("decide", other, "--close", "no_data", actor="dina"),  # refused: the person was found
        say("residual", "list", other),
        say("withdraw", other),
        say("key", "shred", other, "--early", "--yes", actor="dina"),
        say("upkeep"),
    ]
    shown = [
        ("list",), ("show", other), ("show", stage.ticket_id), ("report", other, "--out", out),
        ("check", f"{out}/report.dsse.json", "--trust", trust), ("log", "show", other), ("model", "list"), ("model", "show", "helper"),
        ("model", "lineage", "helper"), ("corpus", "list"), ("corpus", "show", "community"), ("db", "upgrade"),
    ]  # fmt: skip
    failed = [arguments for arguments in shown if say(*arguments) != 0]

    assert codes == [0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0, 4, 1, 0, 4, 0, 0, 1, 1, 0, 0, 0, 0]
    assert failed == []
    heard = stage.heard + "".join(entry.out + entry.err for entry in said)
    assert heard.count(other) >= 10
    assert _found(canaries, heard.encode()) == []


def test_the_report_holds_no_identifier_in_any_of_its_forms(canaries: dict[str, bytes], reported: Stage, tmp_path: Path) -> None:
    reported.terminal("report", reported.ticket_id, "--out", str(tmp_path), "--items")
    payload = base64.b64decode(json.loads((tmp_path / "report.dsse.json").read_bytes())["payload"])
    text = subprocess.run(["pdftotext", "-layout", str(tmp_path / "report.pdf"), "-"], capture_output=True, check=True).stdout
    loose = subprocess.run(["pdfinfo", str(tmp_path / "report.pdf")], capture_output=True, check=True).stdout

    places = {"statement": payload, "page": text, "page in one line": b" ".join(text.split()), "document": loose}
    places |= {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    found = {name: _found(canaries, content) for name, content in places.items()}

    assert {name: forms for name, forms in found.items() if forms} == {}
    assert reported.ticket_id.encode() in payload
    assert reported.ticket_id.encode() in text


@pytest.mark.parametrize("is_json", [False, True])
def test_no_refusal_repeats_what_was_typed_about_a_person(
    canaries: dict[str, bytes], people: list[Person], located: Stage, tmp_path: Path, *, is_json: bool
) -> None:
    stage = located.copied(tmp_path / "home")
    facts = people[0].facts
    broken = tmp_path / "broken.json"
    broken.write_text('{"subject": [{"kind": "name", "value": "' + facts["name"], encoding="utf-8")
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"subject": [{"kind": facts["name"], "value": facts["email"]}], facts["phone"]: 1}), encoding="utf-8")
    form = ("--json",) if is_json else ()

    said = [
        stage.terminal("submit", "--from-file", str(broken), *form),
        stage.terminal("submit", "--from-file", str(wrong), *form),
        stage.terminal("submit", "--email", facts["name"], *form),
        stage.terminal("submit", "--phone", facts["email"], *form),
        stage.terminal("submit", "--name", facts["name"], "--received-at", facts["name"], *form),
        stage.terminal("submit", "--name", facts["name"], "--regime", facts["name"], *form),
    ]

    assert [entry.code for entry in said] == [1] * 6
    assert _found(canaries, "".join(entry.out + entry.err for entry in said).encode()) == []
