"""`rtbf key actor`: the private key lies where its owner says and nowhere else; the public half is registered and trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from rtbf.cli.actor_key import own_key
from rtbf.cli.context import CliContext
from rtbf.cli.key import key
from rtbf.config import Settings
from rtbf.errors import BadInput, SignatureRefused, UnknownName
from rtbf.evidence.actor_key import load_actor_key
from rtbf.evidence.keys import key_id
from rtbf.pipeline.ledger import sequence_events
from rtbf.store.actors import actor_id_for, actor_keys

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

PASSPHRASE = "orbit kettle maple prune"


def context_of(installation: Installation, **settings: Any) -> CliContext:
    return CliContext(home=installation.home.path, actor="olga", is_json=True, settings=Settings(**settings))


def run(context: CliContext, *arguments: str, typed: str = f"{PASSPHRASE}\n{PASSPHRASE}\n") -> Result:
    return CliRunner().invoke(key, arguments, obj=context, input=typed, catch_exceptions=False)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the private key goes."""
    return tmp_path / "paula.pem"


def test_a_key_is_made_registered_and_trusted(installation: Installation, out: Path) -> None:
    context = context_of(installation)

    made = json.loads(run(context, "actor", "paula", "--out", str(out)).stdout)

    private = load_actor_key(out, PASSPHRASE)
    trust = installation.trust
    with installation.transaction() as session:
        (row,) = actor_keys(session, actor_id_for(session, "paula", installation.clock()))
    assert made["key"] == key_id(private.public_key()) == row.key_id
    assert [(entry.id, entry.role) for entry in trust.keys][-1] == (made["key"], "approver")


def test_the_passphrase_is_never_echoed_and_nothing_private_lies_in_the_home(installation: Installation, out: Path) -> None:
    result = run(context_of(installation), "actor", "paula", "--out", str(out))

    secret = load_actor_key(out, PASSPHRASE).private_bytes_raw()
    files = [path.read_bytes() for path in installation.home.path.rglob("*") if path.is_file()]
    assert PASSPHRASE not in result.output
    assert not any(secret in content or PASSPHRASE.encode() in content or out.read_bytes() in content for content in files)


def test_the_passphrase_may_come_from_a_file(installation: Installation, out: Path, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
    context = context_of(installation, actor_passphrase_file=passphrase, actor_key_file=out)

    made = json.loads(run(context, "actor", "paula", "--out", str(out), typed="").stdout)

    opened = own_key(context, None)
    assert opened is not None
    assert key_id(opened.public_key()) == made["key"]


def test_without_a_key_file_there_is_no_key(installation: Installation) -> None:
    assert own_key(context_of(installation), None) is None


@pytest.mark.parametrize("content", [None, b"", b"one line\nanother line\n", b"\xff\xfe"])
def test_a_passphrase_file_that_holds_no_passphrase_is_refused(
    content: bytes | None, installation: Installation, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / "passphrase"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInput, match="passphrase file"):
        run(context_of(installation, actor_passphrase_file=path), "actor", "paula", "--out", str(out))

    assert not out.exists()


def test_a_wrong_passphrase_is_refused(installation: Installation, out: Path, tmp_path: Path) -> None:
    run(context_of(installation), "actor", "paula", "--out", str(out))
    wrong = tmp_path / "passphrase"
    wrong.write_text("another passphrase", encoding="utf-8")

    with pytest.raises(SignatureRefused, match="does not open"):
        own_key(context_of(installation, actor_passphrase_file=wrong), out)


def test_a_second_living_key_is_refused_and_leaves_no_file(installation: Installation, out: Path, tmp_path: Path) -> None:
    context = context_of(installation)
    run(context, "actor", "paula", "--out", str(out))

    with pytest.raises(BadInput, match="second key"):
        run(context, "actor", "paula", "--out", str(tmp_path / "second.pem"))

    assert not (tmp_path / "second.pem").exists()
    assert out.exists()


def test_a_revoked_key_makes_room_for_another_and_stays_in_the_trust_file(installation: Installation, out: Path, tmp_path: Path) -> None:
    context = context_of(installation)
    first = json.loads(run(context, "actor", "paula", "--out", str(out)).stdout)["key"]

    run(context, "actor", "paula", "--revoke", first)
    second = json.loads(run(context, "actor", "paula", "--out", str(tmp_path / "second.pem")).stdout)["key"]

    trust = json.loads(run(context, "list").stdout)
    assert [(entry["id"], entry["revoked_at"] is None) for entry in trust["keys"]][-2:] == [(first, False), (second, True)]


def test_somebody_else_s_key_cannot_be_revoked_in_passing(installation: Installation, out: Path) -> None:
    context = context_of(installation)
    made = json.loads(run(context, "actor", "paula", "--out", str(out)).stdout)["key"]

    with pytest.raises(UnknownName):
        run(context, "actor", "quinn", "--revoke", made)

    assert json.loads(run(context, "list").stdout)["keys"][-1]["revoked_at"] is None


@pytest.mark.parametrize("arguments", [(), ("--out", "x.pem", "--revoke", "sha256:00")])
def test_it_is_either_made_or_revoked(arguments: tuple[str, ...], installation: Installation) -> None:
    result = run(context_of(installation), "actor", "paula", *arguments)

    assert result.exit_code == 2
    assert "either --out FILE" in result.output


def test_both_acts_are_events_without_a_name(installation: Installation, out: Path) -> None:
    context = context_of(installation)
    made = json.loads(run(context, "actor", "paula", "--out", str(out)).stdout)["key"]
    run(context, "actor", "paula", "--revoke", made)

    sequence_events(installation)
    with installation.engine.connect() as connection:
        leaves = [json.loads(row[0]) for row in connection.exec_driver_sql("SELECT leaf FROM event ORDER BY idx")]

    assert [leaf["type"] for leaf in leaves][-2:] == ["key.registered", "key.revoked"]
    assert all(leaf["data"]["key"] == made for leaf in leaves[-2:])
    assert "paula" not in json.dumps(leaves)
