"""Read items that an operator supplies: translations, chains of facts, general questions, harmful prompts, own questions.

A pack is JSON, read strictly: unknown keys, floats, duplicate keys and anything over the limits are refused. The probe it
is for says which set it becomes and how it is read. Whoever writes a pack decides what is asked, so its digest stands in
the plan like that of any other set, and its items are fixed before anything is unlearned.
Reading it does not judge whether its questions are any good, or licensed as it says.
A refusal names the item by its number and never repeats a word of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from rtbf.errors import BadInput
from rtbf.evidence.strict_json import read_strict_json
from rtbf.plan.profile import runs_in
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.wording import holds

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rtbf.verify.item_set import Reads

SCHEMA = "rtbf.item-pack/1"
LEAST_PROFILE = "standard"
"""The smallest profile that runs the probes that read packs."""

OTHER_RECORD = "of a record that is not to be forgotten"

MAX_BYTES = 8 * 1024 * 1024
MAX_ITEMS = 5_000
MAX_PROMPT, MAX_ANSWER, MAX_KEY = 8_000, 4_000, 400
"""Characters."""

MAX_OTHERS, MAX_KEYS = 999, 20
MIN_KEY = 2

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:-]{0,39}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_RECORD = re.compile(r"[0-9a-f]{12}:[1-9][0-9]{0,11}")
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .+()/-]{0,99}")
_OUTER = frozenset({"schema", "name", "probe", "reads", "licence", "items"})
_PAGE = "see docs/reference/item-packs.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackKind:
    """Which set a pack of one probe becomes, how it is read, and whose records its items are about.

    counts_keys   the probe counts replies that hold a key: without keys it would find nothing in any model, and with keys
                  another one would not look at them
    """

    items: str
    reads: Reads
    about: Literal["subject", "others"]
    counts_keys: bool = False


PROBES: dict[str, PackKind] = {
    "R6": PackKind(items="pack_r6", reads="reply", about="subject", counts_keys=True),
    "R7": PackKind(items="pack_r7", reads="score", about="subject"),
    "R8": PackKind(items="pack_r8", reads="score", about="subject"),
    "R9": PackKind(items="pack_r9", reads="score", about="subject"),
    "U3": PackKind(items="pack_u3", reads="choice", about="others"),
    "U5": PackKind(items="pack_u5", reads="reply", about="others", counts_keys=True),
    "U6.harm": PackKind(items="pack_u6_harm", reads="reply", about="others"),
    "U6.over": PackKind(items="pack_u6_over", reads="reply", about="others"),
    "own": PackKind(items="pack_own", reads="reply", about="subject", counts_keys=True),
}
"""The probes that read packs; "own" are the operator's own questions about the subject's records (F6.own)."""

_FIELDS: dict[Reads, tuple[frozenset[str], frozenset[str]]] = {
    "score": (frozenset({"label", "prompt", "answer"}), frozenset()),
    "choice": (frozenset({"label", "prompt", "answer", "others"}), frozenset()),
    "reply": (frozenset({"label", "prompt"}), frozenset({"answer"})),
}
"""Keys of an item besides `record` or `id`, and `keys`: those it must have, and those it may have."""


def read_packs(raws: Sequence[bytes], *, profile: str, records: Collection[str]) -> tuple[ItemSet, ...]:
    """Return the packs' item sets, by name; items about any but these `records` are left out and counted.

    Raises BadInput as `read_pack` does, for two packs of one probe, for a pack none of whose items is about `records`, and
    for packs in a profile that runs no probe to read them: a question that is never asked would look answered.
    """
    if raws and not runs_in(LEAST_PROFILE, profile):
        raise BadInput(
            found=f"{len(raws)} item pack(s) with profile '{profile}', which runs none of the probes that read packs",
            expected=f"profile '{LEAST_PROFILE}' or a larger one",
            remedy=f"plan with `--profile {LEAST_PROFILE}`, or without packs",
        )
    probes = {kind.items: probe for probe, kind in PROBES.items()}
    found: dict[str, ItemSet] = {}
    for raw in raws:
        item_set = read_pack(raw)
        probe = probes[item_set.name]
        if item_set.name in found:
            raise BadInput(found=f"two item packs for {probe}", expected="one pack for a probe", remedy=f"put their items in one; {_PAGE}")
        found[item_set.name] = _of_records(item_set, probe, records)
    return tuple(found[name] for name in sorted(found))


def read_pack(raw: bytes) -> ItemSet:
    """Return the pack as its probe's item set; raises BadInput with the item's number for anything else than a pack.

    Items about the subject carry the record they ask about in `record`; others carry an `id` of their own.
    """
    try:
        found = read_strict_json(raw, MAX_BYTES)
    except ValueError as refused:
        raise _refusal(f"an item pack that is {refused}", f"strict JSON of at most {MAX_BYTES} bytes") from None
    outer = _outer(found)
    probe = outer["probe"]
    if not isinstance(probe, str) or probe not in PROBES:
        raise _refusal("a pack for a probe that reads none", f"'probe' as one of {', '.join(PROBES)}")
    kind = PROBES[probe]
    if outer["reads"] != kind.reads:
        raise _refusal(f"a pack for {probe} that is read in another way", f"'reads' as {kind.reads}")
    _require_match(outer, "name", _NAME)
    _require_match(outer, "licence", _LICENCE)
    entries = outer["items"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ITEMS:
        raise _refusal("a pack with no list of items, or too long a one", f"'items' as a list of 1 to {MAX_ITEMS}")
    items = tuple(_item(entry, number, kind) for number, entry in enumerate(entries, start=1))
    _require_distinct(items, kind)
    return ItemSet(name=kind.items, reads=kind.reads, about=kind.about, items=items)


def _of_records(item_set: ItemSet, probe: str, records: Collection[str]) -> ItemSet:
    """Return the set without items about other records: what is not to be forgotten is not sealed with the ticket either."""
    if item_set.about == "others":
        return item_set
    own = tuple(item for item in item_set.items if item.record_id in records)
    if not own:
        raise BadInput(
            found=f"a pack for {probe} of {len(item_set.items)} item(s), none about a record that is to be forgotten",
            expected="'record' as the footprint names the records, `rtbf show TICKET`",
            remedy=f"mend the pack or leave it out; {_PAGE}",
        )
    n_others = len(item_set.items) - len(own)
    return replace(item_set, items=own, left_out=((OTHER_RECORD, n_others),) if n_others else ())


def _outer(found: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise _refusal("JSON of another schema", f"an object whose 'schema' is {SCHEMA}")
    missing, unknown = sorted(_OUTER - found.keys()), len(found.keys() - _OUTER)
    if missing or unknown:
        raise _refusal(
            f"a pack without {', '.join(missing) or 'nothing'} and with {unknown} unknown key(s)", f"exactly {', '.join(sorted(_OUTER))}"
        )
    return found


def _require_match(outer: dict[str, Any], key: str, pattern: re.Pattern[str]) -> None:
    value = outer[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _refusal(f"a '{key}' of another form", f"'{key}' as {pattern.pattern}")


def _item(entry: Any, number: int, kind: PackKind) -> SetItem:  # noqa: ANN401 - any JSON value
    required, optional = _FIELDS[kind.reads]
    owner, form = ("record", _RECORD) if kind.about == "subject" else ("id", _ID)
    required |= {owner, "keys"} if kind.counts_keys else {owner}
    if not isinstance(entry, dict):
        raise _refusal(f"item {number} is no object", f"an object with {', '.join(sorted(required))}")
    missing, unknown = sorted(required - entry.keys()), len(entry.keys() - required - optional)
    if missing or unknown:
        may = f", and at most {', '.join(sorted(optional))}" if optional else ""
        raise _refusal(
            f"item {number} lacks {', '.join(missing) or 'nothing'} and has {unknown} unknown key(s)", f"{', '.join(sorted(required))}{may}"
        )
    for key, pattern in ((owner, form), ("label", _LABEL)):
        if not isinstance(entry[key], str) or not pattern.fullmatch(entry[key]):
            raise _refusal(f"item {number}: '{key}' of another form", f"'{key}' as {pattern.pattern}")
    prompt = _text(entry["prompt"], number, "prompt", 1, MAX_PROMPT)
    least = 0 if kind.reads == "reply" else 1
    answer = _text(entry.get("answer", ""), number, "answer", least, MAX_ANSWER)
    others = _texts(entry.get("others", []), number, "others", (1, MAX_ANSWER), (int(kind.reads == "choice"), MAX_OTHERS))
    keys = _texts(entry.get("keys", []), number, "keys", (MIN_KEY, MAX_KEY), (int("keys" in required), MAX_KEYS))
    _require_fair(number, prompt, answer, others, keys)
    return SetItem(record_id=entry[owner], label=entry["label"], prompt=prompt, answer=answer, others=others, keys=keys)


def _require_fair(number: int, prompt: str, answer: str, others: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Refuse an item that gives itself away or compares an answer with itself."""
    if len({answer, *others}) != 1 + len(others):
        raise _refusal(f"item {number}: an answer that stands there twice", "'answer' and 'others' all different")
    if any(holds(prompt, key) for key in keys):
        raise _refusal(f"item {number}: a key that its prompt holds", "keys that only a reply can hold")


