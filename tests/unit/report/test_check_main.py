"""`rtbf-check` on files: what FILE may be, how the outcome is printed, and bad input of every kind."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rtbf.evidence.keys import fingerprint, key_id
from rtbf.report.bundle import write_bundle
from rtbf.report.check.main import main
from rtbf.report.check.outcome import outcome_as_text
from rtbf.report.check.run import STEPS, check_bundle
from tests import builders, bundles
from tests.bundles import Tree, leaves_of, signed_head, story

if TYPE_CHECKING:
    from pathlib import Path

GOOD = bundles.good_bundle()
ROOT = key_id(builders.root_key().public_key())
LEAVES = leaves_of(story())


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An auditor's folder with everything in it."""
    unpacked = tmp_path / "bundle"
    for name, content in GOOD.items():
        (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).write_bytes(content)
    older = Tree(LEAVES[:5])
    files = {
        "bundle.zip": write_bundle(GOOD),
        "trust.json": bundles.trust_bytes(),
        "report.dsse.json": GOOD["report.dsse.json"],
        "receipt.json": bundles.receipt(),
        "head.note": signed_head(older.head()).encode(),
        "forked.note": signed_head(Tree(LEAVES[1:]).head()).encode(),
        "proof.txt": Tree([*LEAVES, GOOD["events.jsonl"].splitlines()[-1]]).consistency(5),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def run(desk: Path, file: str, *more: str) -> int:
    return main([str(desk / file), "--trust", str(desk / "trust.json"), *more])


@pytest.mark.parametrize("file", ["bundle.zip", "bundle", "report.dsse.json", "receipt.json"])
def test_a_good_file_of_each_kind_is_good(file: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(desk, file)

    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("result     ok: ")


@pytest.mark.parametrize("file", ["bundle.zip", "bundle"])
def test_an_archive_and_its_folder_say_the_same(file: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(desk, file, "--json")

    printed = json.loads(capsys.readouterr().out)
    assert (printed["kind"], printed["status"], printed["head"]["size"]) == ("bundle", "ok", 13)
    assert [step["name"] for step in printed["steps"]] == list(STEPS)
    assert [step["status"] for step in printed["steps"]] == [
        "ok", "ok", "ok", "ok", "ok", "ok", "not decided", "ok", "ok", "ok", "not decided", "not decided",
    ]  # fmt: skip


@pytest.mark.parametrize("written", [ROOT, ROOT.removeprefix("sha256:").upper(), fingerprint(ROOT)])
def test_a_root_may_be_typed_as_it_is_printed(written: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(desk, "bundle.zip", "--root", written, "--min-trust-version", "2")

    assert code == 0
    assert "signed by the root that you named" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "option"),
    [("bundle.zip", "--token"), ("receipt.json", "--token"), ("receipt.json", "--items"), ("receipt.json", "--artefact")],
)
def test_an_option_that_would_be_passed_over_is_wrong_usage(file: str, option: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(desk / file), "--trust", str(desk / "trust.json"), option, str(desk / "trust.json")])

    assert ended.value.code == 2
    assert f"{option}: of no use beside" in capsys.readouterr().err


def test_half_a_fingerprint_is_wrong_usage(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(desk, "bundle.zip", "--root", ROOT[:20])

    assert stopped.value.code == 2
    assert "64 hexadecimal digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--head", "head.note", "--consistency", "proof.txt"), 0, "of the same ledger"),
        (("--head", "head.note"), 3, "step 'heads' could not be decided"),
        (("--head", "forked.note", "--consistency", "proof.txt"), 1, "step 'heads' did not hold"),
        (("--receipt", "receipt.json"), 0, "the receipt is of the first of them"),
        (("--root", "00" * 32), 3, "step 'trust' could not be decided"),
        (("--min-trust-version", "3"), 3, "step 'trust' could not be decided"),
        (("--items", "head.note"), 1, "step 'items' did not hold"),
        (("--artefact", "bundle"), 1, "step 'files' did not hold"),
        (("--artefact", "nowhere"), 3, "step 'files' could not be decided"),
        (("--pdf", "head.note"), 1, "step 'sealing' did not hold"),
        (("--head", "nowhere"), 3, ""),
    ],
)
def test_what_else_is_handed_over_is_used(
    more: tuple[str, ...], code: int, said: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [str(desk / each) if (desk / each).exists() or each == "nowhere" else each for each in more]

    given = run(desk, "bundle.zip", *named)

    assert given == code
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"PK", b"PK\x03\x04", write_bundle(GOOD)[:1000], write_bundle(GOOD)[:-1], b"[" * 100_000, b'{"a":1,"a":2}', b'{"a":NaN}',
        b"\xff\xfe\x00", "{}".encode("utf-16"), b'"schema":"rtbf.receipt/1"}',
        b"%PDF-1.7", b"\0" * 1000, b"null", b'{"payload":"","payloadType":"","signatures":[]}',
    ],
)  # fmt: skip
def test_bad_input_ends_in_a_named_step_and_never_in_a_traceback(raw: bytes, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "bad").write_bytes(raw)

    code = run(desk, "bad")

    assert code == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "result     bad: step 'form' did not hold"
    assert "Traceback" not in said.out + said.err


def test_a_bundle_with_a_missing_file_ends_at_the_first_step(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "bundle" / "checkpoint").unlink()

    code = run(desk, "bundle")

    assert code == 1
    assert "a bundle without checkpoint" in capsys.readouterr().out


def test_a_file_larger_than_any_bundle_is_not_read_whole(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (desk / "huge").open("wb") as file:
        file.write(b"PK")
        file.truncate(129 << 20)

    code = run(desk, "huge")

    assert code == 1
    assert "larger than 134217728 bytes" in " ".join(capsys.readouterr().out.split())


def test_lines_fit_a_terminal_and_hide_no_control_characters(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(desk, "bundle.zip")

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 120 and "sha256:" not in line] == []
    assert all(mark.isprintable() for line in lines for mark in line)


@pytest.mark.parametrize(("width", "fits"), [(20, 60), (80, 80), (100, 100), (400, 118)])
def test_the_lines_keep_to_a_narrower_terminal(width: int, fits: int) -> None:
    text = outcome_as_text(check_bundle(GOOD, bundles.trust_bytes()), width)

    # A word that is longer than the room stays whole: a digest is to be copied.
    assert [line for line in text.splitlines() if len(line) > fits and len(line.split()) > 4 and not line.startswith("result")] == []


def test_a_receipt_as_the_api_hands_it_out_is_known_for_one(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = json.loads((desk / "receipt.json").read_bytes())
    (desk / "answer.json").write_text(json.dumps({name: parts[name] for name in ("schema", "leaf", "proof")}, indent=2) + "\n")

    code = run(desk, "answer.json")

    assert code == 0
    assert "was received at" in " ".join(capsys.readouterr().out.split())


def test_as_a_program_it_needs_no_service_and_no_extras(desk: Path) -> None:
    command = f"import sys; sys.argv[1:] = [{str(desk / 'bundle.zip')!r}, '--trust', {str(desk / 'trust.json')!r}]"
    heavy = ("pyhanko", "rfc3161_client", "urllib.request", "numpy", "scipy", "sqlalchemy", "click", "pydantic")
    told = f"print([name for name in {heavy!r} if name in sys.modules], code)"
    program = f"{command}\nfrom rtbf.report.check.main import main\ncode = main()\n{told}"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)

    assert done.stdout.splitlines()[-1] == "[] 0", done.stderr
