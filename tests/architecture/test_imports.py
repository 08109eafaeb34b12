"""Time's arrow: the import contracts hold, and a deliberately broken import is caught by the contract meant for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]

BREAKS = {
    "Time's arrow": ("rtbf/verify/record.py", "import rtbf.report.record"),
    "Stages are entered by the executor only": ("rtbf/pipeline.py", "import rtbf.footprint.run"),
    "What a stage works on is laid out for the executor only": ("rtbf/cli/work.py", "import rtbf.material.planning"),
    "Models are made for the terminal, the story and the executor's side": ("rtbf/pipeline.py", "import rtbf.foundry.training"),
    "The executor belongs to the terminal and the workers": ("rtbf/api/app.py", "import rtbf.executor"),
    "Settings are read at the edges only": ("rtbf/store/engine.py", "import rtbf.config"),
    "Logs are set up at the edges only": ("rtbf/pipeline.py", "import rtbf.logs"),
    "Methods do not know each other": ("rtbf/unlearn/methods/npo.py", "import rtbf.unlearn.methods.noop"),
    "Probes do not know each other": ("rtbf/verify/probes/retain_loss.py", "import rtbf.verify.probes.answer_probability"),
    "Connectors do not know each other": ("rtbf/corpora/connectors/text.py", "import rtbf.corpora.connectors.jsonl"),
    "The officer's, auditor's and API's side runs without the ML stack": ("rtbf/plan/card.py", "import torch"),
    "Stages and tools know neither database, queue, web nor terminal": ("rtbf/ticket/intake.py", "import sqlalchemy"),
    "Only the edges know web and terminal": ("rtbf/pipeline.py", "import click"),
    "Edges and executor write no SQL": ("rtbf/api/app.py", "import sqlalchemy"),
    "Only workers speak Celery": ("rtbf/pipeline.py", "import celery"),
}
"""Contract → a file of ours and the one line that must break it."""

STAGES = ("ticket", "footprint", "plan", "unlearn", "verify", "report")

MAY_READ_BEYOND_RECORDS = {
    ("report", "rtbf.verify.verdict"): "the offline checker recomputes the decision (DESIGN §3); standard library only",
    ("report", "rtbf.verify.claim"): "and the words it permits; standard library only",
    ("report", "rtbf.verify.codes"): "and what its codes mean; standard library only",
    ("report", "rtbf.verify.item_log"): "the offline checker reads a disclosed item log",
    ("report", "rtbf.verify.probe"): "what a probe is, for annotations",
    ("report", "rtbf.verify.measure"): "and computes the probes from it again by the verifier's arithmetic; no torch",
    ("report", "rtbf.verify.observed"): "what a disclosed log holds, for annotations",
    (
        "report",
        "rtbf.verify.passes",
    ): "which passes the planned probes need: none may be missing from a disclosed log; standard library only",
    ("report", "rtbf.verify.probes"): "pure arithmetic on what was observed, found by listing the folder; no torch",
    **{
        ("report", f"rtbf.verify.frozen.{name}"): "what reports of earlier releases were judged and computed by, kept for ever; no torch"
        for name in ("claim_v1", "item_log_v2", "measure_v1", "probes_v1", "record_v1", "statistics_v1", "verdict_v1")
    },
    ("report", "rtbf.plan.approval"): "the offline checker counts approvals by the pipeline's own rule; standard library only",
    ("report", "rtbf.ticket.codes"): "the printed view tells what a code means in the words of the table of codes",
    ("unlearn", "rtbf.plan.stop"): "the plan's own rule, read for fewer items when something was withheld; no number is chosen there",
    ("unlearn", "rtbf.plan.card"): "the registry, which knows nothing of planning: load the plan's method",
    ("verify", "rtbf.plan.card"): "and the plan's probes",
    ("verify", "rtbf.plan.profile"): "which profile asks an operator's pack; a table",
}
"""(stage, module of an earlier stage) → why it may read more than the record."""


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    # The copy must be found before the checkout, which is installed in editable mode.
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, text=True)


def _copied(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("rtbf", "workers"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What lint-imports says of a copy of the tree into which every forbidden import was written."""
    folder = _copied(tmp_path_factory.mktemp("broken"))
    for file, line in BREAKS.values():
        with (folder / file).open("a", encoding="utf-8") as copy:
            copy.write(f"\n{line}\n")
    return _lint(folder)


def test_every_module_at_the_top_has_a_place_in_times_arrow() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    arrow = next(contract for contract in contracts if contract["name"] == "Time's arrow")

    placed = {name.strip("() ") for layer in arrow["layers"] for name in layer.split("|")}

    there = {f"rtbf.{path.stem}" for path in (ROOT / "rtbf").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - {"rtbf.__init__"} - placed == set()


def test_the_contracts_hold(tmp_path: Path) -> None:
    done = _lint(_copied(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize("contract", BREAKS)
def test_a_broken_import_is_caught_by_its_contract(broken: subprocess.CompletedProcess[str], contract: str) -> None:
    said = [line for line in broken.stdout.splitlines() if line.startswith(contract)]

    assert broken.returncode == 1
    assert any("BROKEN" in line for line in said), broken.stdout


def test_a_later_stage_reads_an_earlier_one_through_its_record_only() -> None:
    graph = grimp.build_graph("rtbf", cache_dir=None)

    beyond = {
        (_stage(importer), imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if _stage(importer) is not None and _stage(imported) not in {None, _stage(importer)} and not imported.endswith(".record")
    }

    assert beyond - set(MAY_READ_BEYOND_RECORDS) == set()


def _stage(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in STAGES else None
