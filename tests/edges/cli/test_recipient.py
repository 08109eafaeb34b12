"""`rtbf recipient`: registered, told, answered or waived, with the state of each in a list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.cli.recipient import recipient
from rtbf.clock import utc_now
from rtbf.errors import IllegalMove
from tests.desk import Desk, open_desk
from tests.edges.cli.test_notice import run

if TYPE_CHECKING:
    from rtbf.installation import Installation

MIRROR = "Example Mirror Ltd"


@pytest.fixture
def desk(installation: Installation) -> Desk:
    made = open_desk(replace(installation, clock=utc_now))
    run(made, recipient, "add", MIRROR, "--contact", "privacy@mirror.example.org", "--artefact", "assistant")
    return made


def duties(desk: Desk) -> list[tuple[str, str]]:
    found: Any = run(desk, recipient, "list", desk.ticket_id)["duties"]
    return [(duty["name"], duty["duty"]) for duty in found]


def test_a_registered_recipient_is_listed_until_and_after_it_retires(desk: Desk) -> None:
    run(desk, recipient, "retire", MIRROR)

    (listed,) = run(desk, recipient, "list")["recipients"]
    assert (listed["name"], listed["contact"], listed["artefacts"], listed["is_retired"]) == (
        MIRROR, "privacy@mirror.example.org", ["assistant"], True,
    )  # fmt: skip


def test_told_and_answered(desk: Desk) -> None:
    desk.judged()

    told = run(desk, recipient, "tell", desk.ticket_id, MIRROR)
    after_telling = duties(desk)
    run(desk, recipient, "acknowledge", desk.ticket_id, MIRROR)

    assert (told["kind"], told["delivery"]) == ("recipient", "written")
    assert (after_telling, duties(desk)) == ([(MIRROR, "told")], [(MIRROR, "acknowledged")])


def test_waived_with_words_from_a_pipe(desk: Desk) -> None:
    desk.judged()

    run(desk, recipient, "waive", desk.ticket_id, MIRROR, "--text", "-", stdin="It was dissolved.")

    assert duties(desk) == [(MIRROR, "waived")]


def test_nobody_is_told_too_early(desk: Desk) -> None:
    with pytest.raises(IllegalMove):
        run(desk, recipient, "tell", desk.ticket_id, MIRROR)

    assert "Nobody has to be told yet" in run(desk, recipient, "list", desk.ticket_id, is_json=False)


def test_the_lists_fit_into_eighty_columns(desk: Desk) -> None:
    desk.judged()
    run(desk, recipient, "tell", desk.ticket_id, MIRROR)

    pages = run(desk, recipient, "list", is_json=False) + run(desk, recipient, "list", desk.ticket_id, is_json=False)

    assert MIRROR in pages
    assert max(len(line) for line in pages.splitlines()) <= 80
