"""The words of letters that the pipeline writes: true, complete, in the reader's language, and nowhere else."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
import yaml
from sqlalchemy import text as sql

from rtbf.errors import IllegalMove, LetterIncomplete, MailUnreachable
from rtbf.notice.wording import BUILT_IN, known_locales
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.holds import place_hold
from rtbf.pipeline.identity import ask_identity
from rtbf.pipeline.notices import preview_notice, send_identity_request, send_notice, send_queued, ticket_notices
from rtbf.pipeline.outcome_fields import ROLE_OF
from rtbf.report.residuals import RESIDUALS
from rtbf.store.residuals import residuals_of
from rtbf.ticket.identity import DOUBTS
from rtbf.vault.envelope import commitment
from rtbf.vault.secret import Secret
from tests import builders
from tests.desk import CANARIES, COLLEAGUE, EMAIL, LATER_S, NAME, OFFICER, REASON, Desk, Mailbox, letters_of, open_desk, over, states

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.installed import FrozenClock


def test_a_german_ticket_gets_a_german_letter(installation: Installation, mailbox: Mailbox) -> None:
    desk = open_desk(installation, mailbox=mailbox, locale="de-AT").judged()

    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    words = mailbox.words()
    assert "Wir haben Ihren Antrag ausgeführt." in words
    assert "Zuständig: unser Modellteam." in words
    assert "Responsible" not in words


def test_a_language_without_letters_gets_the_organisations_own(installation: Installation, mailbox: Mailbox) -> None:
    desk = open_desk(replace(installation, policy=replace(installation.policy, locale="de")), mailbox=mailbox, locale="fr")

    send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)

    assert ticket_notices(desk.installation, desk.ticket_id)[0].locale == "de"


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("controller_name", "RTBF_CONTROLLER_NAME"),
        ("controller_contact", "RTBF_CONTROLLER_CONTACT"),
        ("authority_name", "RTBF_AUTHORITY_NAME"),
    ],
)
def test_a_missing_setting_is_named_and_nothing_is_stored(installation: Installation, mailbox: Mailbox, name: str, setting: str) -> None:
    at = replace(installation, policy=replace(installation.policy, **{name: None}))
    desk = open_desk(at, mailbox=mailbox).locate(hits=(), models=())

    with pytest.raises(LetterIncomplete, match=setting):
        send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)

    assert (states(desk), mailbox.taken) == ([], [])


def test_a_californian_refusal_needs_to_know_whether_data_are_sold(installation: Installation, mailbox: Mailbox) -> None:
    at = replace(installation, policy=replace(installation.policy, sells_or_shares=None))
    desk = open_desk(at, mailbox=mailbox, regime="us-ca-ccpa")

    with pytest.raises(LetterIncomplete, match="RTBF_SELLS_OR_SHARES"):
        send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **REASON)


def test_what_is_kept_is_told_with_its_code_and_reasons(desk: Desk, mailbox: Mailbox) -> None:
    desk.locate().keep(reasoning="The court of Example asked us to keep them.")

    send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER)

    words = mailbox.words()
    assert "It is needed to bring or defend a legal claim (Art. 17(3)(e)). The court of Example asked us to keep them." in words
    # 20 records and a model, decided together: one reason, told once.
    assert words.count("The court of Example") == 1


def test_a_partial_answer_names_what_is_kept_restricted_held_and_left(desk: Desk, mailbox: Mailbox) -> None:
    place_hold(
        desk.installation, scope_kind="record", scope=f"community@{builders.sha(4)}#" + "0" * 12 + ":1", regime="eu-gdpr",
        ground="LegalClaims", authority_ref="court/17", until=None, actor=OFFICER,
    )  # fmt: skip
    desk.locate().erase("records").keep("1").rule("2", "restrict", reasoning="We look closer.").keep("models")

    send_notice(desk.installation, desk.ticket_id, "partial", OFFICER)

    words = mailbox.words()
    assert "Nothing has been deleted or changed so far." in words
    assert "we use it for nothing meanwhile. We look closer. (reason code: rtbf:Restricted)" in words
    assert "- assistant: It is needed to bring or defend a legal claim" in words
    # 30 days of the policy after 2 March.
    assert "deleted from the dataset itself. We look at this again on 1 April 2026. Responsible: the team that keeps our datasets." in words


def test_what_a_hold_keeps_back_remains_until_the_hold_ends(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.locate().erase()
    place_hold(
        desk.installation, scope_kind="corpus", scope="community", regime="eu-gdpr", ground="LegalClaims", authority_ref="court/17",
        until=clock().replace(month=9), actor=OFFICER,
    )  # fmt: skip

    send_notice(desk.installation, desk.ticket_id, "partial", OFFICER)

    assert (
        "community: must be kept for legal proceedings or an authority. We look at this again on 2 September 2026. "
        "Responsible: our privacy office."
    ) in mailbox.words()


def test_a_model_is_told_of_with_the_claim_of_its_verdict(desk: Desk, mailbox: Mailbox) -> None:
    desk.judged()

    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    verification = desk.view.verification
    assert verification is not None
    assert " ".join(verification.verdict.claim.split()) in mailbox.words()
    assert "assistant: the model was changed, with the aim that it no longer gives your records away." in mailbox.words()
    assert "assistant: earlier versions of this model still hold what they held" in mailbox.words()


def test_the_slip_opens_the_commitments_of_the_ticket(desk: Desk, mailbox: Mailbox) -> None:
    desk.locate(hits=(), models=())

    send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)

    lines = [line.strip() for line in mailbox.taken[0][2].body.reveal().splitlines()]
    nonces = [bytes.fromhex(lines[place + 1]) for place, line in enumerate(lines) if line == "nonce"]
    made = [commitment(nonce, kind, Secret(value)) for nonce, (kind, value) in zip(nonces, (("name", NAME), ("email", EMAIL)), strict=True)]
    assert made == [mark.commitment for mark in desk.view.ticket.identifiers]


def test_a_namesakes_records_are_told_as_examined_and_the_ticket_closes_as_no_data(desk: Desk, mailbox: Mailbox) -> None:
    desk.locate().rule("all", "not_about_subject")

    send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)
    close_ticket(desk.installation, desk.ticket_id, "no_data", COLLEAGUE)

    assert "20 records match what you gave us; a person here examined each, and none is about you." in mailbox.words()
    assert "found nothing that matches" not in mailbox.words()
    assert desk.where == ("closed", None, "no_data")


def test_one_record_about_the_person_forbids_no_data(desk: Desk) -> None:
    desk.locate().rule("all", "not_about_subject").keep("7")

    with pytest.raises(IllegalMove):
        send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)
    assert desk.where == ("planning", "need_decision", None)


def test_no_data_says_where_nobody_looked(desk: Desk, mailbox: Mailbox) -> None:
    gaps = (
        *builders.footprint().not_searched,
        replace(builders.footprint().not_searched[0], kind="identifier", name="2", reason="too_few_digits"),
    )
    desk.locate(hits=(), models=(), not_searched=gaps)

    send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)

    assert (
        "WHERE WE DID NOT LOOK - vendor-chat: its training data is not recorded here - e-mail address (2): it has too few digits to be "
        "searched for - community: places in it that could not be read: 3"
    ) in mailbox.words()


def test_who_could_not_be_confirmed_is_told_why(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    over(desk, clock)

    send_notice(desk.installation, desk.ticket_id, "unverified", OFFICER)
    close_ticket(desk.installation, desk.ticket_id, "unverified", COLLEAGUE)

    assert "We asked you to confirm the request and had no answer in time." in mailbox.words()
    assert desk.where == ("closed", None, "unverified")


def test_the_identity_request_alone_holds_the_code(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    asked_now = ask_identity(desk.installation, desk.ticket_id, "email_code", "unknown_sender", OFFICER)
    assert asked_now.code is not None

    send_identity_request(desk.installation, desk.ticket_id, asked_now, OFFICER)

    words, code = mailbox.words(), asked_now.code.reveal()
    assert code in words
    assert "The request came from an address or account that we do not know as yours." in words
    assert "valid until 5 March 2026, 12:00 (UTC)" in words
    assert "stands still from today until you have replied" in words
    assert code.encode() not in desk.events + everything_stored(desk)
    with desk.installation.transaction() as session:
        assert clock_of(session, desk.ticket_id, clock()).is_suspended


def test_a_question_after_the_deadline_promises_no_standstill(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    clock.move(days=40)
    asked_now = ask_identity(desk.installation, desk.ticket_id, "in_person", "high_risk", OFFICER)

    send_identity_request(desk.installation, desk.ticket_id, asked_now, OFFICER)

    assert "runs on while we wait for your reply" in mailbox.words()


def test_a_waiting_code_of_a_replaced_check_is_never_sent(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.away = 1
    first = ask_identity(desk.installation, desk.ticket_id, "email_code", "unknown_sender", OFFICER)
    with pytest.raises(MailUnreachable):
        send_identity_request(desk.installation, desk.ticket_id, first, OFFICER)
    clock.move(seconds=1)
    second = ask_identity(desk.installation, desk.ticket_id, "email_code", "unknown_sender", OFFICER)

    send_identity_request(desk.installation, desk.ticket_id, second, OFFICER)
    clock.move(seconds=LATER_S)

    assert send_queued(desk.installation) == 0
    assert [state for _, state in states(desk)] == ["dropped", "sent"]
    assert len(mailbox.taken) == 1


def test_a_preview_is_the_letter_and_changes_nothing(desk: Desk, mailbox: Mailbox) -> None:
    desk.judged()
    before = (desk.events, desk.where)

    shown = preview_notice(desk.installation, desk.ticket_id, "fulfilment")

    assert (desk.events, desk.where, states(desk), mailbox.taken) == (*before, [], [])
    with desk.installation.transaction() as session:
        assert not residuals_of(session, desk.ticket_id)
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)
    assert mailbox.taken[0][2].body.reveal() == shown.body.reveal()


def test_the_person_stands_in_no_row_event_file_name_error_or_log(
    installation: Installation, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    troubled = Mailbox(away=1)
    desk = open_desk(installation, mailbox=troubled)
    with pytest.raises(MailUnreachable) as unreachable:
        send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)
    quiet = replace(desk, installation=installation)
    send_notice(quiet.installation, desk.ticket_id, "acknowledgement", OFFICER)
    refusal = {**REASON, "text": Secret(f"{NAME} asked in January.")}
    send_notice(quiet.installation, desk.ticket_id, "refusal", OFFICER, **refusal)
    with pytest.raises(IllegalMove) as twice:
        send_notice(quiet.installation, desk.ticket_id, "refusal", OFFICER, **refusal)

    told = (
        "".join("".join(traceback.format_exception(error.value)) for error in (unreachable, twice)) + str(capsys.readouterr()) + caplog.text
    )
    names = " ".join(str(path) for path in installation.home.path.rglob("*"))
    stored = (desk.events + everything_stored(desk)).decode("latin-1")
    assert len(letters_of(desk)) == 2
    assert [word for word in CANARIES for place in (told, names, stored) if word in place] == []


def everything_stored(desk: Desk) -> bytes:
    with desk.installation.engine.connect() as connection:
        connection.execute(sql("SELECT 1"))
    return b"".join(path.read_bytes() for path in sorted(desk.installation.home.path.glob("rtbf.db*")))


@pytest.mark.parametrize("locale", known_locales(None))
def test_every_reason_doubt_and_role_has_words_in_every_locale(locale: str) -> None:
    labels = yaml.safe_load((BUILT_IN / locale / "locale.yaml").read_text(encoding="utf-8"))["labels"]

    assert set(RESIDUALS) - set(labels["residuals"]) == set()
    assert set(RESIDUALS) == set(ROLE_OF)
    assert set(ROLE_OF.values()) == set(labels["roles"])
    assert set(DOUBTS) == set(labels["doubts"])
    assert set(labels["gaps"]) == {
        "outside_ticket_scope", "training_data_not_recorded", "base_training_data_not_recorded", "training_data_not_searched",
        "files_changed", "files_unreadable", "corpus_version_not_registered", "nothing_to_compare", "too_few_digits", "unread",
    }  # fmt: skip


def test_the_shredding_day_in_a_letter_is_the_policys(desk: Desk, mailbox: Mailbox) -> None:
    desk.judged()

    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    # 2 March 2026 and 90 days.
    assert desk.view.shred_due_at is not None
    assert desk.view.shred_due_at.date() == date(2026, 5, 31)
    assert "We destroy our copy of the nonces on 31 May 2026." in mailbox.words()
