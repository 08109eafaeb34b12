"""The wheel holds what an installation outside the checkout needs, and nothing of ours that it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree, without a network: the build back-end is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("rtbf-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The files of the wheel."""
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files as pip would lay them out, far from the checkout."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(folder)
    return folder


def installed(unpacked: Path, *arguments: str, home: Path, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `rtbf …` from the unpacked wheel, with `without` made impossible to import, as in an environment that lacks them."""
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(unpacked)!r})\n"
        f"sys.modules.update(dict.fromkeys({without!r}))\n"
        "import rtbf.cli.main as main\n"
        f"assert main.__file__.startswith({str(unpacked)!r}), main.__file__\n"
        "main.run()\n"
    )
    environment = {"PATH": os.environ["PATH"], "RTBF_HOME": str(home), "RTBF_ACTOR": "olga"}
    command = [sys.executable, "-I", "-c", program, *arguments]
    return subprocess.run(command, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)


def test_every_file_of_the_packages_is_inside(names: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for top in ("rtbf", "workers")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert "rtbf/py.typed" in files
    assert files - names == set()


def test_migrations_travel_inside_the_package(names: set[str]) -> None:
    migrations = {f"rtbf/store/migrations/{path.relative_to(ROOT / 'migrations')}" for path in (ROOT / "migrations").rglob("*.py")}

    assert "rtbf/store/migrations/env.py" in migrations
    assert migrations - names == set()


def test_the_report_template_is_inside(names: set[str]) -> None:
    assert [name for name in names if name.startswith("rtbf/report/pdf/") and name.endswith(".typ")] != []


def test_tests_and_benchmarks_stay_outside(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"rtbf", "workers"}


def test_a_wheel_far_from_the_checkout_makes_a_home_and_stops_at_planning_without_torch(unpacked: Path, tmp_path: Path) -> None:
    home, letters = tmp_path / "home", tmp_path / "letters.jsonl"
    letters.write_text('{"text": "Jo Quillfeather lives at 555-0142."}\n')
    weights = ("accelerate", "peft", "torch", "transformers")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return installed(unpacked, *arguments, home=home, without=weights)

    made = [run("init"), run("db", "upgrade"), run("corpus", "add", "letters", str(letters))]
    submitted = run("--json", "submit", "--name", "Jo Quillfeather", "--identity", "in_person")
    located = run("--json", "run", json.loads(submitted.stdout)["ticket_id"])
    trained = run("model", "train", "tiny", "--corpus", "letters")

    assert [done.returncode for done in made] == [0, 0, 0], made
    assert json.loads(located.stdout)["state"] == "planning"  # found in the corpus; no model is known to have learned it
    assert (trained.returncode, "pip install 'rtbf[ml]'" in trained.stderr) == (1, True)


def test_a_service_command_without_its_extra_names_the_extra(unpacked: Path, tmp_path: Path) -> None:
    assert installed(unpacked, "init", home=tmp_path / "home").returncode == 0

    swept = installed(unpacked, "sweep", home=tmp_path / "home", without=("kombu", "celery", "redis"))

    assert (swept.returncode, "pip install 'rtbf[service]'" in swept.stderr) == (1, True), swept.stderr
