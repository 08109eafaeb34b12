"""Pages about the verifier, written from what it says of itself: every probe's card, and every code of a verdict."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from docs.tables import table
from rtbf.plan.card import probe_cards
from rtbf.plan.profile import PROFILES
from rtbf.report.asked_words import profile_words, set_words
from rtbf.report.words import COMPARED, FAMILIES, ROLES, probe_words
from rtbf.verify.codes import CODE_MEANINGS, CODE_REMEDIES
from rtbf.verify.passes import may_use_siblings, sets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rtbf.plan.card import ProbeCard

_READS = {"score": "probabilities", "choice": "preferences", "reply": "replies"}
_BASELINES = {"control": "control models", "chance": "guessing", "before": "before"}
_TESTS = {
    "records": "sign flips over records",
    "ranks": "exact mean rank",
    "best_rank": "exact best rank",
    "trials": "Fisher's exact test on replies",
    "none": "none",
}
_THIS_PAGE = " (docs/verification.md)"
_NEEDS = {"": "", "adapter": "an unmerged adapter", "pack": "[a pack](item-packs.md)"}


def probes_page() -> Iterator[str]:
    """Yield the page of probes: one table for each question, then each card."""
    cards = sorted(probe_cards().values(), key=lambda card: (list(FAMILIES).index(card.family), card.probe_id))
    yield from (
        "# Probes",
        "",
        "Every probe is one file under `rtbf/verify/probes`; this page is its card. Margins are fixed in the plan before anything",
        "runs. [How a ticket is verified](../verification.md) says how results become a verdict.",
        "",
    )
    yield from (f"- **{role}**: {meaning}" for role, meaning in ROLES.items())
    yield ""
    yield from (f"- **compared with {_BASELINES.get(name, name)}**: {meaning}" for name, meaning in _compared().items())
    yield ""
    yield from (f"- **{profile_words(name).replace(': ', '**: ', 1)}" for name in PROFILES)
    for family, own in groupby(cards, key=lambda card: card.family):
        yield from ("", f"## {FAMILIES[family]}", "")
        yield from table(
            ("id", "name", "role", "reads", "in states", "compared with", "margin (origin)", "profile", "needs"),
            (_row(card) for card in own),
        )
    yield from _sets(cards)
    for card in cards:
        yield from _card(card)


def verdict_codes() -> Iterator[str]:
    """Yield the table of the codes that verdicts and findings carry."""
    yield from ("## Why a verdict is what it is", "", "Codes of verdicts and of single probes, as `F1:LEAK` or `FEW_RECORDS`.", "")
    yield from table(
        ("code", "meaning", "what would let it be decided"),
        ((f"`{code}`", meaning, CODE_REMEDIES.get(code, "–")) for code, meaning in CODE_MEANINGS.items()),
    )


def _sets(cards: Iterable[ProbeCard]) -> Iterator[str]:
    readers: dict[str, list[str]] = {}
    for card in cards:
        for name in sets_of(card):
            readers.setdefault(name, []).append(card.probe_id)
    yield from ("", "## What is asked", "", "Sets of questions, made with the plan and sealed with the ticket's key.", "")
    yield from table(("set", "what it is", "read by"), ((f"`{name}`", set_words(name), ", ".join(ids)) for name, ids in readers.items()))


def _compared() -> dict[str, str]:
    return {"control": COMPARED["control models"], **{name: words for name, words in COMPARED.items() if name != "control models"}}


def _row(card: ProbeCard) -> tuple[str, ...]:
    return (
        card.probe_id,
        f"[{card.name}](#{card.name})",
        card.role,
        f"{_READS[card.reads]} of {' and '.join(f'`{name}`' for name in sets_of(card))}",
        _states(card),
        _BASELINES[card.baseline] + (", else siblings" if may_use_siblings(card) else ""),
        f"{_margin(card)} ({card.margin_origin.removesuffix(_THIS_PAGE)})",
        card.profile,
        _NEEDS[card.needs],
    )


def _states(card: ProbeCard) -> str:
    """Return the states; the steps of one attack as one."""
    attacks: dict[str, list[str]] = {}
    for state in card.states:
        name, _, step = state.partition("@")
        attacks.setdefault(name or "as served", []).extend([step] if step else [])
    return ", ".join(name if not steps else f"{name} after {', '.join(steps)} steps" for name, steps in attacks.items())


def _margin(card: ProbeCard) -> str:
    sign = {"two_sided": "±", "lower_is_better": "≤ ", "non_inferior": "≤ "}[card.direction]
    return f"{sign}{card.margin} {card.unit}" if float(card.margin) else "–"


def _card(card: ProbeCard) -> Iterator[str]:
    title, asks = probe_words(card.probe_id)
    yield from ("", f"### {card.name}", "", f"{card.probe_id} · {card.title}. In reports: “{title}”, {asks}.", "")
    yield from (f"- Proves: {card.proves}", f"- Does not prove: {card.does_not_prove}")
    yield f"- Margin: {_margin(card)}; {card.margin_origin}"
    yield f"- Higher is {card.higher_is}. p-values: {_TESTS[card.test]}. Shortest answer: {card.min_tokens} token(s)."
    yield f"- Source: {card.source}"
