"""VERIFY.md tells the truth: its commands, run as they stand there, show what it says they show."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from rtbf.evidence.keys import spki_text
from rtbf.report.verify_text import VERIFY_TEXT
from tests import builders, bundles

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = re.findall(r"^ {7}(\S.*)$", VERIFY_TEXT.decode(), flags=re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good bundle, unpacked."""
    for name, content in bundles.good_bundle().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def shell(folder: Path, commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the commands one after the other in one shell."""
    return subprocess.run(["bash", "-euc", "\n".join(commands)], cwd=folder, capture_output=True, check=False, text=True)


def by_hand(key: str) -> list[str]:
    """Return the commands on the signature, with the signer's key put in."""
    return [command.replace("SPKI", key) for command in COMMANDS[: COMMANDS.index(next(c for c in COMMANDS if "openssl pkeyutl" in c)) + 1]]


def test_openssl_verifies_the_report_as_it_says(folder: Path) -> None:
    done = shell(folder, by_hand(spki_text(builders.signing_key().public_key())))

    assert "Signature Verified Successfully" in done.stdout, done.stderr
    assert json.loads((folder / "statement.json").read_bytes())["_type"] == "https://in-toto.io/Statement/v1"


def test_openssl_refuses_the_report_under_another_key_as_it_says(folder: Path) -> None:
    done = shell(folder, by_hand(spki_text(builders.log_key().public_key())))

    assert done.returncode != 0
    assert "Verified Successfully" not in done.stdout


def test_the_first_events_hash_is_the_second_ones_link_as_it_says(folder: Path) -> None:
    (command,) = [command for command in COMMANDS if "events.jsonl" in command]

    done = shell(folder, [command])

    second = json.loads((folder / "events.jsonl").read_bytes().splitlines()[1])
    assert done.stdout.split()[0] == second["tprev"]


def test_the_sealing_event_names_the_envelope_as_it_says(folder: Path) -> None:
    done = shell(folder, ["sha256sum report.dsse.json"])

    sealed = json.loads((folder / "events.jsonl").read_bytes().splitlines()[-1])
    assert sealed["type"] == "report.sealed"
    assert done.stdout.split()[0] == sealed["data"]["envelope"] == hashlib.sha256((folder / "report.dsse.json").read_bytes()).hexdigest()
