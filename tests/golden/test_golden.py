"""Good bundles stay good for ever, and every tampered twin is refused at the step that its folder names.

The checker runs as its users run it: the real command with its arguments. The page docs/reference/attacks.md is made from
the same runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.attacks import ATTACKS, GOLDEN, NOT_COVERED, arguments_of, attacks_page, check_folder, golden_names
from rtbf.report.check.main import main
from rtbf.report.check.run import STEPS
from tests.attacks.table import attacks, folder_name, good_folders, write_folder

if TYPE_CHECKING:
    from tests.attacks.record import Attack

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "attacks.md"
NAMES = golden_names()
TWINS = tuple(name for name in NAMES if name.endswith("_fail"))
OTHERS = tuple(name for name in NAMES if not name.endswith("_fail"))
_OF_THIRD = "failed folder kept-heads newer-trust restarted revoked-since small stamped-later superseded superseding whole witnessed demo"
_OF_FOURTH = "failed folder kept-heads newer-trust restarted revoked-since small stamped-later superseded superseding whole witnessed"
EARLIER = frozenset(
    {
        *("report-v1", "report-v2", "report-v3-items", "report-v4-items", "report-v5-items", "bundle-v3", "bundle-v4", "bundle-v5"),
        *(f"bundle-v3-{name}" for name in _OF_THIRD.split()),
        *(f"bundle-v{version}-{name}" for version in (4, 5) for name in _OF_FOURTH.split()),
        "bundle-v5-retrained",
    }
)
"""Issued by earlier releases, whose code is gone, or by the whole program with real models: no table makes them."""


@pytest.mark.parametrize("name", OTHERS)
def test_a_good_folder_is_accepted(name: str) -> None:
    checked = check_folder(name)

    steps = checked.outcome["steps"]
    assert (checked.exit_code, checked.outcome["status"]) == (0, "ok")
    assert [step["name"] for step in steps if step["status"] != "ok"] == checked.expected["undecided"]
    assert checked.outcome["superseded_by"] == checked.expected["superseded_by"]


@pytest.mark.parametrize("name", TWINS)
def test_a_tampered_twin_is_refused_at_its_step(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    checked = check_folder(name)
    told = checked.expected

    assert (checked.exit_code, checked.outcome["status"], checked.step) == (told["exit_code"], told["status"], told["step"])
    statuses = [step["status"] for step in checked.outcome["steps"]]
    place = STEPS.index(told["step"])
    assert statuses[place] == ("failed" if told["exit_code"] == 1 else "not decided")
    assert "failed" not in statuses[:place]
    assert set(statuses[place + 1 :]) <= {"not decided"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", TWINS)
def test_the_refusal_is_printed_with_the_steps_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exit_code = main(arguments_of(name))

    told, said = check_folder(name).expected, capsys.readouterr()
    lines = said.out.splitlines()
    assert exit_code == told["exit_code"]
    assert [word for word in STEPS if any(line[4:].startswith(f"{word} ") for line in lines)] == list(STEPS)
    assert f"step '{told['step']}'" in lines[-1]
    assert "Traceback" not in said.out + said.err


def test_table_and_folders_are_of_one_mind() -> None:
    """A folder without an attack was renamed by mistake; an attack without a folder was never frozen."""
    made = {folder_name(attack): attack for attack in attacks()}

    assert len(made) == len(attacks())
    assert set(made) == set(TWINS)
    assert {folder_name(good) for good in good_folders()} | EARLIER == set(OTHERS)
    for name, attack in made.items():
        told = check_folder(name).expected
        assert (told["attack"], told["holds"], tuple(told["numbers"])) == (attack.done, attack.holds, attack.numbers)
        assert (told["step"], told["status"]) == (attack.step, attack.status)


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_an_attack_made_anew_is_refused_at_the_same_step(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frozen folders show that old bundles are still refused; this, that the bundles made by the code of the day are too."""
    write_folder(tmp_path / folder_name(attack), attack)
    monkeypatch.setattr("docs.attacks.GOLDEN", tmp_path)

    checked = check_folder.__wrapped__(folder_name(attack))

    assert (checked.outcome["status"], checked.step) == (attack.status, attack.step)


def test_every_attack_of_the_threat_model_has_a_twin_or_is_named_as_not_covered() -> None:
    numbered = {number for name in TWINS for number in check_folder(name).expected["numbers"]}

    assert numbered | set(NOT_COVERED) == set(ATTACKS)
    assert numbered & set(NOT_COVERED) == set()
    assert len(TWINS) >= 100


def test_every_step_refuses_something() -> None:
    refusing = {check_folder(name).step for name in TWINS}

    assert refusing == set(STEPS)


def test_the_page_tells_what_these_runs_gave() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert "\n".join(attacks_page()) in page, "run `make docs`"


def test_golden_folders_are_no_larger_than_a_clone_can_bear() -> None:
    size_bytes = sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file() and not path.is_symlink())

    assert size_bytes < 12_000_000
