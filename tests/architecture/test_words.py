"""No sentence that the program can say claims more than was shown."""

from __future__ import annotations

import ast
import re
from itertools import product
from pathlib import Path

import pytest

from rtbf.verify.claim import ALWAYS_STATED, FORBIDDEN, claim_text
from rtbf.verify.codes import CODE_MEANINGS

ROOT = Path(__file__).parents[2]

NAMES_OF_THE_CLASS = ("guarantee class", "guarantee_requested", "--guarantee", "guarantee_class")
"""The one lawful use of "guarantee": the name of the scale, which is not a claim."""

SPEAKING = sorted(
    path for folder in ("api", "cli", "report", "verify", "demo", "notice") for path in (ROOT / "rtbf" / folder).rglob("*.py")
)
LETTERS = sorted(path for path in (ROOT / "rtbf" / "notice" / "templates").rglob("*") if path.is_file())
TEMPLATES = [*sorted(path for suffix in ("typ", "html", "j2") for path in (ROOT / "rtbf").rglob(f"*.{suffix}")), *LETTERS]

NOT_IN_A_LETTER = (
    "compliant",
    "guarantee",
    "permanently erased",
    "for good",
    "garanti",
    "gewährleist",
    "konform",
    "endgültig",
    "dauerhaft gelöscht",
    "unwiderruflich",
    "anonym",
)
"""Promises that no letter to a person makes, in the languages of the letters; field names are not words of a letter."""


def _claims_too_much(text: str) -> list[str]:
    told = text.casefold()
    for name in NAMES_OF_THE_CLASS:
        told = told.replace(name, "")
    return [phrase for phrase in FORBIDDEN if phrase in told]


def _spoken(path: Path) -> list[ast.Constant]:
    """Return the text constants of a module, less docstrings and the list of forbidden phrases itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {
        id(part)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "FORBIDDEN" for target in node.targets))
        for part in ast.walk(node)
    }
    return [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent]


@pytest.mark.parametrize(("status", "awarded"), list(product(("PASS", "FAIL", "INCONCLUSIVE"), ("approximate", "suppression", "none"))))
def test_no_generated_claim_holds_a_forbidden_phrase(status: str, awarded: str) -> None:
    claim = claim_text(status, awarded, tuple(f"F1:{code}" for code in CODE_MEANINGS), (), ())

    assert len(claim) > 20
    assert _claims_too_much(claim) == []


def test_what_is_always_stated_holds_no_forbidden_phrase() -> None:
    assert [phrase for sentence in ALWAYS_STATED for phrase in _claims_too_much(sentence)] == []


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_that_a_person_may_read_claims_too_much(path: Path) -> None:
    claims = [f"line {node.lineno}: {phrase}" for node in _spoken(path) for phrase in _claims_too_much(str(node.value))]

    assert claims == []


def test_no_template_claims_too_much() -> None:
    claims = {path.relative_to(ROOT).as_posix(): _claims_too_much(path.read_text(encoding="utf-8")) for path in TEMPLATES}

    assert len(claims) > len(LETTERS) > 20
    assert {name: found for name, found in claims.items() if found} == {}


@pytest.mark.parametrize("path", LETTERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_letter_promises_what_was_not_shown(path: Path) -> None:
    told = re.sub(r"\{[{%].*?[%}]\}", "", path.read_text(encoding="utf-8")).casefold()

    assert [phrase for phrase in NOT_IN_A_LETTER if phrase in told] == []


@pytest.mark.parametrize("sentence", ["It was Permanently Deleted.", "We guarantee removal.", "The data cannot be recovered"])
def test_the_measure_sees_a_claim(sentence: str) -> None:
    assert len(_claims_too_much(sentence)) == 1
