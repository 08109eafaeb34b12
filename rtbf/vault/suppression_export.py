"""The body of an exported suppression list, for pipelines without access to the database. The caller signs it.

It holds keyed tokens and what they mean, never a key, a ticket or a time of a single entry, and is ordered by token, so
that it does not tell in which order people came. Whoever filters with it brings the key file as well; without the key
it is a list of random numbers. It stays pseudonymous personal data (GDPR recital 26): keep it as such.
Signing is `rtbf.evidence.dsse` under `PAYLOAD_TYPE`; reading does not check any signature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import rfc8785

from rtbf.clock import rfc3339
from rtbf.errors import BadInput
from rtbf.vault.key_file import exactly, instant, whole
from rtbf.vault.suppression import NORMALISERS, SHINGLE_WORDS, WINDOW_KINDS, Effect
from rtbf.vault.suppression_list import ListEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PAYLOAD_TYPE = "application/vnd.rtbf.suppression+json"
SCHEMA = "rtbf.suppression-list/1"
_MAX_GENERATION = 10_000
_TOKEN = re.compile(r"[0-9a-f]{64}")
_REGION = re.compile(r"[A-Z]{2}")
_LISTED_EFFECTS = tuple(effect for effect in get_args(Effect) if effect != "allow")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedList:
    """An export taken apart: what `SuppressionList` needs beside the keys."""

    created_at: datetime
    phone_region: str
    entries: Mapping[bytes, ListEntry]


def export_list(entries: Mapping[bytes, ListEntry], phone_region: str, now: datetime) -> dict[str, Any]:
    """Return the JSON object to be signed; equal lists give equal bytes but for `created_at`."""
    return {
        "schema": SCHEMA,
        "created_at": rfc3339(now),
        "phone_region": phone_region,
        "generations": sorted({entry.generation for entry in entries.values()}),
        "normalisers": {entry.kind: entry.normaliser for entry in sorted(entries.values(), key=lambda entry: entry.kind)},
        "tokens": [
            {"token": token.hex(), "kind": entry.kind, "words": entry.words, "effect": entry.effect, "generation": entry.generation}
            for token, entry in sorted(entries.items())
        ],
    }


def export_bytes(body: dict[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of an export: the payload to be signed."""
    return rfc8785.dumps(body)


def read_export(body: Any) -> ExportedList:  # noqa: ANN401 - untrusted JSON
    """Return the list in an export's JSON; raises BadInput for anything that `export_list` of this release would not write."""
    parsed: ExportedList | None = None
    trouble = ""
    try:
        parsed = _parsed(body)
    except (KeyError, TypeError, ValueError) as refused:
        trouble = str(refused) if isinstance(refused, _Trouble) else "a field of the wrong kind"
    if parsed is None:
        raise BadInput(
            found=f"a suppression list that cannot be read ({trouble})",
            expected=f"an export of schema {SCHEMA}",
            remedy="export it anew with this release (`rtbf suppress export`)",
        )
    return parsed


class _Trouble(ValueError):
    """A fault described in our own words, safe to repeat."""


def _parsed(body: Any) -> ExportedList:  # noqa: ANN401 - untrusted JSON
    exactly(body, "schema", "created_at", "phone_region", "generations", "normalisers", "tokens")
    if body["schema"] != SCHEMA:
        raise _Trouble("another schema")
    if not isinstance(body["tokens"], list) or not isinstance(body["normalisers"], dict):
        raise _Trouble("tokens must be a list and normalisers an object")
    if not isinstance(body["phone_region"], str) or not _REGION.fullmatch(body["phone_region"]):
        raise _Trouble("a phone region is two capital letters")
    if any(NORMALISERS.get(kind) != version for kind, version in body["normalisers"].items()):
        raise _Trouble("a kind or normaliser that this release does not have")
    generations = [whole(number, 1, _MAX_GENERATION) for number in body["generations"]]
    entries = dict(_entry(entry, body["normalisers"], generations) for entry in body["tokens"])
    if len(entries) != len(body["tokens"]):
        raise _Trouble("a token stands there twice")
    exported = ExportedList(created_at=instant(body["created_at"]), phone_region=body["phone_region"], entries=entries)
    if export_list(entries, exported.phone_region, exported.created_at) != body:
        raise _Trouble("out of order, or naming kinds or generations that no token has")
    return exported


def _entry(entry: Any, normalisers: Mapping[str, str], generations: list[int]) -> tuple[bytes, ListEntry]:  # noqa: ANN401 - untrusted JSON
    exactly(entry, "token", "kind", "words", "effect", "generation")
    token, kind, effect = entry["token"], entry["kind"], entry["effect"]
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _Trouble("a token is 64 lower-case hexadecimal digits")
    if kind not in normalisers:
        raise _Trouble("a token of a kind without normaliser")
    if effect not in _LISTED_EFFECTS:
        raise _Trouble(f"an effect is one of {', '.join(_LISTED_EFFECTS)}")
    words = whole(entry["words"], 1, SHINGLE_WORDS) if kind in WINDOW_KINDS else whole(entry["words"], 0, 0)
    generation = whole(entry["generation"], 1, _MAX_GENERATION)
    if generation not in generations:
        raise _Trouble("a token of a generation that the list does not name")
    return bytes.fromhex(token), ListEntry(kind=kind, words=words, effect=effect, generation=generation, normaliser=normalisers[kind])
