"""Put a letter into an envelope: one RFC 5322 message whose every header comes from what is handed in.

No Bcc, no header of our own making (X-…): nothing in it tells more than the letter does. The same letter under the same
id gives the same bytes, so a letter that is tried twice can be recognised by its Message-ID.
Sources: RFC 5322 (message), RFC 3834 §5 (Auto-Submitted: no out-of-office reply comes back), RFC 3282 (Content-Language),
RFC 6532 (addresses outside ASCII).
"""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import TYPE_CHECKING

import email_validator

from rtbf.errors import BadInput, LetterRefused
from rtbf.notice.plain import one_line

if TYPE_CHECKING:
    from rtbf.notice.render import Letter
    from rtbf.vault.secret import Secret

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def compose(letter: Letter, address: Secret, message_id: str, *, from_address: str, from_name: str) -> EmailMessage:
    """Return the message that carries `letter` to `address`.

    Raises LetterRefused when `address` is no e-mail address, without repeating it; BadInput for a wrong sender or id.
    """
    sender, to = checked_sender(from_address), _recipient(address)
    is_ascii = sender.isascii() and to.isascii()
    message = EmailMessage(policy=SMTP if is_ascii else SMTPUTF8)
    message["From"] = _mailbox(sender, one_line(from_name))
    message["To"] = _mailbox(to, "")
    message["Subject"] = letter.subject
    message["Date"] = letter.written_at
    message["Message-ID"] = f"<{checked_id(message_id)}@{domain_of(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable passes through every relay; eight-bit text does not, and long lines are split without harm.
    message.set_content(letter.body.reveal(), cte="quoted-printable")
    # Last, because setting the content drops what was said of an earlier one.
    message["Content-Language"] = letter.locale
    return message


def checked_id(message_id: str) -> str:
    """Return `message_id` when it can be a file name and the left part of a Message-ID; raises BadInput otherwise."""
    if _ID.fullmatch(message_id) is None:
        raise BadInput(
            found="an id that cannot name a letter", expected="1 to 80 letters, digits, '_' or '-'", remedy="use the notice's own id"
        )
    return message_id


def checked_sender(from_address: str) -> str:
    """Return the address that letters come from, in its ASCII spelling where there is one; raises BadInput when it is none."""
    spelled = _spelled(from_address)
    if spelled is None:
        raise BadInput(
            found="a sender's address that is no e-mail address",
            expected="an address such as privacy@example.org",
            remedy="set RTBF_MAIL_FROM",
        )
    return spelled


def domain_of(address: str) -> str:
    """Return what stands behind the @ of an address."""
    return address.rpartition("@")[2]


def _mailbox(address: str, name: str) -> Address:
    # Given whole (`addr_spec`), an address outside ASCII is refused even where RFC 6532 permits it.
    local, _, domain = address.rpartition("@")
    return Address(name, username=local, domain=domain)


def _recipient(address: Secret) -> str:
    spelled = _spelled(address.reveal())
    if spelled is None:
        raise LetterRefused(
            found="an address that is no e-mail address",
            expected="one address such as name@example.org",
            remedy="ask the person for another",
        )
    return spelled


def _spelled(address: str) -> str | None:
    """Return one lawful address in ASCII if it can be written so (RFC 5891), else as it is; None for anything else."""
    try:
        checked = email_validator.validate_email(address, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return checked.ascii_email or checked.normalized
