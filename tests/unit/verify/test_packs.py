"""An operator's pack is read strictly, and a refusal repeats none of its words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rtbf.errors import BadInput
from rtbf.verify.item_set import SetItem
from rtbf.verify.packs import MAX_BYTES, MAX_ITEMS, MAX_PROMPT, PROBES, read_pack

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "item-packs.md"
RECORD = "0123456789ab:7"
SECRET = "Quillfeather"


def _pack(**changes: Any) -> dict[str, Any]:
    item = {"record": RECORD, "label": "de", "prompt": f"Wo wohnt Ada {SECRET}?", "answer": "In Brenmoor.", "keys": ["Brenmoor"]}
    return {
        "schema": "rtbf.item-pack/1",
        "name": "german",
        "probe": "R6",
        "reads": "reply",
        "licence": "CC0-1.0",
        "items": [item],
    } | changes


def _choice(**changes: Any) -> dict[str, Any]:
    item = {"id": "q1", "label": "geography", "prompt": "Where?", "answer": "Here", "others": ["There", "Nowhere"]} | changes
    return _pack(probe="U3", reads="choice", items=[item])


def _item(**changes: Any) -> dict[str, Any]:
    pack = _pack()
    pack["items"] = [{key: value for key, value in (pack["items"][0] | changes).items() if value is not None}]
    return pack


def _raw(pack: Any) -> bytes:
    return json.dumps(pack, ensure_ascii=False).encode()


def test_a_pack_becomes_an_item_set() -> None:
    item_set = read_pack(_raw(_pack()))

    assert (item_set.name, item_set.reads, item_set.about) == ("pack_german", "reply", "subject")
    assert item_set.items == (
        SetItem(record_id=RECORD, label="de", prompt=f"Wo wohnt Ada {SECRET}?", answer="In Brenmoor.", keys=("Brenmoor",)),
    )
    assert (item_set.samples, item_set.temperature, item_set.blind_auc) == (1, "0", None)


def test_a_general_pack_is_about_others() -> None:
    item_set = read_pack(_raw(_choice()))

    assert (item_set.about, item_set.items[0].record_id, item_set.items[0].others) == ("others", "q1", ("There", "Nowhere"))


@pytest.mark.parametrize("probe", list(PROBES))
def test_every_probe_takes_a_pack_of_its_first_kind(probe: str) -> None:
    kind = PROBES[probe]
    owner = {"record": RECORD} if kind.about == "subject" else {"id": "q1"}
    own: dict[str, dict[str, Any]] = {
        "score": {"answer": "Here"},
        "choice": {"answer": "Here", "others": ["There"]},
        "reply": {"keys": ["Brenmoor"]},
    }

    item_set = read_pack(
        _raw(_pack(probe=probe, reads=kind.reads[0], items=[{**owner, "label": "x", "prompt": "Where?", **own[kind.reads[0]]}]))
    )

    assert item_set.reads == kind.reads[0]


def test_the_page_shows_a_pack_that_is_read_and_names_every_probe() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)

    assert read_pack(example.encode()).name == "pack_german"
    rows = dict(
        re.findall(
            r"^\| `([\w.]+)` \| (`(?:score|choice|reply)`(?:, `(?:score|choice|reply)`)?) \|", page.partition("## An item")[0], re.MULTILINE
        )
    )
    assert {probe: tuple(re.findall(r"\w+", reads)) for probe, reads in rows.items()} == {name: kind.reads for name, kind in PROBES.items()}


@pytest.mark.parametrize(
    ("pack", "expected"),
    [
        ([], "'schema'"),
        (_pack(schema="rtbf.item-pack/2"), "'schema'"),
        (_pack(more="x"), "exactly"),
        ({key: value for key, value in _pack().items() if key != "licence"}, "exactly"),
        (_pack(name="German pack"), "'name'"),
        (_pack(name="../x"), "'name'"),
        (_pack(licence=""), "'licence'"),
        (_pack(licence=3), "'licence'"),
        (_pack(probe="F1"), "'probe'"),
        (_pack(probe=["R6"]), "'probe'"),
        (_pack(reads="score"), "'reads'"),
        (_pack(reads=None), "'reads'"),
        (_pack(items=[]), "'items'"),
        (_pack(items={}), "'items'"),
        (_pack(items=[1] * (MAX_ITEMS + 1)), "'items'"),
        (_pack(items=["x"]), "an object"),
        (_item(more=SECRET), "label, prompt, record"),
        (_item(prompt=None), "label, prompt, record"),
        (_item(record="tkt_01"), "'record'"),
        (_item(record="0123456789ab:0"), "'record'"),
        (_item(label="x" * 41), "'label'"),
        (_item(prompt=""), "1 to 8000"),
        (_item(prompt="  \n"), "1 to 8000"),
        (_item(prompt=SECRET * MAX_PROMPT), "1 to 8000"),
        (_item(keys=[]) | {"probe": "own"}, "1 to 20"),
        (_item(keys=None) | {"probe": "own"}, "keys, label, prompt, record"),
        (_item(keys=["x"]), "2 to 400"),
        (_item(keys=[SECRET]), "keys that only a reply can hold"),
        (_item(keys=["Brenmoor", "Brenmoor"]), "different texts"),
        (_item(keys="Brenmoor"), "a list"),
        (_item(others=["x"]), "at most answer, keys"),
        (_choice(others=[]), "1 to 999"),
        (_choice(others=["Here"]), "all different"),
        (_choice(others=["There", "There"]), "different texts"),
        (_choice(answer=""), "1 to 4000"),
        (_choice(keys=["x y"]), "answer, id, label, others, prompt"),
        (_choice() | {"items": _choice()["items"] * 2}, "different items"),
        (_pack() | {"items": _pack()["items"] * 2}, "different items"),
    ],
)
def test_anything_else_is_refused_without_repeating_it(pack: Any, expected: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_pack(_raw(pack))

    assert expected in refused.value.expected
    assert SECRET not in str(refused.value)
    assert "item-packs.md" in refused.value.remedy


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"schema": 1.5}', b'{"name": "a", "name": "b"}', b" " * (MAX_BYTES + 1)])
def test_what_is_no_strict_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput, match="strict JSON"):
        read_pack(raw)


def test_a_refusal_names_the_item() -> None:
    pack = _pack()
    pack["items"] = [*pack["items"], {"record": RECORD, "label": "de"}]

    with pytest.raises(BadInput, match="item 2 lacks prompt"):
        read_pack(_raw(pack))
