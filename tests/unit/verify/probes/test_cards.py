"""What every probe's file must say of itself, read as text: the checker and the planner read cards without importing."""

from __future__ import annotations

import ast
import importlib
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from rtbf.verify import probes
from rtbf.verify.item_set import Reads

FOLDER = Path(probes.__file__).parent
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")

KEYS = [
    "name",
    "probe_id",
    "title",
    "family",
    "role",
    "unit",
    "higher_is",
    "direction",
    "margin",
    "margin_origin",
    "reads",
    "items",
    "states",
    "baseline",
    "test",
    "needs",
    "profile",
    "min_tokens",
    "proves",
    "does_not_prove",
    "source",
]
LAWFUL = {
    "family": {"gate", "forget", "recovery", "restoration", "utility", "regression"},
    "role": {"primary", "secondary", "reported"},
    "direction": {"two_sided", "lower_is_better", "non_inferior"},
    "baseline": {"control", "chance", "before"},
    # best_rank: the smallest single-item rank p-value, times the number of items (statistics.ranks.min_rank_p).
    "test": {"records", "ranks", "best_rank", "trials", "none"},
    "needs": {"", "adapter", "pack"},
    "profile": {"smoke", "standard", "deep"},
    "reads": set(get_args(Reads)),
}
SETS = {
    "score": {"forget", "holdout", "earlier", "siblings", "held"},
    "choice": {"secrets", "population", "wrong_answers", "multiple_choice", "neighbours", "retain_choices"},
    "reply": {"forms", "jailbreaks", "sampling", "sampling_cool", "in_context", "fluency", "name_refusal", "retain_answers"},
}
STATE = re.compile(
    r"|adapter-off|scale-0\.(25|5|75)|merged-(bf16|int8|nf4)|int8|nf4|pruned-0\.3|relearn-(rtt|benign)@(0|5|10|25|50)"
    r"|lens-half|steered-(0\.5|1|2)|guided-(1|2|4)"
)
STANDARD_LIBRARY_ONLY = re.compile(
    r"__future__|math|itertools|typing|collections\.abc|rtbf\.lm\.(item|choice|reply)_scores|rtbf\.verify\.(probe|observed)"
)

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def _card(path: Path) -> dict[str, Any]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CARD"]
    return dict(ast.literal_eval(found[0]))


def test_every_probe_of_the_protocol_has_a_file() -> None:
    ids = {_card(path)["probe_id"] for path in FILES}

    assert {f"F{number}" for number in range(8)} | {f"R{number}" for number in range(1, 11)} <= ids
    assert {f"U{number}" for number in range(1, 7)} | {"S1", "G1"} <= ids


def test_no_two_probes_share_an_id() -> None:
    ids = [_card(path)["probe_id"] for path in FILES]

    assert sorted(ids) == sorted(set(ids))


@each_file
def test_a_card_has_exactly_its_keys_and_lawful_values(path: Path) -> None:
    card = _card(path)

    assert list(card) == KEYS
    assert card["name"] == path.stem
    assert {key: card[key] for key in LAWFUL if card[key] not in LAWFUL[key]} == {}
    assert all(card[key].strip() for key in ("title", "unit", "higher_is", "margin_origin", "proves", "does_not_prove", "source"))
    assert isinstance(card["min_tokens"], int)
    assert card["min_tokens"] >= 0
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", card["margin"])


@each_file
def test_a_card_names_known_sets_and_states(path: Path) -> None:
    card = _card(path)
    known = set.union(*SETS.values()) if "+" in card["items"] else SETS[card["reads"]]

    assert all(name in known or name.startswith("pack_") for name in card["items"].split("+"))
    assert isinstance(card["states"], list)
    assert [state for state in card["states"] if not STATE.fullmatch(state)] == []
    assert len(set(card["states"])) == len(card["states"]) > 0


@each_file
def test_a_card_keeps_its_words(path: Path) -> None:
    """A probe that decides has a margin and a test; one that needs a pack or an adapter reads it; ranks are against chance."""
    card = _card(path)

    if card["role"] != "reported" and card["family"] != "gate":
        assert Decimal(card["margin"]) > 0
        assert card["test"] != "none"
    if card["items"].startswith("pack_"):
        assert card["needs"] == "pack"
    if any(state.startswith(("adapter", "scale", "merged")) for state in card["states"]):
        assert card["needs"] == "adapter"
    assert (card["test"] in {"ranks", "best_rank"}) == (card["baseline"] == "chance")
    assert (card["direction"] == "non_inferior") == (card["family"] in {"utility", "restoration"})


@each_file
def test_a_file_measures_in_one_way(path: Path) -> None:
    """Items by `value`, or whole sets by `summary`; the gate is counted by the verifier and has neither."""
    probe = importlib.import_module(f"{probes.__name__}.{path.stem}")
    ways = {name for name in ("value", "summary") if hasattr(probe, name)}

    assert ways == (set() if path.stem == "artefact_identity" else {"summary"} if probe.CARD["test"] == "none" else {"value"})
    if len(probe.CARD["states"]) > 1:
        assert hasattr(probe, "combine")


@each_file
def test_a_file_wakes_neither_numpy_nor_torch(path: Path) -> None:
    """Imports at the top are the standard library's; statistics are imported where a p-value is asked for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]

    imported = {node.module if isinstance(node, ast.ImportFrom) else name.name for node in at_top for name in node.names}

    assert {name for name in imported if not STANDARD_LIBRARY_ONLY.fullmatch(str(name))} == set()