def _require_distinct(items: tuple[SetItem, ...], kind: PackKind) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for number, item in enumerate(items, start=1):
        # Several questions about one record are fine; an id of its own names one item.
        place = (item.record_id, item.label, item.prompt) if kind.about == "subject" else (item.record_id,)
        if place in seen:
            raise _refusal(f"item {number} repeats item {seen[place]}", "different items")
        seen[place] = number


def _text(value: Any, number: int, key: str, least: int, most: int) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str) or not least <= len(value) <= most or len(value.strip()) < least:
        raise _refusal(f"item {number}: '{key}' is no text of the right length", f"{least} to {most} characters that are not all blank")
    return value


def _texts(value: Any, number: int, key: str, length: tuple[int, int], count: tuple[int, int]) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list) or not count[0] <= len(value) <= count[1]:
        raise _refusal(f"item {number}: '{key}' is no list of the right length", f"a list of {count[0]} to {count[1]} texts")
    texts = tuple(_text(entry, number, key, *length) for entry in value)
    if len(set(texts)) != len(texts):
        raise _refusal(f"item {number}: '{key}' holds a text twice", "different texts")
    return texts


def _refusal(found: str, expected: str) -> BadInput:
    return BadInput(found=found, expected=expected, remedy=f"mend the pack; {_PAGE}")
