"""Every method, probe, locator and connector: one file with a literal card and a source, and a test that names it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from rtbf.plan.card import Kind, read_card

ROOT = Path(__file__).parents[2]
FOLDERS: dict[Kind, str] = {
    "method": "rtbf/unlearn/methods",
    "probe": "rtbf/verify/probes",
    "locator": "rtbf/footprint/locators",
    "connector": "rtbf/corpora/connectors",
}
FILES: list[tuple[Kind, Path]] = [
    (kind, path) for kind, folder in FOLDERS.items() for path in sorted((ROOT / folder).glob("*.py")) if path.stem != "__init__"
]
TESTS = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")) if "architecture" not in path.parts}

each_file = pytest.mark.parametrize(("kind", "path"), FILES, ids=[f"{kind}-{path.stem}" for kind, path in FILES])


def test_every_kind_has_a_file() -> None:
    assert {kind for kind, _ in FILES} == set(FOLDERS)


@each_file
def test_its_card_is_valid_and_names_a_source(kind: Kind, path: Path) -> None:
    card = read_card(kind, path)

    assert card.name == path.stem
    assert len(card.source) > len("see paper")


@each_file
def test_its_card_is_the_first_statement_after_docstring_and_imports(kind: Kind, path: Path) -> None:
    first, *rest = ast.parse(path.read_text(encoding="utf-8")).body

    statement = next(
        node
        for node in rest
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    )

    assert isinstance(first, ast.Expr)
    assert ast.unparse(statement).startswith("CARD")


@each_file
def test_a_test_names_it(kind: Kind, path: Path) -> None:
    # The last form is a name on a line of its own in a long import.
    named = re.compile(
        rf"""(\.{path.stem}\b|import {path.stem}\b|["']{path.stem}["']|^    {path.stem},$|import .*\b{path.stem}\b)""", re.MULTILINE
    )

    naming = [test.name for test, text in TESTS.items() if test.stem == f"test_{path.stem}" or named.search(text)]

    assert naming != []
