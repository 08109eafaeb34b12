"""`rtbf report` and `rtbf check`: what is handed out passes, and what was tampered with does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.report import check, report
from rtbf.config import Settings
from rtbf.report.check.main import _parser as checkers_parser
from tests.desk import open_desk
from tests.issued import issue

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation


@pytest.fixture
def handed_out(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that `rtbf report` wrote for a ticket with a verdict."""
    desk = open_desk(installation).locate().erase().plan().approve().unlearn()
    issue(desk)
    monkeypatch.setattr(CliContext, "open_installation", lambda _: installation)
    out = tmp_path / "outgoing"
    context = CliContext(home=installation.home.path, actor="otto", is_json=False, settings=Settings())
    done = CliRunner().invoke(report, [desk.ticket_id, "--out", str(out)], obj=context, catch_exceptions=False)
    (tmp_path / "said").write_text(done.output)
    return out


def checked(file: Path, trust: Path, *more: str) -> tuple[int, str]:
    context = CliContext(home=file.parent, actor="otto", is_json=False, settings=Settings())
    done = CliRunner().invoke(check, [str(file), "--trust", str(trust), *more], obj=context, standalone_mode=False)
    return done.return_value, done.output


def test_the_bundle_lies_beside_what_people_look_at_first(handed_out: Path) -> None:
    names = sorted(path.name for path in handed_out.iterdir())

    assert names == ["bundle.zip", "report.dsse.json", "report.pdf", "trust.json"]
    said = (handed_out.parent / "said").read_text()
    assert "checked here: ok: 9 of 12 steps hold" in said
    assert "without report.dsse.json.tsr: no time-stamping authority is set (RTBF_TSA_URL)" in " ".join(said.split())
    assert "without report.pdf" not in said
    assert f"rtbf-check {handed_out / 'bundle.zip'} --trust" in " ".join(said.replace("\\\n", " ").split())
    assert str(handed_out / "bundle.zip") in said.splitlines()


def test_what_was_handed_out_passes_the_check(handed_out: Path) -> None:
    code, said = checked(handed_out / "bundle.zip", handed_out / "trust.json")

    assert code == 0
    assert "result     ok: 9 of 12 steps hold" in said


def test_what_was_changed_after_handing_out_does_not_pass(handed_out: Path) -> None:
    envelope = handed_out / "report.dsse.json"
    told = json.loads(envelope.read_bytes())
    told["payload"] = told["payload"][:-8] + "AAAA" + told["payload"][-4:]
    envelope.write_text(json.dumps(told, separators=(",", ":"), sort_keys=True))

    code, said = checked(envelope, handed_out / "trust.json")

    assert code == 1
    assert "step 'signature' did not hold" in said


def test_the_command_knows_every_option_of_the_checker() -> None:
    theirs = {option for action in checkers_parser()._actions for option in action.option_strings} - {"-h", "--help", "--json"}  # noqa: SLF001 - argparse has no other way

    ours = {option for parameter in check.params for option in parameter.opts if option.startswith("--")}

    assert ours == theirs
