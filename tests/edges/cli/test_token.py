"""`rtbf token`: shown once, listed without its value, dead once revoked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.token import token
from rtbf.config import Settings
from rtbf.errors import UnknownName
from rtbf.store.actors import actor_name, actor_of_token

if TYPE_CHECKING:
    from rtbf.installation import Installation


def run(installation: Installation, *arguments: str) -> Any:
    """Run `rtbf token …` with --json on the installation's home and return what it printed."""
    context = CliContext(home=installation.home.path, actor="olga", is_json=True, settings=Settings())
    result = CliRunner().invoke(token, arguments, obj=context, catch_exceptions=False)
    return json.loads(result.stdout)


def test_a_new_token_speaks_for_the_actor_it_is_named_after(installation: Installation) -> None:
    created = run(installation, "create", "jira")

    with installation.transaction() as session:
        actor_id = actor_of_token(session, created["token"])
        assert actor_id is not None
        assert actor_name(session, actor_id) == "jira"


def test_a_listed_token_shows_no_value(installation: Installation) -> None:
    created = run(installation, "create", "jira")

    listed = run(installation, "list")

    assert [(row["name"], row["actor"], row["revoked_at"]) for row in listed["tokens"]] == [("jira", "jira", None)]
    assert created["token"] not in json.dumps(listed)


def test_a_revoked_token_speaks_for_nobody(installation: Installation) -> None:
    created = run(installation, "create", "jira")
    token_id = run(installation, "list")["tokens"][0]["id"]

    run(installation, "revoke", token_id)

    with installation.transaction() as session:
        assert actor_of_token(session, created["token"]) is None


def test_revoking_an_unknown_token_is_refused(installation: Installation) -> None:
    run(installation, "create", "jira")

    with pytest.raises(UnknownName) as refused:
        run(installation, "revoke", "tok_nothing")

    assert "rtbf token list" in refused.value.remedy
