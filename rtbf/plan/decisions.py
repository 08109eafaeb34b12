"""The frozen record of what was decided for each item of one footprint, and what follows from it. Pure rules.

Each revision holds every decision that is in force; changing one item keeps the others. A new footprint starts from
nothing, because its item numbers mean other records. The record carries codes and commitments, never the reasoning's
text: that is sealed in the vault by the caller. It does not prove that a decision is right in law, only who took it.

Sources: GDPR Art. 17(1) grounds and 17(3) exemptions, Art. 18 restriction; codes by W3C DPV 2.3 (`rtbf.ticket.codes`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtbf.errors import BadInput, PlanImpossible, StalePlan
from rtbf.evidence.canonical import digest_of
from rtbf.plan.items import MODEL_PREFIX, RECORD_PREFIX, footprint_items, record_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rtbf.footprint.record import Footprint, Hit

SCHEMA = "rtbf.decisions/1"

Verdict = Literal["erase", "retain", "restrict", "not_about_subject"]
VERDICTS: tuple[Verdict, ...] = ("erase", "retain", "restrict", "not_about_subject")
CodeKind = Literal["ground", "exemption"]
CODE_KIND: dict[Verdict, CodeKind] = {"erase": "ground", "retain": "exemption"}
"""Which kind of code a verdict needs; the others take none."""
NEEDS_REASONING: frozenset[Verdict] = frozenset({"retain", "restrict"})
_NAMED_ITEMS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemDecision:
    """What was decided for one item, by whom (opaque actor id) and when (RFC 3339, UTC).

    code                   a ground for `erase`, an exemption for `retain`, None for the others
    reasoning_commitment   commitment to the sealed reasoning; always there for `retain` and `restrict`
    """

    item: str
    verdict: Verdict
    code: str | None
    reasoning_commitment: str | None
    decided_by: str
    decided_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """Every decision in force for one footprint, in the footprint's order; `revision` counts from 1 over the whole ticket."""

    ticket_id: str
    revision: int
    footprint_digest: str
    items: tuple[ItemDecision, ...]
    schema: str = SCHEMA


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionCount:
    """How many items of a kind got this verdict and code: what a report may tell without naming records."""

    kind: Literal["record", "model"]
    verdict: Verdict
    code: str | None
    items: int


def decide_items(footprint: Footprint, previous: Decisions | None, changes: Sequence[ItemDecision], *, decided_on: str) -> Decisions:
    """Return the next revision: `changes` in place of what was decided for their items, everything else kept.

    previous     the ticket's newest decisions; those of an older footprint keep their number and nothing else
    decided_on   digest of the footprint that the deciding person looked at

    Raises StalePlan when that is not `footprint`; BadInput for no change, an item the footprint does not have or that
    is decided twice at once, and a decision whose verdict needs a code or reasoning that is missing, or takes none.
    """
    digest = digest_of(footprint)
    if decided_on != digest:
        raise StalePlan(
            found=f"decisions on items of another footprint ({decided_on[:80]})",
            expected=f"items of the ticket's newest footprint {digest}",
            remedy=f"read `rtbf show {footprint.ticket_id} --items` and decide again: its numbers may mean other records",
        )
    known = footprint_items(footprint)
    _require_lawful(changes, frozenset(known))
    kept = previous.items if previous is not None and previous.footprint_digest == digest else ()
    by_item = {decision.item: decision for decision in (*kept, *changes)}
    return Decisions(
        ticket_id=footprint.ticket_id,
        revision=1 if previous is None else previous.revision + 1,
        footprint_digest=digest,
        items=tuple(by_item[item] for item in known if item in by_item),
    )


def _require_lawful(changes: Sequence[ItemDecision], known: frozenset[str]) -> None:
    if not changes:
        raise BadInput(found="no decision", expected="at least one", remedy="name the items and what is to happen with them")
    twice = [item for item, count in Counter(change.item for change in changes).items() if count > 1]
    if twice:
        raise BadInput(found=f"{len(twice)} item(s) decided twice at once", expected="one decision for each item", remedy="leave one out")
    strangers = sum(change.item not in known for change in changes)
    if strangers:
        raise BadInput(
            found=f"{strangers} item(s) that the footprint does not have", expected=f"its {len(known)} items", remedy="correct the items"
        )
    for change in changes:
        needed = CODE_KIND.get(change.verdict)
        if (change.code is None) != (needed is None):
            expected = f"{'an' if needed == 'exemption' else 'a'} {needed} code" if needed else "no code"
            raise BadInput(
                found=f"'{change.verdict}' for {change.item} {'without' if change.code is None else 'with'} a code",
                expected=expected,
                remedy="see `rtbf decide --help` for the codes of the ticket's regime",
            )
        if change.verdict in NEEDS_REASONING and change.reasoning_commitment is None:
            raise BadInput(
                found=f"'{change.verdict}' for {change.item} without reasoning",
                expected="the reasons in words; they are sealed and shown to nobody but those who may read the ticket",
                remedy="give them with --reasoning",
            )


