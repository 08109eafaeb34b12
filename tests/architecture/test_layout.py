"""The shape of the tree, held by reading it: prose rules drift (specs/anchors/codebases.md counts how far)."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for top in ("rtbf", "workers") for path in (ROOT / top).rglob("*.py"))
OURS = sorted(
    path
    for top in ("rtbf", "workers", "migrations", "tests", "deploy", "benchmarks", "compliance", "docs")
    for path in (ROOT / top).rglob("*.py")
)

BANNED_FILE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "core", "tools"}
BANNED_VERBS = {"process", "handle", "do", "manage", "perform"}
MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 80

_UNFINISHED_WORDS = ("TO-DO", "FIX-ME", "XX-X", "NotImplemented-Error", "for- now", "simpli-fied")
"""With a hyphen each, so that this file does not accuse itself."""

UNFINISHED = re.compile("|".join(word.replace("-", "") for word in _UNFINISHED_WORDS))

NAMED_BY_LIBRARIES = {"process_bind_param", "process_result_value", "handle_RCPT", "handle_DATA"}
"""SQLAlchemy calls the first two on a column type, aiosmtpd the others on a mail server of the tests."""


def _named(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_the_tree_is_found() -> None:
    names = _named(SHIPPED)

    assert "rtbf/pipeline/moves.py" in names
    assert "workers/__init__.py" in names


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.name == "__init__.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_an_init_file_is_a_docstring_and_nothing_else(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body

    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
    assert isinstance(body[0].value.value, str)


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {path.parent for path in SHIPPED}

    assert _named([folder for folder in folders if not (folder / "__init__.py").is_file()]) == []


def test_no_file_or_folder_has_a_grab_bag_name() -> None:
    grab_bags = [path for path in OURS if BANNED_FILE_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)]

    assert _named(grab_bags) == []


def test_no_function_has_an_empty_verb() -> None:
    empty = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in OURS
        for node in _functions(path)
        if node.name.strip("_").split("_")[0] in BANNED_VERBS and node.name not in NAMED_BY_LIBRARIES
    ]

    assert empty == []


def test_no_module_is_longer_than_the_limit() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in OURS}

    assert [f"{name}: {lengths[ROOT / name]}" for name in _named(OURS) if lengths[ROOT / name] > MAX_MODULE_LINES] == []


def test_no_function_is_longer_than_the_limit() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in OURS
        for node in _functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]

    assert long == []


def test_nothing_says_that_it_is_unfinished() -> None:
    unfinished = [
        f"{path.relative_to(ROOT)}:{number} {found.group()}"
        for path in OURS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (found := UNFINISHED.search(line))
    ]

    assert unfinished == []


def test_every_module_has_its_place_in_times_arrow() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    arrow = next(contract for contract in contracts if contract["name"] == "Time's arrow")
    placed = {name for layer in arrow["layers"] for name in re.findall(r"[\w.]+", layer)}

    children = {f"rtbf.{path.stem}" for path in (ROOT / "rtbf").glob("*.py") if path.stem != "__init__"}
    children |= {f"rtbf.{path.parent.name}" for path in (ROOT / "rtbf").glob("*/__init__.py")}

    assert children - placed == set()


def test_records_hold_no_floats() -> None:
    records = [*sorted((ROOT / "rtbf").glob("*/record.py")), ROOT / "rtbf" / "corpora" / "corpus.py"]

    floats = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in records
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AnnAssign) and any(isinstance(part, ast.Name) and part.id == "float" for part in ast.walk(node.annotation))
    ]

    assert len(records) > 6
    assert floats == []


def test_records_are_frozen_keyword_only_slots() -> None:
    records = sorted((ROOT / "rtbf").glob("*/record.py"))

    loose = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in records
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and [ast.unparse(decorator) for decorator in node.decorator_list] != ["dataclass(frozen=True, kw_only=True, slots=True)"]
    ]

    assert loose == []


def test_blind_except_stands_only_at_the_edges_of_a_process() -> None:
    edges = {"rtbf/api/guard.py", "rtbf/cli/errors.py", "workers/nudge.py"}
    # A third party's probe may raise anything; that is INCONCLUSIVE with PROBE_ERROR, neither a crash nor a pass.
    edges.add("rtbf/verify/measure.py")
    # And so may a model in a state that it was not made for: the pass is logged as failed, and its probes are inconclusive.
    edges.add("rtbf/verify/arms.py")
    # One step of upkeep that breaks must not keep other people's keys alive; the edge reports it by name and exits with 5.
    edges.add("rtbf/pipeline/upkeep.py")

    blind = {
        path.relative_to(ROOT).as_posix()
        for path in SHIPPED
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not any(isinstance(part, ast.Raise) for part in ast.walk(node))
    }

    assert blind - edges == set()
