"""Actors have opaque ids; tokens are kept by hash and can be revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from rtbf.errors import BadInput, UnknownName
from rtbf.store.actors import actor_id_for, actor_name, actor_of_token, create_token, list_tokens, new_id, revoke_token
from rtbf.store.tables import TokenRow

if TYPE_CHECKING:
    from rtbf.installation import Installation


def test_an_actor_keeps_one_id_that_does_not_tell_the_name(installation: Installation) -> None:
    with installation.transaction() as session:
        first = actor_id_for(session, "olga", installation.clock())
        again = actor_id_for(session, "olga", installation.clock())
        other = actor_id_for(session, "otto", installation.clock())
        name = actor_name(session, first)

    assert first == again
    assert first != other
    assert "olga" not in first
    assert name == "olga"


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "line\nbreak", "esc\x1b[2J"])
def test_a_name_that_cannot_be_printed_safely_is_refused_and_not_repeated(installation: Installation, name: str) -> None:
    with installation.transaction() as session, pytest.raises(BadInput) as refused:
        actor_id_for(session, name, installation.clock())

    assert not name.strip() or name not in str(refused.value)


def test_a_token_opens_for_its_actor_until_it_is_revoked(installation: Installation) -> None:
    with installation.transaction() as session:
        actor_id = actor_id_for(session, "jira", installation.clock())
        token = create_token(session, "jira", actor_id, installation.clock())
        (row,) = list_tokens(session)

        assert actor_of_token(session, token) == actor_id
        assert actor_of_token(session, token + "x") is None
        assert actor_of_token(session, "") is None
        revoke_token(session, row.id, installation.clock())
        assert actor_of_token(session, token) is None


def test_a_token_is_stored_by_hash_only(installation: Installation) -> None:
    with installation.transaction() as session:
        actor_id = actor_id_for(session, "jira", installation.clock())
        token = create_token(session, "jira", actor_id, installation.clock())
        stored = session.execute(select(TokenRow.token_hash, TokenRow.name, TokenRow.id)).one()

    assert not any(token in value or token.removeprefix("rtbf_") in value for value in stored)


def test_an_unknown_token_or_actor_is_refused(installation: Installation) -> None:
    with installation.transaction() as session:
        with pytest.raises(UnknownName):
            revoke_token(session, "tok_none", installation.clock())
        with pytest.raises(UnknownName):
            actor_name(session, "act_none")


def test_ids_do_not_repeat() -> None:
    assert len({new_id("tkt") for _ in range(1000)}) == 1000
