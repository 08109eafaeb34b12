"""The per-item log: what every pass found, from which each number of a verification is computed, and can be again.

Numbers are written first, as decimal text of nine places, and the probes are then computed from what was written: so the
log gives back the very numbers, not numbers like them (PROTOCOL §4: the verdict is recomputable from the per-item log).
It holds record ids, labels of forms and fields, token counts, log-probabilities, hits and counts; no text and no token.
Record ids are the operator's own: whoever has the corpus can look the records up, so the log lies sealed and is handed
out on purpose only.
Reading refuses (ValueError) passes that speak of other items than their set, missing and unknown parts, numbers in another
form, and other bytes than writing would give: one log has one digest.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import canonical_bytes, decimal_text
from rtbf.evidence.strict_json import read_strict_json
from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.observed import Observed, PassKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rtbf.verify.observed import Observation

SCHEMA = "rtbf.item-log/3"
PLACES = 9
"""A float32 log-probability of a few nats has seven figures; nine places keep them."""

MAX_ITEM_LOG_BYTES = 1 << 30
AGAIN = "again"
"""The state of the repeat measurement: the same weights, another batch layout."""

_NUMBER = re.compile(r"(?!-0\.0{9})-?(0|[1-9][0-9]{0,308})\.[0-9]{9}")
"""As `decimal_text` writes it: whatever a float can hold, and no negative nought."""
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_FEWEST_ARMS = 2
_KINDS: dict[str, type] = {"score": ItemScores, "choice": ChoiceScores, "reply": ReplyScores}
_COLUMNS = ("log_probs", "means", "deviations", "cool_log_probs")
_SHARES = ("rouge_recall", "rouge_f1", "repeats", "entropy")


def write_item_log(observed: Observed) -> bytes:
    """Return the log's canonical bytes; numbers are rounded to nine places, NaN is null, an infinite one says so."""
    sets: dict[str, dict[str, Any]] = {}
    passes = []
    for key in sorted({*observed.passes, *observed.failed}):
        place: dict[str, Any] = {"items": key.items, "arm": key.arm, "state": key.state}
        if key in observed.failed:
            passes.append(place | {"failed": observed.failed[key]})
            continue
        found = observed.passes[key]
        described = {"reads": _kind_of(found), "items": [_fixed(entry) for entry in found]}
        if sets.setdefault(key.items, described) != described:
            raise ValueError("passes over one set that speak of different items")
        passes.append(place | {"found": [_found(entry) for entry in found]})
    blind = {name: list(numbers) for name, numbers in observed.blind_auc.items()}
    return canonical_bytes({"schema": SCHEMA, "arms": list(observed.arms), "sets": sets, "passes": passes, "blind_auc": blind})


def read_item_log(raw: bytes, max_bytes: int = MAX_ITEM_LOG_BYTES) -> Observed:
    """Return what a log of the present form holds; raises ValueError, which repeats no content."""
    value = _object(read_strict_json(raw, max_bytes), {"schema", "arms", "sets", "passes", "blind_auc"})
    if value["schema"] != SCHEMA:
        raise ValueError("an item log of an unknown form")
    if canonical_bytes(value) != raw:
        raise ValueError("an item log that is not in canonical form")
    arms = value["arms"]
    if not isinstance(arms, list) or len(arms) < _FEWEST_ARMS or not all(isinstance(name, str) for name in arms):
        raise ValueError("an item log without the names of two arms or more")
    if len(set(arms)) != len(arms):
        raise ValueError("an item log that names an arm twice")
    sets = {name: _set(entry) for name, entry in _mapping(value["sets"]).items()}
    passes: dict[PassKey, tuple[Observation, ...]] = {}
    failed: dict[PassKey, str] = {}
    order = []
    for entry in _list(value["passes"]):
        outcome = "failed" if isinstance(entry, dict) and "failed" in entry else "found"
        place = _object(entry, {"items", "arm", "state", outcome})
        key = PassKey(items=_text(place["items"]), arm=_text(place["arm"]), state=_text(place["state"]))
        if key in passes or key in failed or key.arm not in arms:
            raise ValueError("a pass that is named twice, or of an arm that the log does not name")
        order.append(key)
        if outcome == "failed":
            failed[key] = _text(place["failed"])
        elif key.items not in sets:
            raise ValueError("a pass over a set that the log does not describe")
        else:
            reads, items = sets[key.items]
            passes[key] = _observations(reads, items, _list(place["found"]))
    if order != sorted(order):
        raise ValueError("passes in another order")
    if set(sets) != {key.items for key in passes}:
        raise ValueError("a set that no pass asked")
    blind = {name: _blind(entry) for name, entry in _mapping(value["blind_auc"]).items()}
    return Observed(arms=tuple(arms), passes=passes, failed=failed, blind_auc=blind)


