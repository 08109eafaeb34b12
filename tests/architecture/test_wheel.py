"""The wheel holds what an installation outside the checkout needs, and nothing of ours that it does not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel built from this tree, without a network: the build back-end is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("rtbf-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


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
