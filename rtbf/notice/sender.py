"""Send a letter: to a mail server, or into a folder from which others post it.

Refuses to speak to a mail server in clear unless told so, and never repeats the server's words: they may hold the address.
Does not prove that a letter arrived: it says that a server took it, or that a file was written.
An id is written once by the outbox. A mail server cannot be asked what it took before, so a repeated letter
carries the same Message-ID, by which mail programs drop the copy; that it is not repeated at all is the store's duty.
Sources: RFC 3207 §4.1, §6 (STARTTLS; a server that does not offer it may be an attacker's doing), RFC 5321 §4.2.1 (4yz may be
tried again, 5yz not).
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from rtbf.errors import BadInput, LetterRefused, MailUnreachable
from rtbf.files import make_private_folder, replace_file
from rtbf.notice.message import checked_id, checked_sender, compose, domain_of

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from rtbf.errors import RTBFError
    from rtbf.notice.record import Channel, Delivery
    from rtbf.notice.render import Letter
    from rtbf.vault.secret import Secret

_PERMANENT = 500
"""RFC 5321 §4.2.1: reply codes from here on say that the same letter will be refused again."""


class Sender(Protocol):
    """A way out of the house."""

    @property
    def channel(self) -> Channel:
        """Return the channel that a notice sent this way records."""
        ...

    def send(self, letter: Letter, address: Secret, message_id: str) -> Delivery:
        """Send `letter` to `address` under the notice's id, and return how far it came.

        Raises LetterRefused when another try is useless, an Outage when one may succeed.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxSender:
    """Writes `<notice id>.eml` of mode 0600 into a folder of mode 0700, from which somebody else sends or prints it."""

    folder: Path
    from_address: str
    from_name: str
    channel: Channel = "file"

    def send(self, letter: Letter, address: Secret, message_id: str) -> Delivery:
        """Write the letter in one piece. A letter already written under this id stays as it is: it may have been posted."""
        path = self.folder / f"{checked_id(message_id)}.eml"
        if not path.exists():
            message = compose(letter, address, message_id, from_address=self.from_address, from_name=self.from_name)
            make_private_folder(self.folder)
            self.folder.chmod(0o700)
            replace_file(path, message.as_bytes())
        return "written"


@dataclass(frozen=True, kw_only=True, slots=True)
class SMTPSender:
    """Hands letters to one mail server, by default only over TLS with a checked certificate.

    `ca_file` names the certificates that are trusted instead of the system's; `timeout_s` bounds each wait for the server.
    """

    host: str
    port: int
    starttls: Literal["required", "none"]
    username: str | None
    password: Secret | None
    from_address: str
    from_name: str
    timeout_s: int
    ca_file: Path | None = None
    channel: Channel = "email"

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise BadInput(found="half a login for the mail server", expected="a user name and a password, or neither", remedy="set both")
        if self.username is not None and self.starttls == "none":
            raise BadInput(
                found="a mail password without STARTTLS",
                expected="STARTTLS, so that the password stays secret",
                remedy="require it",
            )

    def send(self, letter: Letter, address: Secret, message_id: str) -> Delivery:
        """Hand the letter over, and return "sent" once the server has taken it.

        Raises MailUnreachable when the server cannot be reached, trusted, or asks to wait; LetterRefused when it refuses for good.
        """
        message = compose(letter, address, message_id, from_address=self.from_address, from_name=self.from_name)
        trouble = self._trouble_of_sending(message)
        if trouble is not None:
            # Raised here and not where it was caught: a chained exception would carry the server's words along.
            raise trouble
        return "sent"

    def _trouble_of_sending(self, message: EmailMessage) -> RTBFError | None:
        try:
            # The sender's domain greets the server; smtplib would look our own name up in the network.
            client = smtplib.SMTP(self.host, self.port, local_hostname=domain_of(checked_sender(self.from_address)), timeout=self.timeout_s)
        except OSError as failed:
            return _unreachable(f"no mail server answers ({_kind(failed)})")
        try:
            trouble = self._trouble_of_greeting(client) or _trouble_of_handing_over(client, message)
            if trouble is None:
                # The letter is taken; a server that hangs up without a farewell does not change that.
                with contextlib.suppress(OSError):
                    client.quit()
            return trouble
        finally:
            client.close()

    def _trouble_of_greeting(self, client: smtplib.SMTP) -> RTBFError | None:
        try:
            if self.starttls == "required":
                client.starttls(context=ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file)))
            if self.username is not None and self.password is not None:
                client.login(self.username, self.password.reveal())
        except ssl.SSLCertVerificationError:
            return _unreachable("the mail server's certificate is not trusted for its name")
        except smtplib.SMTPNotSupportedError:
            return _unreachable("the mail server does not offer STARTTLS, or no login over it")
        except smtplib.SMTPAuthenticationError as refused:
            return _unreachable(f"the mail server refused the login (code {refused.smtp_code})")
        except OSError as failed:
            return _unreachable(f"no secure connection to the mail server ({_kind(failed)})")
        return None


def _trouble_of_handing_over(client: smtplib.SMTP, message: EmailMessage) -> RTBFError | None:
    try:
        client.send_message(message)
    except smtplib.SMTPNotSupportedError:
        return _refused("an address outside ASCII, which this mail server does not take (no SMTPUTF8)")
    except smtplib.SMTPRecipientsRefused as refused:
        # One letter has one recipient.
        return _trouble_of_code(min(code for code, _ in refused.recipients.values()), "the recipient")
    except smtplib.SMTPSenderRefused as refused:
        return _trouble_of_code(refused.smtp_code, "the sender's address")
    except smtplib.SMTPResponseException as refused:
        return _trouble_of_code(refused.smtp_code, "the letter")
    except OSError as failed:
        return _unreachable(f"the mail server hung up ({_kind(failed)})")
    return None


def _trouble_of_code(code: int, what: str) -> RTBFError:
    found = f"the mail server refused {what} (code {code})"
    return _refused(found) if code >= _PERMANENT else _unreachable(found)


def _refused(found: str) -> LetterRefused:
    return LetterRefused(
        found=found, expected="a letter and an address that it delivers", remedy="ask the person for another address, or write by post"
    )


def _unreachable(found: str) -> MailUnreachable:
    return MailUnreachable(
        found=found,
        expected="a mail server that takes the letter over TLS",
        remedy="check RTBF_MAIL_HOST, RTBF_MAIL_PORT and the login; the letter waits and is tried again",
    )


def _kind(failed: OSError) -> str:
    return type(failed).__name__
