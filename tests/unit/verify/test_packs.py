"""An operator's pack is read strictly, and a refusal repeats none of its words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rtbf.errors import BadInput
from rtbf.plan.card import probe_cards
from rtbf.verify.item_set import SetItem
from rtbf.verify.packs import LEAST_PROFILE, MAX_BYTES, MAX_ITEMS, MAX_PROMPT, OTHER_RECORD, PROBES, read_pack, read_packs

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


def _smallest(probe: str, name: str = "x") -> dict[str, Any]:
    """Return a pack of one item that has what the page asks of one for this probe."""
    kind = PROBES[probe]
    parts: dict[str, dict[str, Any]] = {"score": {"answer": "Here"}, "choice": {"answer": "Here", "others": ["There"]}, "reply": {}}
    item = {"record": RECORD} if kind.about == "subject" else {"id": "q1"}
    item |= {"label": "x", "prompt": "Where?", **parts[kind.reads]} | ({"keys": ["Brenmoor"]} if kind.counts_keys else {})
    return _pack(name=name, probe=probe, reads=kind.reads, items=[item])


def test_a_pack_becomes_its_probes_item_set_whatever_it_is_called() -> None:
    item_set = read_pack(_raw(_pack()))

    assert (item_set.name, item_set.reads, item_set.about) == ("pack_r6", "reply", "subject")
    assert item_set.items == (
        SetItem(record_id=RECORD, label="de", prompt=f"Wo wohnt Ada {SECRET}?", answer="In Brenmoor.", keys=("Brenmoor",)),
    )
    assert (item_set.samples, item_set.temperature, item_set.blind_auc) == (1, "0", None)


def test_a_general_pack_is_about_others() -> None:
    item_set = read_pack(_raw(_choice()))

    assert (item_set.about, item_set.items[0].record_id, item_set.items[0].others) == ("others", "q1", ("There", "Nowhere"))


@pytest.mark.parametrize("probe", list(PROBES))
def test_every_probe_takes_a_pack_read_in_its_way_and_no_other(probe: str) -> None:
    kind, pack = PROBES[probe], _smallest(probe)

    assert (read_pack(_raw(pack)).name, read_pack(_raw(pack)).reads) == (kind.items, kind.reads)
    for reads in {"score", "choice", "reply"} - {kind.reads}:
        with pytest.raises(BadInput, match=f"a pack for {probe} that is read in another way; expected 'reads' as {kind.reads}"):
            read_pack(_raw(pack | {"reads": reads}))


def test_every_pack_has_just_one_probe_that_reads_it_so_and_every_probe_that_needs_one_has_it() -> None:
    """A set that no probe reads would be asked for nothing, or not at all; one that nobody can supply never measured."""
    cards = [card for card in probe_cards().values() if card.needs == "pack"]

    assert sorted((card.items, card.reads) for card in cards) == sorted((kind.items, kind.reads) for kind in PROBES.values())
    assert {card.items: card.probe_id for card in cards} == {
        kind.items: "F6.own" if probe == "own" else probe for probe, kind in PROBES.items()
    }
    assert {card.profile for card in cards} == {LEAST_PROFILE}


@pytest.mark.parametrize("probe", [probe for probe, kind in PROBES.items() if kind.reads == "reply"])
def test_keys_must_stand_where_the_probe_counts_them_and_nowhere_else(probe: str) -> None:
    """U5 counts replies without a key: with no keys at all every model would fail alike, and the probe would pass."""
    with_keys, without = _smallest(probe), _smallest(probe)
    with_keys["items"][0]["keys"] = ["Brenmoor"]
    without["items"][0].pop("keys", None)
    good, bad = (with_keys, without) if probe in {"R6", "U5", "own"} else (without, with_keys)

    assert len(read_pack(_raw(good)).items) == 1
    with pytest.raises(BadInput, match="item 1 lacks"):
        read_pack(_raw(bad))


def test_packs_come_by_the_name_of_their_set_and_without_items_about_other_records() -> None:
    pack = _pack(items=[*_pack()["items"], *(_pack()["items"][0] | {"record": f"0123456789ab:{number}"} for number in (8, 9))])

    general, translated = read_packs([_raw(_choice()), _raw(pack)][::-1], profile="standard", records={RECORD, "0123456789ab:5"})[::-1]

    assert (general.name, len(general.items), general.left_out) == ("pack_u3", 1, ())
    assert ([item.record_id for item in translated.items], translated.left_out) == ([RECORD], ((OTHER_RECORD, 2),))


def test_a_pack_about_no_record_that_is_to_be_forgotten_is_refused() -> None:
    """Left out silently, its probe would be not applicable for want of a pack, though one was given."""
    with pytest.raises(BadInput, match=r"a pack for R6 of 1 item\(s\), none about a record that is to be forgotten"):
        read_packs([_raw(_pack())], profile="standard", records={"0123456789ab:8"})


def test_two_packs_for_one_probe_are_refused() -> None:
    with pytest.raises(BadInput, match="two item packs for R6; expected one pack for a probe"):
        read_packs([_raw(_pack()), _raw(_pack(name="french"))], profile="standard", records={RECORD})


def test_packs_need_a_profile_that_asks_them() -> None:
    with pytest.raises(BadInput, match=r"1 item pack\(s\) with profile 'smoke'.*`--profile standard`"):
        read_packs([_raw(_pack())], profile="smoke", records={RECORD})

    assert read_packs([], profile="smoke", records={RECORD}) == ()
    assert len(read_packs([_raw(_pack())], profile="deep", records={RECORD})) == 1


def test_the_page_shows_a_pack_that_is_read_and_names_every_probe() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    table = page.partition("## An item")[0]

    assert read_pack(example.encode()).name == "pack_r6"
    rows = re.findall(r"^\| `([\w.]+)` \| `(\w+)` \| `(score|choice|reply)` \| .* \| `(record|id)`(, `keys`)? \|$", table, re.MULTILINE)
    owners = {"subject": "record", "others": "id"}
    assert {probe: tuple(rest) for probe, *rest in rows} == {
        name: (kind.items, kind.reads, owners[kind.about], ", `keys`" if kind.counts_keys else "") for name, kind in PROBES.items()
    }


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
        (_item(keys=[]), "1 to 20"),
        (_item(keys=None), "keys, label, prompt, record"),
        (_item(keys=["x"]), "2 to 400"),
        (_item(keys=[SECRET]), "keys that only a reply can hold"),
        (_item(keys=["Brenmoor", "Brenmoor"]), "different texts"),
        (_item(keys="Brenmoor"), "a list"),
        (_item(others=["x"]), "at most answer"),
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

    with pytest.raises(BadInput, match="item 2 lacks keys, prompt and"):
        read_pack(_raw(pack))
