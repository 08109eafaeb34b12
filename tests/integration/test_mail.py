"""Letters to a real mail server on loopback: over TLS that is checked, and each kind of refusal under its own name."""

from __future__ import annotations

import contextlib
import email
import ipaddress
import socket
import ssl
import traceback
from datetime import UTC, datetime, timedelta
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rtbf.errors import LetterRefused, MailUnreachable, RTBFError
from rtbf.notice.sender import SMTPSender
from rtbf.vault.secret import Secret
from tests.letters import letter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "ines.canary@example.org"


class Post:
    """Takes letters, or answers RCPT or DATA with a reply of its own."""

    def __init__(self, rcpt: str = "250 OK", data: str = "250 OK") -> None:
        self.rcpt = rcpt
        self.data = data
        self.taken: list[tuple[Envelope, bool]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return f"{self.rcpt} {address}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.data.startswith("250"):
            self.taken.append((envelope, session.ssl is not None))
        return f"{self.data} {CANARY}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(post: Post, **options: Any) -> Iterator[int]:
    """Run a mail server on loopback for the length of the block; give its port."""
    controller = Controller(post, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def certificate(folder: Path, address: str) -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for an IP address; give its file and the server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rtbf test")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{address}.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / f"{address}.key"
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return file, context


def sender(port: int, **changes: Any) -> SMTPSender:
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "starttls": "none",
        "username": None,
        "password": None,
        "from_address": "privacy@example.org",
        "from_name": "Example Language Lab",
        "timeout_s": 10,
    }
    return SMTPSender(**{**usual, **changes})


def refusal(port: int, **changes: Any) -> RTBFError:
    """Send a letter that will not be taken; give the error, whose whole traceback holds nothing of the address."""
    with pytest.raises(RTBFError) as refused:
        sender(port, **changes).send(letter("refusal"), Secret(CANARY), "ntc_01")
    assert "canary" not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None
    return refused.value


def test_a_letter_arrives_over_checked_tls_with_a_login(tmp_path: Path) -> None:
    file, context = certificate(tmp_path, "127.0.0.1")
    post, made = Post(), letter("fulfilment", "de")
    seen: list[Any] = []

    def login(server: Any, session: Any, envelope: Any, mechanism: str, credentials: Any) -> AuthResult:
        seen.append((credentials.login, credentials.password))
        return AuthResult(success=True)

    with serving(post, tls_context=context, require_starttls=True, authenticator=login, auth_required=True) as port:
        secure = sender(port, starttls="required", ca_file=file, username="rtbf", password=Secret("not told"))
        delivery = secure.send(made, Secret(CANARY), "ntc_01")

    ((envelope, is_encrypted),) = post.taken
    message = email.message_from_bytes(envelope.original_content or b"", policy=default)
    assert (delivery, is_encrypted, seen) == ("sent", True, [(b"rtbf", b"not told")])
    assert (envelope.mail_from, envelope.rcpt_tos) == ("privacy@example.org", [CANARY])
    assert (message["Message-ID"], message["Auto-Submitted"]) == ("<ntc_01@example.org>", "auto-generated")
    assert message.get_content().replace("\r\n", "\n") == made.body.reveal()
    assert "not told" not in repr(secure)


@pytest.mark.parametrize(("of", "is_trusted"), [("127.0.0.1", False), ("127.0.0.9", True)], ids=["unknown issuer", "another host's"])
def test_a_certificate_that_is_not_trusted_gets_no_letter(tmp_path: Path, of: str, *, is_trusted: bool) -> None:
    file, context = certificate(tmp_path, of)
    post = Post()

    with serving(post, tls_context=context) as port:
        error = refusal(port, starttls="required", ca_file=file if is_trusted else None)

    assert isinstance(error, MailUnreachable)
    assert error.found == "the mail server's certificate is not trusted for its name"
    assert post.taken == []


def test_a_server_without_starttls_gets_no_letter_in_clear() -> None:
    post = Post()

    with serving(post) as port:
        error = refusal(port, starttls="required")

    assert isinstance(error, MailUnreachable)
    assert "does not offer STARTTLS" in error.found
    assert post.taken == []


def test_a_refused_login_is_tried_again_later(tmp_path: Path) -> None:
    file, context = certificate(tmp_path, "127.0.0.1")

    def login(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    with serving(Post(), tls_context=context, authenticator=login) as port:
        error = refusal(port, starttls="required", ca_file=file, username="rtbf", password=Secret("wrong"))

    assert isinstance(error, MailUnreachable)
    assert error.found == "the mail server refused the login (code 535)"


@pytest.mark.parametrize(
    ("post", "kind", "found"),
    [
        (Post(rcpt="550 No such user"), LetterRefused, "the mail server refused the recipient (code 550)"),
        (Post(rcpt="451 Try later"), MailUnreachable, "the mail server refused the recipient (code 451)"),
        (Post(data="554 Not wanted"), LetterRefused, "the mail server refused the letter (code 554)"),
        (Post(data="452 Full"), MailUnreachable, "the mail server refused the letter (code 452)"),
    ],
    ids=["recipient for good", "recipient for a while", "letter for good", "letter for a while"],
)
def test_a_refusal_is_final_or_an_outage_by_its_code(post: Post, kind: type[RTBFError], found: str) -> None:
    with serving(post) as port:
        error = refusal(port)

    assert (type(error), error.found) == (kind, found)


def test_an_address_outside_ascii_is_refused_where_the_server_cannot_write_it() -> None:
    post = Post()

    with serving(post, enable_SMTPUTF8=False) as port, pytest.raises(LetterRefused, match="no SMTPUTF8"):
        sender(port).send(letter("refusal"), Secret("jö@example.org"), "ntc_01")

    assert post.taken == []


def test_a_server_that_is_not_there_is_an_outage() -> None:
    error = refusal(free_port())

    assert isinstance(error, MailUnreachable)
    assert error.found == "no mail server answers (ConnectionRefusedError)"


def test_a_server_that_says_nothing_is_an_outage_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refusal(silent.getsockname()[1], timeout_s=1)

    assert isinstance(error, MailUnreachable)
    assert error.found == "no mail server answers (SMTPServerDisconnected)"


def test_a_letter_sent_twice_carries_the_same_name() -> None:
    post, made = Post(), letter("refusal")

    with serving(post) as port:
        for _ in range(2):
            sender(port).send(made, Secret(CANARY), "ntc_01")

    names = [email.message_from_bytes(envelope.original_content or b"")["Message-ID"] for envelope, _ in post.taken]
    assert names == ["<ntc_01@example.org>"] * 2
