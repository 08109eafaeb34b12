"""`rtbf key list|trust|tsa-roots|rotate|revoke|protect`, `rtbf init`, `rtbf db upgrade`: what officers read of whom auditors believe."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_der_x509_certificate

from rtbf.cli.admin import db, init
from rtbf.cli.context import CliContext
from rtbf.cli.key import key
from rtbf.config import Settings
from rtbf.errors import BadInput, SchemaBehind, VaultLocked
from rtbf.evidence.certificates import create_pdf_ca
from rtbf.evidence.keys import key_id, read_fingerprint
from rtbf.evidence.sealed_key import is_plain, open_sealed_key, read_header
from rtbf.installation import open_installation
from rtbf.vault.secret import Secret
from tests.installed import NOON, QUICK_VAULT
from tests.older import make_older

if TYPE_CHECKING:
    from pathlib import Path

    from click import Command
    from click.testing import Result

    from rtbf.installation import Installation

KEPT = ("root.key", "root.passphrase", "pdf-ca.key")


@pytest.fixture
def run(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("rtbf.startup.open_home", lambda settings, home: installation)

    def invoke(*arguments: str, is_json: bool = False, given: str = "") -> Result:
        context = CliContext(home=installation.home.path, actor="olga", is_json=is_json, settings=Settings())
        return CliRunner().invoke(key, arguments, obj=context, input=given, standalone_mode=False)

    return invoke


@pytest.fixture
def safe(installation: Installation, tmp_path: Path) -> Path:
    """Move the root away, as `rtbf init` says, and return where it is."""
    folder = tmp_path / "safe"
    folder.mkdir()
    for name in KEPT:
        shutil.move(installation.home.path / "keys" / name, folder)
    return folder


def by_root(safe: Path) -> tuple[str, ...]:
    return "--root", str(safe / "root.key"), "--root-passphrase-file", str(safe / "root.passphrase")


def plainly(command: Command, home: Path, *arguments: str, is_json: bool = False) -> Result:
    context = CliContext(home=home, actor="olga", is_json=is_json, settings=Settings())
    return CliRunner().invoke(command, arguments, obj=context, catch_exceptions=False, standalone_mode=False)


def test_list_shows_roles_the_roots_fingerprint_and_where_the_root_is(run: Any, installation: Installation) -> None:
    shape = json.loads(run("list", is_json=True).stdout)
    text = run("list").stdout

    assert [entry["role"] for entry in shape["keys"]] == ["root", "report-signer", "log-signer"]
    assert (shape["version"], shape["is_root_at_home"], shape["waiting"]) == (2, True, [])
    # Two years of 365 days after 2 March 2026.
    assert (shape["expires"][:10], shape["pdf_certificate_until"][:10]) == ("2028-03-01", "2028-03-01")
    assert read_fingerprint(shape["root_fingerprint"]) == installation.trust.root
    printed = [line.strip() for line in text.splitlines()]
    first = printed.index("root fingerprint, for auditors to compare:") + 1
    assert read_fingerprint(" ".join(printed[first : first + 2])) == installation.trust.root
    assert "move keys/root.key" in text


def test_list_is_whole_when_the_pdf_certificate_is_not(run: Any, installation: Installation) -> None:
    installation.home.pdf_certificates.write_bytes(b"")

    assert json.loads(run("list", is_json=True).stdout)["pdf_certificate_until"] is None
    assert "unknown: it cannot be read" in run("list").stdout


def test_trust_says_when_nothing_waits(run: Any) -> None:
    assert run("trust").stdout == "nothing waits for the root; version 2 is in force\n"


def test_what_waits_is_shown_and_how_to_sign_it(run: Any, safe: Path) -> None:
    waiting = run("rotate", "--role", "report")

    shown = run("trust").stdout

    assert "waits for the root" in waiting.stdout
    assert "report-signer sha256:" in shown
    assert "counts from 2026-03-02" in shown
    assert "to sign it: rtbf key trust --root FILE --root-passphrase-file FILE" in shown
    listed = run("list").stdout
    assert "root key away from this home" in listed
    assert "waiting for the root:" in listed


def test_the_root_signs_only_when_somebody_says_yes(run: Any, installation: Installation, safe: Path) -> None:
    new = json.loads(run("rotate", "--role", "report", is_json=True).stdout)["new"]

    run("trust", *by_root(safe), given="n\n")
    after_no = installation.trust.version
    signed = run("trust", *by_root(safe), given="y\n")

    assert (after_no, installation.trust.version) == (2, 3)
    assert "version 3 is in force" in signed.stdout
    assert f"report-signer: {new} signs now" in signed.stdout
    assert "counts from" in signed.stderr
    assert key_id(installation.signing_key.public_key()) == new


def test_a_renewal_makes_a_version_without_a_change(run: Any, installation: Installation, safe: Path) -> None:
    shape = json.loads(run("trust", *by_root(safe), "--renew", "--yes", is_json=True).stdout)

    assert (shape["version"], shape["signed"], installation.trust.version) == (3, [], 3)


@pytest.mark.parametrize("role", ["report", "log", "pdf"])
def test_a_rotation_tells_both_keys_and_what_is_next(role: str, run: Any) -> None:
    shape = json.loads(run("rotate", "--role", role, is_json=True).stdout)
    text = run("rotate", "--role", role).stdout

    assert (shape["role"], shape["is_waiting"]) == (f"{role}-signer", False)
    assert f"what {shape['new']} signed stays good" in text
    assert "back up keys/ anew" in text


def test_a_pdf_key_is_rotated_with_the_issuer_that_was_moved_away(run: Any, installation: Installation, safe: Path) -> None:
    refused = run("rotate", "--role", "pdf")
    done = run("rotate", "--role", "pdf", "--issuer", str(safe / "pdf-ca.key"), "--root-passphrase-file", str(safe / "root.passphrase"))

    assert isinstance(refused.exception, BadInput)
    assert "--issuer FILE" in str(refused.exception)
    assert key_id(installation.pdf_key.public_key()) in done.stdout


def test_a_key_is_revoked_only_when_somebody_says_yes(run: Any, installation: Installation) -> None:
    log_id = key_id(installation.log_key.public_key())

    run("revoke", log_id, "--reason", "compromised", given="n\n")
    after_no = installation.trust.version
    done = run("revoke", log_id, "--reason", "compromised", given="y\n")

    assert after_no == 2
    assert done.stdout.splitlines()[:2] == [f"revoked {log_id}", "trust file version 3 is in force: hand it to your auditors again"]
    assert "2026-03-02" in run("list").stdout


def test_an_unknown_reason_is_a_usage_error(run: Any, installation: Installation) -> None:
    refused = run("revoke", "sha256:00", "--reason", "bored", "--yes")

    assert refused.exception is not None
    assert "compromised" in str(refused.exception)


def test_a_time_stamp_authority_is_believed_from_the_next_version_on(run: Any, installation: Installation, tmp_path: Path) -> None:
    der = create_pdf_ca(generate_private_key(SECP256R1()), "Example Authority", NOON)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(load_der_x509_certificate(der).public_bytes(Encoding.PEM))

    done = json.loads(run("tsa-roots", str(roots), is_json=True).stdout)
    refused = run("tsa-roots", str(tmp_path / "none.pem"))

    assert done == {"version": 3, "is_waiting": False, "certificates": 1}
    assert len(installation.trust.tsa_roots) == 1
    assert isinstance(refused.exception, BadInput)


@pytest.mark.parametrize(
    ("group", "files"), [("signing", ["report.key", "pdf.key"]), ("log", ["log.key"]), ("root", ["root.key", "pdf-ca.key"])]
)
def test_another_passphrase_locks_the_same_keys(group: str, files: list[str], run: Any, installation: Installation, tmp_path: Path) -> None:
    new, home = tmp_path / "new.passphrase", installation.home
    new.write_text("orbit kettle maple prune\n")
    ids = {name: read_header(home.path / "keys" / name).id for name in files}

    done = json.loads(run("passphrase", "--of", group, "--new", str(new), is_json=True).stdout)
    again = json.loads(run("passphrase", "--of", group, "--new", str(new), is_json=True).stdout)

    assert done["files"] == again["files"] == files
    for name in files:
        path = home.path / "keys" / name
        assert key_id(open_sealed_key(path, read_header(path).role, Secret("orbit kettle maple prune")).public_key()) == ids[name]
        assert read_header(path).cost == QUICK_VAULT
        with pytest.raises(VaultLocked):
            open_sealed_key(path, read_header(path).role, Secret((home.path / "keys" / f"{group}.passphrase").read_text().strip()))


def test_keys_that_are_away_cannot_be_locked_anew(run: Any, safe: Path, tmp_path: Path, installation: Installation) -> None:
    new = tmp_path / "new.passphrase"
    new.write_text("orbit kettle maple prune\n")
    shutil.copy(safe / "root.passphrase", installation.home.root_passphrase)

    refused = run("passphrase", "--of", "root", "--new", str(new))

    assert isinstance(refused.exception, BadInput)
    assert "bring the files back" in str(refused.exception)


def test_a_person_s_key_says_when_it_waits_for_the_root(run: Any, safe: Path, tmp_path: Path) -> None:
    made = run("actor", "paula", "--out", str(tmp_path / "paula.pem"), given="orbit kettle maple prune\n" * 2)

    assert "waits for the root; until then no auditor believes the change" in made.stdout


def test_no_passphrase_and_no_key_is_shown_anywhere(run: Any, installation: Installation, safe: Path) -> None:
    secrets = [path.read_text().strip() for path in (*safe.glob("*.passphrase"), *(installation.home.path / "keys").glob("*.passphrase"))]
    private = installation.signing_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).hex()

    ran = [run(*words) for words in (("list",), ("trust",), ("rotate", "--role", "report"), ("trust", *by_root(safe), "--yes"))]
    failed = run(
        "trust", "--root", str(safe / "root.key"), "--root-passphrase-file", str(installation.home.log_passphrase), "--renew", "--yes"
    )

    said = " ".join([*(each.output for each in ran), str(failed.exception), repr(failed.exception), repr(installation)])
    assert len(secrets) == 4
    assert [secret for secret in (*secrets, private) if secret in said] == []


def test_init_prints_the_fingerprint_and_says_what_to_move_away(tmp_path: Path) -> None:
    home = tmp_path / "home"

    text = plainly(init, home).stdout

    made = open_installation(home, None)
    root = made.trust.root
    made.engine.dispose()
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("root "))
    assert read_fingerprint(lines[first].removeprefix("root ") + lines[first + 1].split("(")[0]) == root
    assert "move root.key, root.passphrase and pdf-ca.key out of keys/" in text


def test_an_older_home_asks_for_the_upgrade_which_makes_what_is_missing(installation: Installation, home_path: Path) -> None:
    installation.engine.dispose()
    key_before = make_older(home_path)
    with pytest.raises(SchemaBehind, match="rtbf db upgrade"):
        open_installation(home_path, None)

    first = json.loads(plainly(db, home_path, "upgrade", is_json=True).stdout)
    second = json.loads(plainly(db, home_path, "upgrade", is_json=True).stdout)

    assert (first["has_new_keys"], second["has_new_keys"]) == (True, False)
    opened = open_installation(home_path, None)
    assert key_id(opened.signing_key.public_key()) == key_id(key_before.public_key())
    opened.engine.dispose()


def test_protect_seals_the_report_key_of_an_older_home(installation: Installation, home_path: Path) -> None:
    installation.engine.dispose()
    key_before = make_older(home_path)
    plainly(db, home_path, "upgrade")

    sealed = plainly(key, home_path, "protect").stdout
    again = plainly(key, home_path, "protect").stdout

    opened = open_installation(home_path, None)
    assert "rotate it" in sealed
    assert again == "the report key is sealed already\n"
    assert not is_plain(opened.home.report_key)
    assert key_id(opened.signing_key.public_key()) == key_id(key_before.public_key())
    opened.engine.dispose()
