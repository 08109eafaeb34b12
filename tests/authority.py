"""A time-stamping authority of our own, made with `openssl ts`: honest answers, and every dishonest one that we must refuse.

Certificates are made by `cryptography` (openssl's own commands cannot set dates). `openssl ts` stamps with the machine's
time; what it refuses to sign (another time, a certificate that is not for time-stamping) is signed by `openssl cms`.
"""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

URL = "https://tsa.example.org/stamp"
FROM, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
TST_INFO = "1.2.840.113549.1.9.16.1.4"
REFUSED = bytes.fromhex("30053003020102")
"""A TimeStampResp whose status is 2, rejection, and which has no token (RFC 3161 section 2.4.2)."""

_CONFIG = """
[ tsa ]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
ess_cert_id_alg = sha256
"""


@dataclass(kw_only=True)
class Authority:
    """One root and one signing certificate under it. `asked` keeps the queries that came in."""

    folder: Path
    root: x509.Certificate
    root_key: ec.EllipticCurvePrivateKey
    name: str
    asked: list[bytes] = field(default_factory=list)

    @property
    def roots(self) -> tuple[bytes, ...]:
        return (self.root.public_bytes(serialization.Encoding.DER),)

    @property
    def root_file(self) -> Path:
        return self.folder / "root.pem"

    def post(self, _url: str, body: bytes, _timeout_s: int) -> bytes:
        """Answer a query as an honest authority does."""
        self.asked.append(body)
        return self.answer(body)

    def answer(self, query: bytes, *, chain: bool = False) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        more = ("-chain", str(self.root_file)) if chain else ()
        _openssl(
            "ts", "-reply", "-config", str(self.folder / "ts.cnf"), "-section", "tsa",
            "-queryfile", str(self.folder / "query.tsq"), "-out", str(self.folder / "answer.tsr"), *more,
        )  # fmt: skip
        return (self.folder / "answer.tsr").read_bytes()

    def by_hand(
        self,
        content: bytes,
        *,
        at: str = "20260302120000Z",
        usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        valid: tuple[datetime, datetime] = (FROM, UNTIL),
        is_critical: bool = True,
        beside: Sequence[x509.Certificate] = (),
        names_signer: bool = True,
    ) -> bytes:
        """Return a token over a TSTInfo of any time, signed under any certificate of this root."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = self.issue(key, usages=usages, valid=valid, is_critical=is_critical, serial=7_777)
        return self.signed(content, key, signer, at=at, beside=beside, names_signer=names_signer)

    def signed(
        self,
        content: bytes,
        key: ec.EllipticCurvePrivateKey,
        signer: x509.Certificate,
        *,
        at: str,
        beside: Sequence[x509.Certificate] = (),
        names_signer: bool = True,
    ) -> bytes:
        _write_key(self.folder / "hand.key", key)
        (self.folder / "hand.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        (self.folder / "beside.pem").write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in beside))
        (self.folder / "tst.der").write_bytes(tst_info(content, at))
        more = [*(("-certfile", str(self.folder / "beside.pem")) if beside else ()), *(("-cades",) if names_signer else ())]
        _openssl(
            "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-econtent_type", TST_INFO, "-outform", "DER",
            "-in", str(self.folder / "tst.der"), "-signer", str(self.folder / "hand.pem"), "-inkey", str(self.folder / "hand.key"),
            "-out", str(self.folder / "hand.der"), *more,
        )  # fmt: skip
        return der(0x30, der(0x30, b"\x02\x01\x00") + (self.folder / "hand.der").read_bytes())

    def issue(
        self,
        key: ec.EllipticCurvePrivateKey,
        *,
        usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        valid: tuple[datetime, datetime] = (FROM, UNTIL),
        is_critical: bool = True,
        serial: int = 2,
        padding: int = 0,
    ) -> x509.Certificate:
        """Return a signer's certificate; `padding` makes it longer, which is how DER orders a SET."""
        made = _certificate(f"signer{'x' * padding}", key, self.root.subject, valid, serial)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if usages:
            made = made.add_extension(x509.ExtendedKeyUsage(list(usages)), critical=is_critical)
        return made.sign(self.root_key, hashes.SHA256())


def make_authority(folder: Path, name: str = "Test TSA root", valid: tuple[datetime, datetime] = (FROM, UNTIL)) -> Authority:
    """Return an authority whose signing certificate is valid at those times; its files lie in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    root = (
        _certificate(name, root_key, subject, (FROM, UNTIL), 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    made = Authority(folder=folder, root=root, root_key=root_key, name=name)
    made.root_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.pem").write_bytes(made.issue(key, valid=valid).public_bytes(serialization.Encoding.PEM))
    _write_key(folder / "tsa.key", key)
    (folder / "serial").write_text("0A\n", encoding="ascii")
    (folder / "ts.cnf").write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    return made


def verified_by_openssl(token: bytes, content: bytes, authority: Authority) -> bool:
    """Return whether `openssl ts -verify`, a second implementation, accepts the token under the authority's CA file."""
    folder = authority.folder
    (folder / "seen.tsr").write_bytes(token)
    (folder / "seen.bin").write_bytes(content)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", folder / "seen.bin", "-in", folder / "seen.tsr", "-CAfile", authority.root_file],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def time_by_openssl(token: bytes, authority: Authority) -> datetime:
    """Return the time in the token as `openssl ts -text` prints it."""
    (authority.folder / "seen.tsr").write_bytes(token)
    text = _openssl("ts", "-reply", "-in", str(authority.folder / "seen.tsr"), "-text").decode()
    line = next(line for line in text.splitlines() if line.startswith("Time stamp:"))
    return datetime.strptime(line.removeprefix("Time stamp: "), "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)


def tst_info(content: bytes, at: str) -> bytes:
    """Return the DER TSTInfo over the content's SHA-256 (RFC 3161 section 2.4.2) with `at` as its GeneralizedTime."""
    sha256 = bytes.fromhex("300d06096086480165030402010500")
    imprint = der(0x30, sha256 + der(0x04, hashlib.sha256(content).digest()))
    policy = der(0x06, bytes.fromhex("2a030401"))  # 1.2.3.4.1
    return der(0x30, b"\x02\x01\x01" + policy + imprint + b"\x02\x01\x63" + der(0x18, at.encode()))


def der(tag: int, body: bytes) -> bytes:
    """Return one DER value (X.690 section 8.1)."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, valid: tuple[datetime, datetime], serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def _openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout
