"""Whom the list keeps out, for how long, and that nobody can tell whose entry is whose."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from rtbf.errors import BadInput, FourEyes, SuppressionKeyUnavailable, UnknownName
from rtbf.pipeline.closing import close_ticket, reopen_ticket
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.shredding import shred_ticket
from rtbf.pipeline.suppression import ORIGIN, lift_entries, load_list, retire_generations, rotate_suppression_key
from rtbf.store.law_tables import SealedTextRow
from rtbf.store.suppression import listed_entries, token_counts, usable_keys
from rtbf.store.tables import EventRow
from rtbf.store.vault_tables import SuppressionRow
from rtbf.ticket_view import ticket_events
from tests import closing

if TYPE_CHECKING:
    from rtbf.installation import Installation

MENTION = f"Write to {closing.EMAIL}."
NAMED = f"{closing.NAME} paints boats."


def effects(installation: Installation, *texts: str, **options: bool) -> list[str]:
    with installation.transaction() as session:
        listed = load_list(session, installation, **options)
    return [listed.check_text(text).effect for text in texts]


def rows(installation: Installation) -> list[SuppressionRow]:
    with installation.transaction() as session:
        return list(session.scalars(select(SuppressionRow).order_by(SuppressionRow.token)))


def told(installation: Installation, ticket_id: str, kind: str) -> list[dict[str, Any]]:
    events = [json.loads(leaf) for leaf in ticket_events(installation, ticket_id)]
    return [event["data"] for event in events if event["type"].startswith(kind)]


def test_nobody_is_kept_out_before_their_identity_is_established(installation: Installation) -> None:
    closing.submitted(installation, identity=None)

    assert rows(installation) == []
    assert effects(installation, MENTION, NAMED) == ["allow", "allow"]


def test_an_identified_person_is_kept_out_while_the_ticket_is_open_and_a_bare_name_only_asks_for_a_look(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)

    assert effects(installation, MENTION, NAMED, "Somebody else paints boats.") == ["drop", "quarantine", "allow"]
    assert all(row.is_temporary for row in rows(installation))
    assert effects(installation, MENTION, with_restrictions=False) == ["allow"]
    assert told(installation, ticket_id, "suppression") == [{"tokens": len(rows(installation))}]


@pytest.mark.parametrize(
    ("outcome", "expected"), [("withdrawn", "allow"), ("partially_fulfilled", "drop")], ids=["withdrawn", "partially fulfilled"]
)
def test_closing_keeps_the_tokens_of_the_erased_and_lifts_the_others(installation: Installation, outcome: str, expected: str) -> None:
    ticket_id = closing.submitted(installation)

    getattr(closing, outcome)(installation, ticket_id)

    assert effects(installation, MENTION) == [expected]
    assert effects(installation, MENTION, with_restrictions=False) == [expected]
    assert bool(rows(installation)) == (expected == "drop")


def test_two_people_who_share_an_address_do_not_free_each_other(installation: Installation) -> None:
    shared = [{"kind": "email", "value": closing.EMAIL}]
    first, second = closing.submitted(installation), closing.submitted(installation, shared)
    closing.partially_fulfilled(installation, first)

    closing.withdrawn(installation, second)

    assert effects(installation, MENTION) == ["drop"]


def test_a_ticket_that_was_fulfilled_once_and_is_withdrawn_when_opened_again_keeps_its_person_out(
    installation: Installation, clock: Any
) -> None:
    ticket_id = closing.submitted(installation)
    closing.partially_fulfilled(installation, ticket_id)
    before = {row.token for row in rows(installation)}
    clock.move(days=1)

    reopen_ticket(installation, ticket_id, "new_evidence", closing.COLLEAGUE)
    closing.write_letter(installation, ticket_id, "withdrawal_confirmed")
    close_ticket(installation, ticket_id, "withdrawn", closing.COLLEAGUE)

    assert {row.token for row in rows(installation)} == before
    assert effects(installation, MENTION) == ["drop"]


def test_the_origin_lies_sealed_and_nowhere_else(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)

    sequence_events(installation)
    origins = {row.origin for row in rows(installation)}
    with installation.transaction() as session:
        purposes = list(session.scalars(select(SealedTextRow.purpose).where(SealedTextRow.ticket_id == ticket_id)))
        leaves = b"".join(session.scalars(select(EventRow.leaf)))
        sealed = b"".join(session.scalars(select(SealedTextRow.body)))

    (origin,) = origins
    assert purposes == [ORIGIN]
    assert origin.encode() not in leaves + sealed
    assert ticket_id not in origin


def test_after_shredding_neither_time_nor_origin_nor_order_connects_entries_with_each_other(installation: Installation, clock: Any) -> None:
    closing.partially_fulfilled(installation, ticket_id := closing.submitted(installation))
    tokens = {row.token for row in rows(installation)}
    clock.move(days=91)

    shred_ticket(installation, ticket_id, closing.COLLEAGUE, early=False)

    kept = rows(installation)
    assert {row.token for row in kept} == tokens
    assert len({row.origin for row in kept}) == len(kept) > 1
    # 2 March 2026 is told as March 2026; 1 March 2026 + 730 days is 29 February 2028.
    assert {f"{row.created_at:%Y-%m-%d %H:%M:%S}" for row in kept} == {"2026-03-01 00:00:00"}
    assert {f"{row.review_at:%Y-%m-%d}" for row in kept} == {"2028-02-29"}
    assert effects(installation, MENTION) == ["drop"]


def test_tokens_made_before_a_rotation_stay_checkable_and_a_closing_renews_them(installation: Installation) -> None:
    first = closing.submitted(installation)

    number = rotate_suppression_key(installation, closing.COLLEAGUE)
    between = effects(installation, MENTION), {row.generation for row in rows(installation)}
    closing.partially_fulfilled(installation, first)

    assert number == 2
    assert between == (["drop"], {1})
    assert {row.generation for row in rows(installation)} == {2}
    assert effects(installation, MENTION) == ["drop"]


def test_a_generation_goes_a_day_after_its_last_token_and_the_newest_never(installation: Installation, clock: Any) -> None:
    ticket_id = closing.submitted(installation)
    clock.move(days=10)
    rotate_suppression_key(installation, closing.COLLEAGUE)
    clock.move(days=2)
    in_use = retire_generations(installation, "upkeep")
    closing.withdrawn(installation, ticket_id)

    retired = [retire_generations(installation, "upkeep") for _ in range(2)]

    assert (in_use, retired) == (0, [1, 0])
    keys = usable_keys(installation.home.suppression_keys)
    assert [generation.key is None for generation in keys.generations] == [True, False]


def test_a_generation_that_was_just_replaced_is_left_alone(installation: Installation, clock: Any) -> None:
    rotate_suppression_key(installation, closing.COLLEAGUE)
    clock.move(hours=23)

    assert retire_generations(installation, "upkeep") == 0


@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_without_its_key_nothing_is_checked_and_nobody_is_identified(installation: Installation, damage: str) -> None:
    closing.submitted(installation)
    path = installation.home.suppression_keys
    path.unlink() if damage == "missing" else path.write_bytes(b"{")

    with pytest.raises(SuppressionKeyUnavailable):
        effects(installation, MENTION)
    with pytest.raises(SuppressionKeyUnavailable):
        closing.submitted(installation)


def test_an_entry_is_lifted_by_two_people_who_give_the_same_reason(installation: Installation) -> None:
    closing.partially_fulfilled(installation, closing.submitted(installation))
    with installation.transaction() as session:
        entry = next(entry for entry in listed_entries(session) if entry.kind == "email")

    first = lift_entries(installation, [entry.entry_id], "mistake", "olga")
    between = effects(installation, MENTION)
    with pytest.raises(FourEyes):
        lift_entries(installation, [entry.entry_id], "mistake", "olga")
    other = lift_entries(installation, [entry.entry_id], "review", "otto")
    second = lift_entries(installation, [entry.entry_id], "review", "olga")

    assert [(done.lifted, done.waiting) for done in (first, other, second)] == [(0, 1), (0, 1), (1, 0)]
    assert between == ["drop"]
    assert entry.entry_id not in {row.token[:16] for row in rows(installation)}
    assert effects(installation, NAMED) == ["quarantine"]


def test_the_restriction_of_an_open_ticket_cannot_be_lifted_by_entry(installation: Installation) -> None:
    closing.submitted(installation)
    with installation.transaction() as session:
        entry = listed_entries(session)[0]

    with pytest.raises(BadInput, match="open ticket"):
        lift_entries(installation, [entry.entry_id], "review", "olga")

    assert entry.is_temporary
    assert effects(installation, MENTION) == ["drop"]


@pytest.mark.parametrize("entry_id", ["", "0" * 16, "%", "abc"])
def test_an_unknown_entry_or_reason_is_refused_and_lifts_nothing(installation: Installation, entry_id: str) -> None:
    closing.partially_fulfilled(installation, closing.submitted(installation))
    before = len(rows(installation))

    with pytest.raises(UnknownName):
        lift_entries(installation, [entry_id], "review", "olga")
    with pytest.raises(BadInput):
        lift_entries(installation, [entry_id], "because", "olga")

    assert len(rows(installation)) == before


def test_events_about_the_list_hold_counts_and_codes_only(installation: Installation) -> None:
    closing.partially_fulfilled(installation, closing.submitted(installation))
    with installation.transaction() as session:
        entry_id = listed_entries(session)[0].entry_id
        counted = sum(token_counts(session).values())
    lift_entries(installation, [entry_id], "review", "olga")
    lift_entries(installation, [entry_id], "review", "otto")

    sequence_events(installation)
    with installation.transaction() as session:
        leaves = [leaf for leaf in session.scalars(select(EventRow.leaf)) if b"suppression." in leaf]

    assert counted == len(rows(installation)) + 1
    assert [sorted(json.loads(leaf)["data"]) for leaf in leaves] == [["tokens"], ["tokens"], ["code", "entries"], ["code", "entries"]]
    assert not any(entry_id.encode() in leaf for leaf in leaves)
