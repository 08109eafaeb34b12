"""Item sets as canonical bytes, for sealing with the ticket's key, and read back strictly; a set's digest, for the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.strict_json import read_strict_json
from rtbf.verify.item_set import ItemSet, SetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "rtbf.item-sets/1"
_READS = ("score", "choice", "reply")
_ABOUT = ("subject", "others")
_AUC_TEXTS = 3
_PAIR = 2


def set_digest(item_set: ItemSet) -> str:
    """Return "sha256:…" of a set: equal for equal sets, another one for any other item, order, count or setting."""
    return digest_of(_set_json(item_set))


def write_sets(item_sets: Sequence[ItemSet]) -> bytes:
    """Return the sets as canonical JSON; raises ValueError when two share a name."""
    if len({item_set.name for item_set in item_sets}) != len(item_sets):
        raise ValueError("two item sets of one name")
    return canonical_bytes({"schema": SCHEMA, "sets": [_set_json(item_set) for item_set in item_sets]})


def read_sets(raw: bytes) -> tuple[ItemSet, ...]:
    """Return the sets in `raw`; raises RecordBroken for anything that `write_sets` would not have written."""
    try:
        found = read_strict_json(raw, len(raw))
        outer = _object(found, {"schema", "sets"})
        if outer["schema"] != SCHEMA:
            raise ValueError("another schema")
        item_sets = tuple(_set(entry) for entry in _list(outer["sets"]))
        is_same = write_sets(item_sets) == raw
    except ValueError as refused:
        raise _broken(str(refused)) from None
    if not is_same:
        raise _broken("bytes that are not in canonical form")
    return item_sets


def _set_json(item_set: ItemSet) -> dict[str, Any]:
    return {
        "name": item_set.name,
        "reads": item_set.reads,
        "about": item_set.about,
        "items": [
            {
                "record_id": item.record_id,
                "label": item.label,
                "prompt": item.prompt,
                "answer": item.answer,
                "others": list(item.others),
                "keys": list(item.keys),
            }
            for item in item_set.items
        ],
        "samples": item_set.samples,
        "temperature": item_set.temperature,
        "blind_auc": None if item_set.blind_auc is None else list(item_set.blind_auc),
        "left_out": [[reason, number] for reason, number in item_set.left_out],
    }


def _set(value: Any) -> ItemSet:  # noqa: ANN401 - any JSON value
    entry = _object(value, {"name", "reads", "about", "items", "samples", "temperature", "blind_auc", "left_out"})
    if entry["reads"] not in _READS or entry["about"] not in _ABOUT:
        raise ValueError("a set that is read or owned in no known way")
    blind = None if entry["blind_auc"] is None else _texts(entry["blind_auc"])
    if blind is not None and len(blind) != _AUC_TEXTS:
        raise ValueError("a blind AUC without its interval")
    pairs = [_list(pair) for pair in _list(entry["left_out"])]
    if any(len(pair) != _PAIR for pair in pairs):
        raise ValueError("a count that is no pair")
    return ItemSet(
        name=_text(entry["name"]),
        reads=entry["reads"],
        about=entry["about"],
        items=tuple(_item(item) for item in _list(entry["items"])),
        samples=_count(entry["samples"]),
        temperature=_text(entry["temperature"]),
        blind_auc=None if blind is None else (blind[0], blind[1], blind[2]),
        left_out=tuple((_text(reason), _count(number)) for reason, number in pairs),
    )


def _item(value: Any) -> SetItem:  # noqa: ANN401 - any JSON value
    entry = _object(value, {"record_id", "label", "prompt", "answer", "others", "keys"})
    texts = {name: _text(entry[name]) for name in ("record_id", "label", "prompt", "answer")}
    return SetItem(
        record_id=texts["record_id"],
        label=texts["label"],
        prompt=texts["prompt"],
        answer=texts["answer"],
        others=_texts(entry["others"]),
        keys=_texts(entry["keys"]),
    )


def _object(value: Any, names: set[str]) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict) or set(value) != names:
        raise ValueError(f"an object that does not have exactly {', '.join(sorted(names))}")
    return value


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list):
        raise ValueError("something else where a list belongs")
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str):
        raise ValueError("something else where a text belongs")
    return value


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    return tuple(_text(entry) for entry in _list(value))


def _count(value: Any) -> int:  # noqa: ANN401 - any JSON value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("something else where a count belongs")
    return value


def _broken(found: str) -> RecordBroken:
    return RecordBroken(
        found=f"sealed item sets: {found}", expected=f"canonical {SCHEMA}", remedy="restore the ticket's sealed item sets, or plan again"
    )