def write_pass(found: Sequence[Observation]) -> bytes:
    """Return one pass by itself, for the store of finished passes; numbers as in the log."""
    return canonical_bytes({"items": described_items(found), "found": [_found(entry) for entry in found]})


def read_pass(raw: bytes, reads: str) -> tuple[Observation, ...]:
    """Return what one pass found; raises ValueError."""
    value = _object(read_strict_json(raw, MAX_ITEM_LOG_BYTES), {"items", "found"})
    return _observations(reads, _list(value["items"]), _list(value["found"]))


def repeat_delta(observed: Observed) -> float | None:
    """Return the largest change in nats of a token's log-probability in the other batch layout; None when there is none.

    None too when any of them is not finite: a difference of such numbers bounds nothing.
    """
    differences = [
        abs(left - right)
        for key, again in observed.passes.items()
        if key.state == AGAIN
        for one, other in zip(observed.scores(key.items, key.arm), again, strict=True)
        if isinstance(one, ItemScores) and isinstance(other, ItemScores)
        for left, right in zip(one.log_probs, other.log_probs, strict=True)
    ]
    return max(differences) if differences and all(map(math.isfinite, differences)) else None


def described_items(found: Sequence[Observation]) -> list[list[Any]]:
    """Return what every arm must agree on of a set's items: record, label and sizes. Its digest names the items in a report."""
    return [_fixed(entry) for entry in found]


def _kind_of(found: Sequence[Observation]) -> str:
    kinds = {name for name, kind in _KINDS.items() if any(isinstance(entry, kind) for entry in found)}
    if len(kinds) > 1:
        raise ValueError("a pass with observations of several kinds")
    return kinds.pop() if kinds else "score"


def _fixed(entry: Observation) -> list[Any]:
    if isinstance(entry, ItemScores):
        return [entry.record_id, entry.label, len(entry.log_probs), entry.has_end, entry.zlib_bytes]
    if isinstance(entry, ChoiceScores):
        return [entry.record_id, entry.label, entry.true_tokens, list(entry.others_tokens)]
    return [entry.record_id, entry.label, entry.samples]


def _found(entry: Observation) -> dict[str, Any]:
    if isinstance(entry, ItemScores):
        columns = {name: [_number_text(value) for value in getattr(entry, name)] for name in _COLUMNS if getattr(entry, name)}
        return {"hits": "".join(str(int(hit)) for hit in entry.hits), "log_probs": [], **columns}
    if isinstance(entry, ChoiceScores):
        return {"true": _number_text(entry.true), "others": [_number_text(value) for value in entry.others]}
    return {"leaks": entry.leaks, "refusals": entry.refusals, **{name: _number_text(getattr(entry, name)) for name in _SHARES}}


def _number_text(value: float) -> str | None:
    return ("inf" if value > 0 else "-inf") if math.isinf(value) else decimal_text(value, places=PLACES)


def _set(value: Any) -> tuple[str, list[Any]]:  # noqa: ANN401 - any JSON value
    entry = _object(value, {"reads", "items"})
    if not isinstance(entry["reads"], str) or entry["reads"] not in _KINDS:
        raise ValueError("a set of an unknown kind")
    return entry["reads"], _list(entry["items"])


