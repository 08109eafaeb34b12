"""`rtbf residual`: what remains is listed with its owner and date, handed over, moved, and settled."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rtbf.pipeline.residuals import open_residual
from rtbf.store.actors import actor_id_for
from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation


@pytest.fixture
def desk(installation: Installation) -> Desk:
    """A desk whose ticket leaves two things: backups, due in 10 days, and earlier weights, due by policy in 30."""
    made, now = located_desk(installation), installation.clock()
    with installation.transaction() as session:
        owner = actor_id_for(session, "max", now)
        open_residual(session, installation, made.ticket_id, "earlier_weights", "assistant", owner, now)
        open_residual(session, installation, made.ticket_id, "backup_retention", "nightly", owner, now, due_at=now + timedelta(days=10))
    return made


def listed(desk: Desk, *arguments: str) -> list[tuple[str, str, str]]:
    rows = desk("residual", "list", *arguments, "--json").json["residuals"]
    return [(row["name"], row["owner"], row["due_at"][:10]) for row in rows]


def first_id(desk: Desk) -> str:
    return str(desk("residual", "list", "--json").json["residuals"][0]["residual_id"])


def test_what_remains_is_listed_by_date_with_its_owner(desk: Desk) -> None:
    # 2 March and 10 days, 2 March and 30 days.
    expected = [("nightly", "max", "2026-03-12"), ("assistant", "max", "2026-04-01")]

    assert listed(desk) == expected
    assert listed(desk, desk.ticket_id) == expected
    assert "Backups: nightly" in desk("residual", "list").out


def test_another_owner_or_date_leaves_it_open(desk: Desk) -> None:
    said = desk("residual", "resolve", first_id(desk), "--owner", "ruth", "--due", "2026-05-01")

    assert said.code == 0, said.err
    assert "stays open" in said.out
    # A bare date lasts until that day is over, which is the first instant of the next one.
    assert listed(desk) == [("assistant", "max", "2026-04-01"), ("nightly", "ruth", "2026-05-02")]


def test_a_resolved_one_is_listed_on_request_only(desk: Desk) -> None:
    said = desk("residual", "resolve", first_id(desk))

    assert "is resolved" in said.out
    assert listed(desk) == [("assistant", "max", "2026-04-01")]
    assert len(listed(desk, "--all")) == 2


@pytest.mark.parametrize("due", ["2026-03-01", "tomorrow"])
def test_a_date_that_is_over_or_none_is_refused(desk: Desk, due: str) -> None:
    assert desk("residual", "resolve", first_id(desk), "--due", due).code == 1
    assert listed(desk)[0] == ("nightly", "max", "2026-03-12")


def test_what_is_resolved_is_not_resolved_again(desk: Desk) -> None:
    residual_id = first_id(desk)
    first = desk("residual", "resolve", residual_id)

    second = desk("residual", "resolve", residual_id)

    assert (first.code, second.code) == (0, 1)
    assert "is resolved" in second.err


@pytest.mark.parametrize("arguments", [("list", "tkt_none"), ("resolve", "res_none")])
def test_an_unknown_ticket_or_residual_is_refused(desk: Desk, arguments: tuple[str, ...]) -> None:
    said = desk("residual", *arguments)

    assert said.code == 1
    assert "unknown-name" in said.err


def test_when_nothing_remains_it_says_so(installation: Installation) -> None:
    assert "Nothing remains" in located_desk(installation)("residual", "list").out
