"""Recipients are told what to delete and never whose it is; silence remains, an answer or a reason ends it (GDPR Art. 19)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rtbf.corpora.corpus import CorpusEntry, CorpusVersion, Layout, Shard
from rtbf.errors import BadInput, IllegalMove, MailUnreachable, UnknownName
from rtbf.pipeline.holds import place_hold
from rtbf.pipeline.notices import send_notice, send_queued
from rtbf.pipeline.recipients import acknowledge, add_recipient, read_recipients, retire_recipient, tell_recipient, ticket_duties, waive
from rtbf.store.registry import save_corpus
from rtbf.store.residuals import residuals_of
from rtbf.vault.secret import Secret
from tests import builders
from tests.desk import CANARIES, OFFICER, Desk, Mailbox, open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.installed import FrozenClock

MIRROR, CONTACT = "Example Mirror Ltd", "privacy@mirror.example.org"
REASON = Secret("It was dissolved in January; nobody answers for it.")


@pytest.fixture
def desk(installation: Installation, mailbox: Mailbox) -> Desk:
    made = open_desk(installation, mailbox=mailbox)
    shard = Shard(name="a.jsonl", sha256="ab" * 32, size_bytes=1, records=400, unread=())
    version = CorpusVersion(name="community", connector="jsonl", layout=Layout(prompt_field=None, completion_field="text"), shards=(shard,))
    with installation.transaction() as session:
        save_corpus(session, CorpusEntry(version=version, locations=("a.jsonl",)), installation.clock())
    return made


@pytest.fixture
def mirror(desk: Desk) -> str:
    return add_recipient(desk.installation, MIRROR, CONTACT, ["community", "assistant"], OFFICER)


def duties(desk: Desk) -> list[tuple[str, str]]:
    return [(duty.name, duty.state) for duty in ticket_duties(desk.installation, desk.ticket_id)]


def silent(desk: Desk) -> list[tuple[str, bool]]:
    """Return (name, whether resolved) of the residuals of silence."""
    with desk.installation.transaction() as session:
        found = [row for row in residuals_of(session, desk.ticket_id) if row.reason == "recipient_silent"]
    assert all(row.owner_id is not None and row.due_at is not None for row in found)
    return [(row.name, row.resolved_at is not None) for row in found]


def test_a_recipient_is_kept_with_what_it_received(desk: Desk, mirror: str) -> None:
    add_recipient(desk.installation, "Board", "https://board.example.org/erasure", ["assistant"], OFFICER)

    found = [(entry.name, entry.contact, entry.artefacts, entry.is_retired) for entry in read_recipients(desk.installation)]

    assert found == [
        ("Board", "https://board.example.org/erasure", ("assistant",), False),
        (MIRROR, CONTACT, ("assistant", "community"), False),
    ]


@pytest.mark.parametrize("contact", ["", "somebody", "ftp://mirror.example.org", "a@b", "javascript:alert(1)", "x" * 320 + "@example.org"])
def test_a_contact_that_reaches_nobody_is_refused_and_not_repeated(desk: Desk, contact: str) -> None:
    with pytest.raises(BadInput, match="neither an e-mail address nor a web address") as refused:
        add_recipient(desk.installation, MIRROR, contact, ["assistant"], OFFICER)

    assert not contact or contact not in str(refused.value)


def test_a_recipient_needs_a_name_of_its_own_and_registered_artefacts(desk: Desk, mirror: str) -> None:
    with pytest.raises(BadInput, match="a recipient of that name"):
        add_recipient(desk.installation, MIRROR, CONTACT, ["assistant"], OFFICER)
    with pytest.raises(UnknownName, match="nearest: community"):
        add_recipient(desk.installation, "Other", CONTACT, ["comunity"], OFFICER)
    with pytest.raises(BadInput, match="a recipient of nothing"):
        add_recipient(desk.installation, "Other", CONTACT, [], OFFICER)
    with pytest.raises(BadInput, match="a name of 2 characters"):
        add_recipient(desk.installation, "A\n", CONTACT, ["assistant"], OFFICER)


@pytest.mark.parametrize("reach", ["received", "to erase", "planned"])
def test_nobody_is_told_before_something_is_erased(desk: Desk, mirror: str, reach: str) -> None:
    if reach != "received":
        desk.locate().erase()
    if reach == "planned":
        desk.plan()

    with pytest.raises(IllegalMove):
        tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    assert duties(desk) == []


def test_the_letter_names_material_and_records_and_never_the_person(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()

    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    words, (_, address, letter) = mailbox.words(), mailbox.taken[0]
    assert address == CONTACT
    assert f"dataset community (version {builders.sha(4)}, 20 records), records r0000, r0001" in words
    assert f"language model assistant (version {builders.sha(5)}): it learned from the data" in words
    # 30 days of the policy after 2 March.
    assert "Reply by 1 April 2026" in words
    assert [word for word in CANARIES if word in letter.subject + letter.body.reveal()] == []
    assert duties(desk) == [(MIRROR, "told")]


def test_a_recipient_of_weights_alone_gets_no_list_to_filter_with(desk: Desk, mailbox: Mailbox) -> None:
    add_recipient(desk.installation, "Weights only", CONTACT, ["assistant"], OFFICER)
    desk.judged()

    tell_recipient(desk.installation, desk.ticket_id, "Weights only", OFFICER)

    assert "suppression export" not in mailbox.words()
    assert "community" not in mailbox.words()


def test_a_web_address_gets_a_printed_letter(desk: Desk, mailbox: Mailbox) -> None:
    add_recipient(desk.installation, "Board", "https://board.example.org/erasure", ["assistant"], OFFICER)
    desk.judged()

    sent = tell_recipient(desk.installation, desk.ticket_id, "Board", OFFICER)

    assert (sent.state, sent.channel, mailbox.taken) == ("written", "post", [])
    assert sent.path is not None
    assert "To: Board" in sent.path.read_text()


def test_who_received_nothing_of_it_is_not_told(desk: Desk) -> None:
    add_recipient(desk.installation, MIRROR, CONTACT, ["community"], OFFICER)
    desk.locate().keep("records").erase("models")

    with pytest.raises(IllegalMove, match="does not have to be told"):
        tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)


def test_what_a_hold_keeps_back_is_not_told(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()
    place_hold(
        desk.installation, scope_kind="corpus", scope="community", regime="eu-gdpr", ground="LegalClaims", authority_ref="court/17",
        until=None, actor=OFFICER,
    )  # fmt: skip

    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    assert "dataset community" not in mailbox.words()
    assert "language model assistant" in mailbox.words()


def test_an_answer_opens_the_duties_and_names_who_is_silent(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()

    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    assert duties(desk) == [(MIRROR, "due")]
    assert silent(desk) == [(mirror, False)]
    assert f"{MIRROR}: received the material from us and has not told us yet what was done." in mailbox.words()
    assert "WHOM WE TOLD" not in mailbox.words()
    assert desk.where == ("closed", None, "fulfilled")


def test_whoever_was_told_or_answered_is_counted_in_the_letter(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()
    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)
    acknowledge(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    assert "We asked 1 organisation that had received" in mailbox.words()
    assert silent(desk) == []


def test_after_closing_a_recipient_is_still_told_and_its_answer_resolves_what_remained(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)
    assert silent(desk) == [(mirror, False)]
    acknowledge(desk.installation, desk.ticket_id, MIRROR, OFFICER)
    acknowledge(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    assert duties(desk) == [(MIRROR, "acknowledged")]
    assert silent(desk) == [(mirror, True)]
    assert desk.events.count(b"recipient.acknowledged") == 1


def test_a_waiver_is_sealed_told_to_the_person_and_resolves_what_remained(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()

    waive(desk.installation, desk.ticket_id, MIRROR, REASON, OFFICER)
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    assert f"{MIRROR}: {REASON.reveal()}" in mailbox.words()
    assert (duties(desk), silent(desk)) == ([(MIRROR, "waived")], [])
    assert b"dissolved" not in desk.events
    stored = b"".join(path.read_bytes() for path in sorted(desk.installation.home.path.glob("rtbf.db*")))
    assert b"dissolved" not in stored


def test_a_waiver_needs_words_and_an_open_duty(desk: Desk, mirror: str) -> None:
    desk.judged()
    with pytest.raises(BadInput):
        waive(desk.installation, desk.ticket_id, MIRROR, Secret(" "), OFFICER)
    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)
    acknowledge(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    with pytest.raises(IllegalMove, match="whose duty is 'acknowledged'"):
        waive(desk.installation, desk.ticket_id, MIRROR, REASON, OFFICER)


def test_an_answer_to_a_letter_nobody_sent_is_refused(desk: Desk, mirror: str) -> None:
    desk.judged()

    with pytest.raises(IllegalMove):
        acknowledge(desk.installation, desk.ticket_id, MIRROR, OFFICER)


def test_a_recipient_is_told_once_but_reminded_on_purpose(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    desk.judged()
    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    with pytest.raises(IllegalMove, match="a second letter"):
        tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)
    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER, again=True)

    assert mailbox.kinds == ["recipient"] * 2
    assert duties(desk) == [(MIRROR, "told")]


def test_a_letter_to_a_recipient_waits_for_the_mail_server_like_any_other(
    desk: Desk, mirror: str, mailbox: Mailbox, clock: FrozenClock
) -> None:
    desk.judged()
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)
    assert duties(desk) == [(MIRROR, "due")]

    clock.move(seconds=601)
    send_queued(desk.installation)

    assert duties(desk) == [(MIRROR, "told")]


def test_a_retired_recipient_has_no_new_duty_and_keeps_the_old_ones(desk: Desk, mirror: str, mailbox: Mailbox) -> None:
    first = desk.judged()
    tell_recipient(first.installation, first.ticket_id, MIRROR, OFFICER)
    retire_recipient(desk.installation, MIRROR, OFFICER)

    acknowledge(first.installation, first.ticket_id, MIRROR, OFFICER)
    second = open_desk(desk.installation, mailbox=mailbox).locate(hits=builders.footprint().hits).erase("records").keep("models")

    with pytest.raises(IllegalMove, match="does not have to be told"):
        tell_recipient(second.installation, second.ticket_id, MIRROR, OFFICER)
    assert duties(first) == [(MIRROR, "acknowledged")]


def test_events_name_recipients_by_id(desk: Desk, mirror: str) -> None:
    desk.judged()
    tell_recipient(desk.installation, desk.ticket_id, MIRROR, OFFICER)

    sent = [json.loads(leaf) for leaf in desk.events.split(b"\n") if b"notice.sent" in leaf]
    assert sent[0]["data"]["to"] == mirror
    assert b"Mirror" not in desk.events
    assert b"mirror.example" not in desk.events