def undecided(footprint: Footprint, decisions: Decisions | None) -> tuple[str, ...]:
    """Return the items nobody has decided; decisions on an older footprint decide nothing of this one."""
    is_current = decisions is not None and decisions.footprint_digest == digest_of(footprint)
    decided = {decision.item for decision in decisions.items} if decisions is not None and is_current else set()
    return tuple(item for item in footprint_items(footprint) if item not in decided)


def require_decided(footprint: Footprint, decisions: Decisions | None) -> Decisions:
    """Return the decisions when they cover every item of this footprint; raises PlanImpossible naming how many are open."""
    open_items = undecided(footprint, decisions)
    if open_items or decisions is None:
        named = ", ".join(open_items[:_NAMED_ITEMS]) + (", …" if len(open_items) > _NAMED_ITEMS else "")
        raise PlanImpossible(
            found=f"{len(open_items)} of {len(footprint_items(footprint))} items without a decision{f' ({named})' if named else ''}",
            expected="a decision for every record and model of the newest footprint",
            remedy=f"`rtbf decide {footprint.ticket_id} ITEM… --verdict erase --code CODE`; `all` names every item",
        )
    return decisions


def items_to_erase(footprint: Footprint, decisions: Decisions) -> frozenset[str]:
    """Return the items decided `erase`; raises StalePlan for decisions on another footprint."""
    if decisions.footprint_digest != digest_of(footprint):
        raise StalePlan(
            found=f"decisions on the footprint {decisions.footprint_digest}",
            expected=f"decisions on the newest one, revision {footprint.revision}",
            remedy=f"read `rtbf show {footprint.ticket_id} --items` and decide again",
        )
    return _erased_names(decisions.items)


def erased_records(footprint: Footprint, decisions: Decisions) -> tuple[Hit, ...]:
    """Return the hits decided `erase`, in the footprint's order; raises StalePlan for decisions on another footprint."""
    erased = items_to_erase(footprint, decisions)
    return tuple(hit for number, hit in enumerate(footprint.hits, start=1) if record_item(number) in erased)


def models_to_change(footprint: Footprint, decisions: Decisions) -> tuple[str, ...]:
    """Return the names of the reached models decided `erase`, each once; raises StalePlan for decisions on another footprint."""
    erased = items_to_erase(footprint, decisions)
    return tuple(item.removeprefix(MODEL_PREFIX) for item in footprint_items(footprint) if item in erased and item.startswith(MODEL_PREFIX))


def is_about_others(footprint: Footprint, decisions: Decisions) -> bool:
    """Return whether every record found is decided to be about somebody else: then nothing was found of this person.

    Raises StalePlan for decisions on another footprint. False for an empty footprint and while an item is open.
    """
    is_all_decided = not undecided(footprint, decisions) and bool(footprint.hits) and not items_to_erase(footprint, decisions)
    return is_all_decided and all(
        decision.verdict == "not_about_subject" for decision in decisions.items if decision.item.startswith(RECORD_PREFIX)
    )


def count_decisions(decisions: Decisions) -> tuple[DecisionCount, ...]:
    """Return how many records and models got which verdict and code: records first, then in the order of VERDICTS and code."""
    counts = Counter((decision.item.startswith(RECORD_PREFIX), decision.verdict, decision.code) for decision in decisions.items)
    order = sorted(counts, key=lambda key: (not key[0], VERDICTS.index(key[1]), key[2] or ""))
    return tuple(DecisionCount(kind="record" if key[0] else "model", verdict=key[1], code=key[2], items=counts[key]) for key in order)


def is_subset(approved: Decisions, now: Decisions) -> bool:
    """Return whether `now` erases nothing that `approved` did not: less is allowed, more never, another footprint neither."""
    same = (approved.ticket_id, approved.footprint_digest) == (now.ticket_id, now.footprint_digest)
    return same and _erased_names(now.items) <= _erased_names(approved.items)


def _erased_names(items: Iterable[ItemDecision]) -> frozenset[str]:
    return frozenset(decision.item for decision in items if decision.verdict == "erase")
