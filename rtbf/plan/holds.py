"""Legal holds: what may not be erased for the time being, and which items of a footprint that touches.

A hold blocks a scope, not a person: what it covers is left out of the plan and becomes a residual, the rest goes on.
It carries a ground code and a reference to the authority's papers, no prose. It does not check that either is true.
Source: GDPR Art. 17(3)(e), establishment, exercise or defence of legal claims; eDiscovery practice for the word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtbf.clock import rfc3339
from rtbf.errors import BadInput
from rtbf.plan.decisions import erased_records, models_to_change
from rtbf.plan.items import model_item, record_item
from rtbf.plan.record import HeldItem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from rtbf.footprint.record import Footprint, Hit
    from rtbf.plan.decisions import Decisions

ScopeKind = Literal["ticket", "corpus", "model", "record"]
SCOPE_KINDS: tuple[ScopeKind, ...] = ("ticket", "corpus", "model", "record")
_REFERENCE = re.compile(r"[A-Za-z0-9._:/#-]{1,200}")
_SCOPES: dict[ScopeKind, re.Pattern[str]] = {
    "ticket": re.compile(r"tkt_[A-Za-z0-9]{1,60}"),
    "corpus": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"),
    "model": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"),
    "record": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}@sha256:[0-9a-f]{64}#[0-9a-f]{12}:[0-9]{1,12}"),
}
_SHAPES: dict[ScopeKind, str] = {
    "ticket": "a ticket id (tkt_…)",
    "corpus": "the name of a corpus",
    "model": "the name of a model",
    "record": "CORPUS@sha256:…#RECORD-ID",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A hold on one scope, from `since` on (aware UTC) until `until` or its release, whichever comes first.

    scope           a ticket id, a corpus name, a model name, or `corpus@version#record id`, by `scope_kind`
    ground          an exemption code, validated by the caller
    authority_ref   a reference such as a file number; letters, digits and ._:/#- only, so that it holds no prose
    """

    hold_id: str
    scope_kind: ScopeKind
    scope: str
    ground: str
    authority_ref: str
    since: datetime
    until: datetime | None
    released_at: datetime | None


def new_hold(
    *, hold_id: str, scope_kind: str, scope: str, ground: str, authority_ref: str, since: datetime, until: datetime | None
) -> Hold:
    """Return a hold that is not released; raises BadInput for a scope or reference of the wrong form, or an empty span of time.

    Whether ticket, corpus, model or record exist is for the caller to look up: a hold may be older than its record.
    """
    kind = next((kind for kind in SCOPE_KINDS if kind == scope_kind), None)
    if kind is None:
        raise BadInput(found="a hold on an unknown kind of scope", expected=f"one of {', '.join(SCOPE_KINDS)}", remedy="correct the scope")
    if not _SCOPES[kind].fullmatch(scope):
        raise BadInput(found=f"a {kind} scope of another form", expected=_SHAPES[kind], remedy="correct the scope")
    if not _REFERENCE.fullmatch(authority_ref):
        raise BadInput(
            found="an authority reference that cannot be used",
            expected="1 to 200 letters, digits and . _ : / # -, such as a file number",
            remedy="give the reference of the papers, not their words",
        )
    if since.tzinfo is None or (until is not None and (until.tzinfo is None or until <= since)):
        raise BadInput(
            found="a hold that ends before it begins, or a time without zone", expected="an end after its start", remedy="correct"
        )
    return Hold(
        hold_id=hold_id,
        scope_kind=kind,
        scope=scope,
        ground=ground,
        authority_ref=authority_ref,
        since=since,
        until=until,
        released_at=None,
    )


def is_live(hold: Hold, now: datetime) -> bool:
    """Return whether the hold blocks its scope at `now`: begun (its first instant counts), not ended, not released."""
    has_ended = hold.until is not None and hold.until <= now
    is_released = hold.released_at is not None and hold.released_at <= now
    return hold.since <= now and not has_ended and not is_released


def record_scope(hit: Hit) -> str:
    """Return the scope of a hold on this one record."""
    return f"{hit.corpus}@{hit.version}#{hit.record_id}"


def held_items(footprint: Footprint, holds: Iterable[Hold], now: datetime) -> dict[str, Hold]:
    """Return each item that a live hold covers with that hold, in the footprint's order; of several, the one that lasts longest.

    A hold on a corpus covers its records in every version, not the models trained on it; a hold on a ticket covers all.
    """
    live = sorted((hold for hold in holds if is_live(hold, now)), key=_lasts_longest)
    by_scope: dict[tuple[str, str], Hold] = {}
    for hold in live:
        by_scope.setdefault((hold.scope_kind, hold.scope), hold)
    scopes: dict[str, tuple[tuple[str, str], ...]] = {
        record_item(number): (("ticket", footprint.ticket_id), ("corpus", hit.corpus), ("record", record_scope(hit)))
        for number, hit in enumerate(footprint.hits, start=1)
    }
    for model in footprint.models:
        scopes[model_item(model.model)] = (("ticket", footprint.ticket_id), ("model", model.model))
    found = {item: [by_scope[place] for place in places if place in by_scope] for item, places in scopes.items()}
    return {item: min(covering, key=_lasts_longest) for item, covering in found.items() if covering}


def held_records(holds: Iterable[Hold], corpus: str, version: str, now: datetime) -> frozenset[str]:
    """Return the ids of the records of a corpus version that live holds name one by one, whoever they are about."""
    place = f"{corpus}@{version}#"
    return frozenset(
        hold.scope.removeprefix(place)
        for hold in holds
        if hold.scope_kind == "record" and hold.scope.startswith(place) and is_live(hold, now)
    )


def held_back(held: Mapping[str, Hold], erased: Collection[str]) -> tuple[HeldItem, ...]:
    """Return, for a plan, the items that would be erased but for a hold. `until` None: until it is released."""
    return tuple(
        HeldItem(item=item, hold_id=hold.hold_id, until=None if hold.until is None else rfc3339(hold.until))
        for item, hold in held.items()
        if item in erased
    )


def changeable_models(footprint: Footprint, decisions: Decisions, held: Mapping[str, Hold]) -> tuple[str, ...]:
    """Return the models that a plan could change: decided `erase`, not held, and reached by an erased record that is not held.

    Raises StalePlan for decisions on another footprint.
    """
    numbers = {(hit.version, hit.record_id): number for number, hit in enumerate(footprint.hits, start=1)}
    free = {hit.version for hit in erased_records(footprint, decisions) if record_item(numbers[(hit.version, hit.record_id)]) not in held}
    reached = {model.model for model in footprint.models if model.version in free}
    return tuple(name for name in models_to_change(footprint, decisions) if name in reached and model_item(name) not in held)


def _lasts_longest(hold: Hold) -> tuple[bool, float, str]:
    return (hold.until is not None, 0.0 if hold.until is None else -hold.until.timestamp(), hold.hold_id)
