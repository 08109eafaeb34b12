"""A letter in the outbox is one private file that names nobody, and its headers hold only what was handed in."""

from __future__ import annotations

import email
import stat
import traceback
from email.policy import default
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import BadInput, LetterRefused
from rtbf.notice.message import compose
from rtbf.notice.sender import OutboxSender, SMTPSender
from rtbf.vault.secret import Secret
from tests.letters import letter

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

CANARY = "ines.canary@example.org"


@pytest.fixture
def outbox(tmp_path: Path) -> OutboxSender:
    """A sender into a folder that does not exist yet."""
    return OutboxSender(folder=tmp_path / "letters" / "out", from_address="privacy@example.org", from_name="Example Language Lab")


def read(path: Path) -> EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=default)


def test_a_letter_is_one_private_file_named_by_its_id(outbox: OutboxSender) -> None:
    delivery = outbox.send(letter("acknowledgement", "de"), Secret(CANARY), "ntc_01")

    (path,) = outbox.folder.iterdir()
    assert (delivery, path.name, outbox.channel) == ("written", "ntc_01.eml", "file")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox.folder.stat().st_mode) == 0o700


def test_the_headers_are_these_and_no_others(outbox: OutboxSender) -> None:
    outbox.send(letter("acknowledgement", "de"), Secret(CANARY), "ntc_01")

    message = read(outbox.folder / "ntc_01.eml")
    assert dict(message.items()) == {
        "From": "Example Language Lab <privacy@example.org>",
        "To": CANARY,
        "Subject": "Wir haben Ihren Löschantrag erhalten (tkt_9f3a61c2d4e5b708)",
        "Date": "Mon, 02 Mar 2026 13:00:00 +0100",
        "Message-ID": "<ntc_01@example.org>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "de",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }


def test_the_body_arrives_as_it_was_written(outbox: OutboxSender) -> None:
    made = letter("fulfilment", "de")

    outbox.send(made, Secret(CANARY), "ntc_02")

    raw = (outbox.folder / "ntc_02.eml").read_bytes()
    assert read(outbox.folder / "ntc_02.eml").get_content().replace("\r\n", "\n") == made.body.reveal()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_a_letter_already_written_stays_as_it_is(outbox: OutboxSender) -> None:
    outbox.send(letter("acknowledgement"), Secret(CANARY), "ntc_03")
    before = (outbox.folder / "ntc_03.eml").read_bytes()

    again = outbox.send(letter("refusal"), Secret(CANARY), "ntc_03")

    assert again == "written"
    assert (outbox.folder / "ntc_03.eml").read_bytes() == before


def test_the_same_letter_gives_the_same_bytes() -> None:
    def message() -> bytes:
        sent = compose(letter("refusal"), Secret(CANARY), "ntc_04", from_address="privacy@example.org", from_name="Example Lab")
        return sent.as_bytes()

    assert message() == message()


@pytest.mark.parametrize(
    "address",
    [
        "ines.canary",
        "ines.canary@example.org\r\nBcc: x@example.org",
        "ines.canary@example.org, x@example.org",
        "Ines <ines.canary@example.org>",
        "ines.canary\u202e@example.org",
        "",
    ],
)
def test_what_is_not_one_address_is_refused_and_not_repeated(outbox: OutboxSender, address: str) -> None:
    with pytest.raises(LetterRefused) as refused:
        outbox.send(letter("acknowledgement"), Secret(address), "ntc_05")

    assert "canary" not in "".join(traceback.format_exception(refused.value))
    assert not outbox.folder.exists()


@pytest.mark.parametrize("message_id", ["", "../ntc", "ntc 1", "ntc\r\nBcc: x", "ines@example.org", "n" * 81])
def test_an_id_that_cannot_name_a_file_is_refused(outbox: OutboxSender, message_id: str) -> None:
    with pytest.raises(BadInput, match="an id that cannot name a letter"):
        outbox.send(letter("acknowledgement"), Secret(CANARY), message_id)


def test_a_domain_outside_ascii_travels_in_its_ascii_spelling(outbox: OutboxSender) -> None:
    outbox.send(letter("acknowledgement"), Secret("jo@bücher.example"), "ntc_06")

    assert b"To: jo@xn--bcher-kva.example\r\n" in (outbox.folder / "ntc_06.eml").read_bytes()


def test_a_mailbox_outside_ascii_is_written_as_it_is(outbox: OutboxSender) -> None:
    outbox.send(letter("acknowledgement"), Secret("jö@example.org"), "ntc_07")

    assert "To: jö@example.org\r\n".encode() in (outbox.folder / "ntc_07.eml").read_bytes()


def test_the_senders_name_starts_no_header(tmp_path: Path) -> None:
    sender = OutboxSender(folder=tmp_path, from_address="privacy@example.org", from_name="Lab\r\nBcc: x@example.org")

    sender.send(letter("acknowledgement"), Secret(CANARY), "ntc_08")

    assert "Bcc" not in read(tmp_path / "ntc_08.eml")


def test_a_wrong_senders_address_names_the_setting(tmp_path: Path) -> None:
    sender = OutboxSender(folder=tmp_path, from_address="privacy", from_name="Lab")

    with pytest.raises(BadInput, match="set RTBF_MAIL_FROM"):
        sender.send(letter("acknowledgement"), Secret(CANARY), "ntc_09")


@pytest.mark.parametrize(
    ("username", "password", "trouble"),
    [("rtbf", Secret("pw"), "a mail password without STARTTLS"), ("rtbf", None, "half a login"), (None, Secret("pw"), "half a login")],
)
def test_a_login_is_whole_and_never_sent_in_clear(username: str | None, password: Secret | None, trouble: str) -> None:
    with pytest.raises(BadInput, match=trouble):
        SMTPSender(
            host="mail.example.org",
            port=587,
            starttls="none",
            username=username,
            password=password,
            from_address="privacy@example.org",
            from_name="Lab",
            timeout_s=5,
        )
