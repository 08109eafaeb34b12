"""The suppression list as stored: keyed tokens, whom they restrict for a while, and whom they keep out for good.

A token that several tickets placed counts once, with its strongest effect: everybody who placed it asked to be left out.
Lifting deletes a row. Nothing here tells whose an entry is: its origin is random, and only the ticket knows it, sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.errors import BadInput, SuppressionKeyUnavailable, UnknownName, VaultBroken
from rtbf.store.actors import new_id
from rtbf.store.vault_tables import SuppressionRow
from rtbf.vault.suppression import EFFECTS, Effect
from rtbf.vault.suppression_list import ListEntry, SuppressionList
from rtbf.vault.tokens import load_suppression_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from rtbf.vault.suppression import TokenSpec
    from rtbf.vault.tokens import SuppressionKeys, Token

ENTRY_DIGITS = 16
"""An entry is called by the first 64 bits of its token: without the key a random number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One entry as an officer sees it. `lift_reason` is a code once a first person asked to lift it, by `lift_asked_by`."""

    entry_id: str
    kind: str
    effect: str
    generation: int
    is_temporary: bool
    placed_in: datetime
    review_at: datetime
    lift_reason: str | None
    lift_asked_by: str | None


def usable_keys(path: Path) -> SuppressionKeys:
    """Return the keys of the list; raises SuppressionKeyUnavailable, so that whoever filters without them stops."""
    try:
        return load_suppression_keys(path)
    except VaultBroken as broken:
        raise SuppressionKeyUnavailable(
            found=broken.found,
            expected="the readable key file of the suppression list",
            remedy="restore it from the key backup, or see to its owner and mode; nothing was let through",
        ) from broken


def place_tokens(
    session: Session, origin: str, tokens: Sequence[tuple[Token, TokenSpec]], *, is_temporary: bool, now: datetime, review_days: int
) -> int:
    """Make these tokens the origin's, under the newest key generation; return how many were not there before.

    Tokens of the origin that are not among them, made under an earlier generation, go. An origin that was made permanent
    once stays so. `review_at` is `review_days` after the beginning of this month, UTC.
    """
    known = {row.token: row for row in tokens_of_origin(session, origin)}
    wanted = {token.value.hex(): (token, spec) for token, spec in tokens}
    stays_temporary = is_temporary and all(row.is_temporary for row in known.values())
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for name, row in known.items():
        row.is_temporary = stays_temporary
        if name not in wanted:
            session.delete(row)
    fresh = sorted(set(wanted) - set(known))
    for name in fresh:
        token, spec = wanted[name]
        session.add(
            SuppressionRow(
                token=name, origin=origin, kind=spec.kind, words=spec.words, effect=spec.effect, generation=token.generation,
                normaliser=spec.normaliser, is_temporary=stays_temporary, created_at=month, review_at=month + timedelta(days=review_days),
            )
        )  # fmt: skip
    session.flush()
    return len(fresh)


def tokens_of_origin(session: Session, origin: str) -> Sequence[SuppressionRow]:
    """Return the origin's rows by token."""
    return session.scalars(select(SuppressionRow).where(SuppressionRow.origin == origin).order_by(SuppressionRow.token)).all()


def make_permanent(session: Session, origin: str) -> None:
    """Keep the origin's rows when its ticket is gone."""
    for row in tokens_of_origin(session, origin):
        row.is_temporary = False
    session.flush()


def lift_temporary(session: Session, origin: str) -> int:
    """Delete the origin's temporary rows; return how many there were."""
    rows = [row for row in tokens_of_origin(session, origin) if row.is_temporary]
    for row in rows:
        session.delete(row)
    session.flush()
    return len(rows)


def unlink_origin(session: Session, origin: str) -> int:
    """Give every row of the origin an origin of its own; return how many there were.

    From then on not even the rows of one person can be told to belong together: their number stands in the ledger.
    """
    rows = tokens_of_origin(session, origin)
    for row in rows:
        row.origin = new_id("org")
    session.flush()
    return len(rows)