def _observations(reads: str, items: list[Any], found: list[Any]) -> tuple[Observation, ...]:
    if len(items) != len(found):
        raise ValueError("a pass with another number of items than its set")
    return tuple(_READERS[reads](fixed, entry) for fixed, entry in zip(items, found, strict=True))


def _item_scores(fixed: Any, found: Any) -> ItemScores:  # noqa: ANN401 - any JSON value
    record_id, label, tokens, has_end, zlib_bytes = _row(fixed, 5)
    if not isinstance(has_end, bool) or not (zlib_bytes is None or _is_count(zlib_bytes)) or not _is_count(tokens):
        raise ValueError("an item that is described in another form")
    if not isinstance(found, dict) or not {"hits", "log_probs"} <= set(found) <= {"hits", *_COLUMNS}:
        raise ValueError("a scored item with missing or unknown parts")
    hits = found["hits"]
    columns = {name: tuple(_number(text) for text in _list(found[name])) for name in _COLUMNS if name in found}
    is_whole = isinstance(hits, str) and len(hits) == tokens and set(hits) <= {"0", "1"}
    if not is_whole or any(len(column) != tokens for column in columns.values()):
        raise ValueError("a scored item with a number more or less than it has tokens")
    return ItemScores(
        record_id=_text(record_id),
        label=_text(label),
        hits=tuple(hit == "1" for hit in hits),
        has_end=has_end,
        zlib_bytes=zlib_bytes,
        **columns,
    )


def _choice_scores(fixed: Any, found: Any) -> ChoiceScores:  # noqa: ANN401 - any JSON value
    record_id, label, true_tokens, others_tokens = _row(fixed, 4)
    entry = _object(found, {"true", "others"})
    others = tuple(_number(text) for text in _list(entry["others"]))
    if not _is_count(true_tokens) or not all(_is_count(count) for count in _list(others_tokens)) or len(others) != len(others_tokens):
        raise ValueError("a choice with another number of answers than its set says")
    return ChoiceScores(
        record_id=_text(record_id),
        label=_text(label),
        true=_number(entry["true"]),
        true_tokens=true_tokens,
        others=others,
        others_tokens=tuple(others_tokens),
    )


def _reply_scores(fixed: Any, found: Any) -> ReplyScores:  # noqa: ANN401 - any JSON value
    record_id, label, samples = _row(fixed, 3)
    entry = _object(found, {"leaks", "refusals", *_SHARES})
    counts = (samples, entry["leaks"], entry["refusals"])
    if not all(_is_count(count) for count in counts) or max(counts[1:]) > samples:
        raise ValueError("a reply that counts more than its samples")
    return ReplyScores(
        record_id=_text(record_id),
        label=_text(label),
        samples=samples,
        leaks=entry["leaks"],
        refusals=entry["refusals"],
        **{name: _number(entry[name]) for name in _SHARES},
    )


def _blind(value: Any) -> tuple[str, str, str]:  # noqa: ANN401 - any JSON value
    auc, low, high = _row(value, 3)
    return _text(auc), _text(low), _text(high)


def _object(value: Any, keys: set[str]) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError("an item log with missing or unknown parts")
    return value


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict):
        raise ValueError("a part of an item log that is no object")
    return value


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list):
        raise ValueError("a part of an item log that is no list")
    return value


def _row(value: Any, size: int) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list) or len(value) != size:
        raise ValueError("a row of an item log with another number of entries")
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str):
        raise ValueError("a name in an item log that is no text")
    return value


def _is_count(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(value) is int and value >= 0


def _number(text: Any) -> float:  # noqa: ANN401 - any JSON value
    if text is None:
        return math.nan
    if isinstance(text, str) and text in _INFINITE:
        return _INFINITE[text]
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise ValueError("a number that is no decimal of nine places")
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number beyond what a float holds")
    return number


_READERS: dict[str, Callable[[Any, Any], Observation]] = {"score": _item_scores, "choice": _choice_scores, "reply": _reply_scores}
