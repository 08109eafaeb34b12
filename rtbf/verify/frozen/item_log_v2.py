"""The per-item log of form rtbf.item-log/2: every score of every arm, from which each number can be computed again.

Scores are written first, as decimal text of nine places, and the probes are then computed from what was written: so the
log gives back the very numbers, not numbers like them (PROTOCOL §4: the verdict is recomputable from the per-item log).
It holds record ids, token counts, log-probabilities and hits; no text and no token. Record ids are the operator's own:
whoever has the corpus can look the records up, so the log lies sealed and is handed out on purpose only.
Reading refuses (ValueError) arms that speak of different items, missing and unknown parts, and numbers in another form.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import canonical_bytes, decimal_text
from rtbf.evidence.strict_json import read_strict_json
from rtbf.verify.frozen.item_scores_v1 import ItemScores

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "rtbf.item-log/2"
PLACES = 9
"""A float32 log-probability of a few nats has seven figures; nine places keep them."""

MAX_ITEM_LOG_BYTES = 256 << 20

FIRST_FORM = b'{"items":'
"""How logs of the first form begin. They lack the end marks and the repeated scores, and kept six places only."""

_ADAPTER_OFF, _AGAIN = "adapter-off", "unlearned-again"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{9}")
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_FEWEST_ARMS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmScores:
    """The same items scored by every arm, in the same order.

    adapter_off   the unlearned artefact with its adapter switched off; None when it has none
    controls      one list per never-shown model; empty when there is none
    """

    original: Sequence[ItemScores]
    unlearned: Sequence[ItemScores]
    controls: tuple[Sequence[ItemScores], ...]
    adapter_off: Sequence[ItemScores] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemLog:
    """The scores of one verification.

    arms    names in the verification's order: the original, the unlearned artefact, the controls
    again   the forget items scored once more by the unlearned artefact in another batch layout
    """

    arms: tuple[str, ...]
    forget: ArmScores
    holdout: ArmScores
    again: Sequence[ItemScores]


def write_item_log(log: ItemLog) -> bytes:
    """Return the log's canonical bytes; numbers are rounded to nine places, NaN is null, an infinite one says so."""
    forget = _side_json(log.arms, log.forget) | {_AGAIN: _scores_json(log.again)}
    if log.forget.adapter_off is not None:
        forget[_ADAPTER_OFF] = _scores_json(log.forget.adapter_off)
    return canonical_bytes(
        {"schema": SCHEMA, "arms": list(log.arms), "items": {"forget": forget, "holdout": _side_json(log.arms, log.holdout)}}
    )


def read_item_log(raw: bytes, max_bytes: int = MAX_ITEM_LOG_BYTES) -> ItemLog:
    """Return the scores in a log of the second form; raises ValueError, which repeats no content."""
    value = _object(read_strict_json(raw, max_bytes), {"schema", "arms", "items"})
    if value["schema"] != SCHEMA:
        raise ValueError("an item log of an unknown form")
    arms = value["arms"]
    if not isinstance(arms, list) or len(arms) < _FEWEST_ARMS or not all(isinstance(name, str) for name in arms):
        raise ValueError("an item log without the names of two arms or more")
    if len({*arms, _ADAPTER_OFF, _AGAIN}) != len(arms) + 2:
        raise ValueError("an item log that names an arm twice")
    sides = _object(value["items"], {"forget", "holdout"})
    has_adapter = isinstance(sides["forget"], dict) and _ADAPTER_OFF in sides["forget"]
    forget = _side(sides["forget"], (*arms, _AGAIN, *((_ADAPTER_OFF,) if has_adapter else ())))
    holdout = _side(sides["holdout"], tuple(arms))
    return ItemLog(
        arms=tuple(arms),
        forget=_arm_scores(arms, forget, forget.get(_ADAPTER_OFF)),
        holdout=_arm_scores(arms, holdout, None),
        again=forget[_AGAIN],
    )


def repeat_delta(log: ItemLog) -> float | None:
    """Return the largest change in nats of a token's log-probability in the other batch layout; None when there is none.

    None too when any of them is not finite: a difference of such numbers bounds nothing.
    """
    differences = [
        abs(left - right)
        for one, other in zip(log.forget.unlearned, log.again, strict=True)
        for left, right in zip(one.log_probs, other.log_probs, strict=True)
    ]
    return max(differences) if differences and all(map(math.isfinite, differences)) else None


def _side_json(names: Sequence[str], arms: ArmScores) -> dict[str, Any]:
    return {name: _scores_json(scores) for name, scores in zip(names, (arms.original, arms.unlearned, *arms.controls), strict=True)}


def _scores_json(scores: Sequence[ItemScores]) -> list[dict[str, Any]]:
    return [
        {
            "record_id": score.record_id,
            "log_probs": [_number_text(value) for value in score.log_probs],
            "hits": [int(hit) for hit in score.hits],
            "has_end": score.has_end,
        }
        for score in scores
    ]


def _number_text(value: float) -> str | None:
    return ("inf" if value > 0 else "-inf") if math.isinf(value) else decimal_text(value, places=PLACES)


def _object(value: Any, keys: set[str]) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError("an item log with missing or unknown parts")
    return value


def _side(value: Any, names: tuple[str, ...]) -> dict[str, list[ItemScores]]:  # noqa: ANN401 - any JSON value
    """Return each arm's scores; refuses arms that were not asked about the same items in the same order."""
    found = {name: _scores(entries) for name, entries in _object(value, set(names)).items()}
    items = [[(score.record_id, len(score.log_probs), score.has_end) for score in found[name]] for name in names]
    if any(one != items[0] for one in items):
        raise ValueError("an item log whose arms speak of different items")
    return found


def _scores(value: Any) -> list[ItemScores]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list):
        raise ValueError("an arm that is no list of items")
    found = []
    for entry in value:
        item = _object(entry, {"record_id", "log_probs", "hits", "has_end"})
        hits, log_probs = item["hits"], item["log_probs"]
        is_item = isinstance(item["record_id"], str) and isinstance(item["has_end"], bool)
        if not is_item or not isinstance(hits, list) or not isinstance(log_probs, list) or len(hits) != len(log_probs):
            raise ValueError("an item in another form, or with a hit more or less than it has tokens")
        if not all(type(hit) is int and hit in {0, 1} for hit in hits):
            raise ValueError("a hit that is neither 0 nor 1")
        numbers = tuple(_number(text) for text in log_probs)
        found.append(
            ItemScores(record_id=item["record_id"], log_probs=numbers, hits=tuple(hit == 1 for hit in hits), has_end=item["has_end"])
        )
    return found


def _number(text: Any) -> float:  # noqa: ANN401 - any JSON value
    if text is None:
        return math.nan
    if isinstance(text, str) and text in _INFINITE:
        return _INFINITE[text]
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise ValueError("a log-probability that is no decimal of nine places")
    return float(text)


def _arm_scores(names: Sequence[str], found: dict[str, list[ItemScores]], adapter_off: list[ItemScores] | None) -> ArmScores:
    original, unlearned, *controls = names
    return ArmScores(
        original=found[original],
        unlearned=found[unlearned],
        controls=tuple(found[name] for name in controls),
        adapter_off=adapter_off,
    )