def listed_tokens(session: Session, *, with_restrictions: bool) -> dict[bytes, ListEntry]:
    """Return what to check by token. Without restrictions only the people who were kept out for good."""
    rows = select(SuppressionRow) if with_restrictions else select(SuppressionRow).where(SuppressionRow.is_temporary.is_(False))
    listed: dict[bytes, ListEntry] = {}
    for row in session.scalars(rows.order_by(SuppressionRow.token)):
        token, effect = bytes.fromhex(row.token), _effect(row)
        if token not in listed or EFFECTS.index(effect) > EFFECTS.index(listed[token].effect):
            listed[token] = ListEntry(kind=row.kind, words=row.words, effect=effect, generation=row.generation, normaliser=row.normaliser)
    return listed


def open_list(session: Session, keys_path: Path, phone_region: str, *, with_restrictions: bool) -> SuppressionList:
    """Return the list ready to check with; raises SuppressionKeyUnavailable, KeyDestroyed or BadInput and never half a list."""
    return SuppressionList(listed_tokens(session, with_restrictions=with_restrictions), usable_keys(keys_path), phone_region)


def listed_entries(session: Session) -> tuple[Listed, ...]:
    """Return every entry once, the next to be reviewed first; one that any ticket keeps for good is not temporary."""
    by_token: dict[str, list[SuppressionRow]] = {}
    for row in session.scalars(select(SuppressionRow)):
        by_token.setdefault(row.token, []).append(row)
    return tuple(sorted((_listed(rows) for rows in by_token.values()), key=lambda entry: (entry.review_at, entry.entry_id)))


def permanent_rows(session: Session, entry_id: str) -> Sequence[SuppressionRow]:
    """Return the permanent rows behind an entry's id; raises UnknownName, or BadInput for what only open tickets restrict."""
    found = session.scalars(select(SuppressionRow).where(SuppressionRow.token.startswith(entry_id, autoescape=True))).all()
    if len(entry_id) < ENTRY_DIGITS or not found:
        raise UnknownName("suppression entry", entry_id, (), "rtbf suppress list")
    rows = [row for row in found if not row.is_temporary]
    if not rows:
        raise BadInput(
            found="an entry that restricts the records of an open ticket (GDPR Art. 18)",
            expected="an entry that a closed ticket left",
            remedy="close the ticket: its restriction ends with it",
        )
    return rows


def delete_rows(session: Session, rows: Sequence[SuppressionRow]) -> None:
    """Delete these rows."""
    for row in rows:
        session.delete(row)
    session.flush()


def token_counts(session: Session) -> Mapping[int, int]:
    """Return how many distinct tokens the list holds of each key generation."""
    counts: dict[int, set[str]] = {}
    for token, generation in session.execute(select(SuppressionRow.token, SuppressionRow.generation)):
        counts.setdefault(generation, set()).add(token)
    return {generation: len(tokens) for generation, tokens in sorted(counts.items())}


def _effect(row: SuppressionRow) -> Effect:
    effect: Effect = row.effect  # type: ignore[assignment]  # the column holds what place_tokens wrote
    return effect


def _listed(rows: Sequence[SuppressionRow]) -> Listed:
    asked = next((row for row in rows if row.lift_reason is not None), None)
    strongest = max((_effect(row) for row in rows), key=EFFECTS.index)
    first = rows[0]
    return Listed(
        entry_id=first.token[:ENTRY_DIGITS],
        kind=first.kind,
        effect=strongest,
        generation=first.generation,
        is_temporary=all(row.is_temporary for row in rows),
        placed_in=min(row.created_at for row in rows),
        review_at=min(row.review_at for row in rows),
        lift_reason=None if asked is None else asked.lift_reason,
        lift_asked_by=None if asked is None else asked.lift_asked_by,
    )
