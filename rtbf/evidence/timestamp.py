"""Time-stamps of an outside authority (RFC 3161): ask for one, and read one back.

Our own clock proves nothing about when a report was made. A time-stamping authority signs the SHA-256 of the envelope
together with its own time; it sees the digest and never the report.

Refuses when asking: an answer that is not granted, or is about another digest, or about another request (nonce), or
without a certificate, or too large. Refuses when reading: a signature that does not hold, a signer's certificate that
does not lead to one of the given roots or was not valid at the stamped time, one that is not for time-stamping alone
(RFC 3161 section 2.3: critical extended key usage), a token in which two certificates could be the signer's, and one
that does not name its signer's certificate by digest (section 2.4.2).
Does not prove: that the content is older than the token by any length of time, nor that the authority is honest; nor
whether its certificate was revoked: no revocation lists are fetched.

Known trap: DER orders a SET by its members' bytes (X.690 section 11.6). OpenSSL 3.0 writes the certificates of a token
in the order it met them, so an authority that runs `openssl ts` with `-chain` or `certs =` gives tokens that
rfc3161-client refuses to parse. Such an authority must send its own certificate alone, with the issuer among the roots.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from cryptography import x509

from rtbf.errors import BadInput, ExtraMissing, TimeStampUnavailable

try:
    import rfc3161_client
    from asn1crypto import tsp
except ImportError:  # Reports are issued and checked without the extra; the step is then not decided.
    rfc3161_client = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

MAX_TOKEN_BYTES = 1 << 18
"""A token with its chain is 1 to 10 KiB; some authorities add revocation lists."""

_GRANTED = 0
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_ESS_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512"})
"""SHA-1 is what the attribute's first form has (RFC 2634 section 5.4.1); the signature over it is by the token's own digest."""
_PIECE_BYTES = 1 << 14
_OPENSSL_REASON = re.compile(r'Verify error: ([^"]+)"')
"""The words in OpenSSL's error stack; file names and line numbers of its source help nobody."""
_REMEDY = "the report is good without it; `rtbf upkeep` asks again"


def http_post(url: str, body: bytes, timeout_s: int) -> bytes:
    """Return the authority's answer to a query sent by HTTP or HTTPS (RFC 3161 section 3.4).

    `timeout_s` bounds each wait for the network, and the whole of the answer's body. Redirects are not followed. A user
    name and password in the address go into a Basic header, over HTTPS only. Raises TimeStampUnavailable, which names
    the host and nothing else of the address; BadInput for an address that is not http or https.
    """
    plain_url, headers = _address(url)
    request = urllib.request.Request(plain_url, data=body, headers=headers, method="POST")  # noqa: S310 - the scheme was checked
    until = time.monotonic() + timeout_s
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout_s) as answer:
            return _read(answer, until, url)
    except urllib.error.HTTPError as failed:
        failed.close()
        raise _unavailable(url, f"HTTP status {failed.code}", "status 200") from None
    except (OSError, http.client.HTTPException, ValueError) as failed:
        reason = getattr(failed, "reason", failed)
        raise _unavailable(url, f"no answer ({type(reason).__name__})", "one within the time set") from None


def request_time_stamp(content: bytes, url: str, timeout_s: int, post: Callable[[str, bytes, int], bytes] = http_post) -> bytes:
    """Return the authority's answer for `content`: a DER TimeStampResp that is granted, about this content and this request.

    The query carries the SHA-256 of `content`, a random nonce, and asks for the certificates. The signature is not
    checked here, since that takes the authority's roots: `read_time_stamp` does. Raises TimeStampUnavailable for
    whatever goes wrong on the way, ExtraMissing without rfc3161-client, ValueError for empty content.
    """
    _require_extra()
    builder = rfc3161_client.TimestampRequestBuilder().data(content).hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    query = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    answer = post(url, query.as_bytes(), timeout_s)
    try:
        with _refusals_named():
            stamped = _granted(answer)
            _require_about(stamped, content)
            if stamped.tst_info.nonce != query.nonce:
                raise ValueError("an answer to another request (nonce)")
            if not stamped.signed_data.certificates:
                raise ValueError("an answer without the authority's certificate")
    except ValueError as refused:
        raise _unavailable(url, str(refused), "a granted time-stamp of this content") from None
    return answer


def read_time_stamp(token: bytes, content: bytes, roots: Sequence[bytes]) -> datetime:
    """Return the time, UTC, at which the authority saw `content`, from a DER TimeStampResp.

    `roots` are DER certificates that the reader trusts; issuers in between may stand in the token. Certificates are
    judged at the stamped time, so a token outlives them. Raises ValueError for every other token or root, ExtraMissing
    without rfc3161-client. Proves: an authority under one of the roots signed this content's digest with this time.
    """
    _require_extra()
    with _refusals_named():
        trusted = _roots(roots)
        stamped = _granted(token)
        _require_about(stamped, content)
        _require_named_certificate(token, _signers_certificate(stamped))
        _require_chain(stamped, content, trusted)
        stamped_at: datetime = stamped.tst_info.gen_time
        if stamped_at.tzinfo is None:
            raise ValueError("a time without a zone")
        return stamped_at.astimezone(UTC)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An authority's address is configured: wherever a redirect leads was not."""

    def redirect_request(self, *_redirect: Any) -> None:  # noqa: ANN401 - urllib's own hook
        """Follow nothing; urllib then reports the redirect as an HTTP error."""


def _address(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without user name and password, and the headers, which carry them."""
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply", "User-Agent": "rtbf"}
    try:
        place = urlsplit(url)
        is_known = place.scheme in {"http", "https"} and bool(place.hostname)
        is_open = place.scheme == "http" and "@" in place.netloc
    except ValueError:
        is_known = is_open = False
    if not is_known or is_open:
        raise BadInput(
            found="a user name in a plain http address" if is_open else "an authority's address that is none",
            expected="an https address, or an http one without user name and password",
            remedy="set RTBF_TSA_URL",
        )
    user, at, host = place.netloc.rpartition("@")
    if at:
        headers["Authorization"] = "Basic " + base64.standard_b64encode(unquote(user).encode()).decode()
    return urlunsplit((place.scheme, host, place.path, place.query, "")), headers


def _read(answer: Any, until: float, url: str) -> bytes:  # noqa: ANN401 - http.client's response behind urllib's type
    """Return the body. `read1` waits for the network once, so that an answer that drips is noticed as well."""
    body = b""
    while piece := answer.read1(_PIECE_BYTES):
        body += piece
        if len(body) > MAX_TOKEN_BYTES:
            raise _unavailable(url, f"an answer larger than {MAX_TOKEN_BYTES} bytes", "a time-stamp")
        if time.monotonic() > until:
            raise _unavailable(url, "an answer that did not end in time", "one within the time set")
    return body


def _unavailable(url: str, found: str, expected: str) -> TimeStampUnavailable:
    return TimeStampUnavailable(found=f"time-stamping authority {urlsplit(url).hostname}: {found}", expected=expected, remedy=_REMEDY)


def _require_extra() -> None:
    if rfc3161_client is None:
        raise ExtraMissing(found="no rfc3161-client package", expected="the time extra", remedy="pip install 'rtbf[time]'")


@contextlib.contextmanager
def _refusals_named() -> Iterator[None]:
    """Turn whatever the library raises into ValueError, a Rust panic included, which is no Exception in Python."""
    try:
        yield
    except rfc3161_client.VerificationError as refused:
        because = _OPENSSL_REASON.search(str(refused))
        raise ValueError(f"a token that does not verify: {because.group(1) if because else refused}") from None
    except ValueError as refused:
        if "InvalidSetOrdering" in str(refused):
            raise ValueError("a token whose certificates are not in DER order, as OpenSSL 3.0 writes chains") from None
        if "ASN.1" in str(refused):
            raise ValueError("not a time-stamp response in DER") from None
        raise
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as failed:
        if isinstance(failed, Exception) or type(failed).__name__ == "PanicException":
            raise ValueError(f"a token that cannot be read ({type(failed).__name__})") from None
        raise


def _granted(answer: bytes) -> Any:  # noqa: ANN401 - the library's TimeStampResponse, which is untyped without the extra
    """Return the answer, parsed. Status first: a refusal has no token, and looking for one would be a panic."""
    if len(answer) > MAX_TOKEN_BYTES:
        raise ValueError(f"larger than {MAX_TOKEN_BYTES} bytes")
    stamped = rfc3161_client.decode_timestamp_response(answer)
    if stamped.status != _GRANTED:
        raise ValueError(f"a time-stamp that was not granted as asked (status {stamped.status})")
    return stamped


def _require_about(stamped: Any, content: bytes) -> None:  # noqa: ANN401 - as _granted
    imprint = stamped.tst_info.message_imprint
    if imprint.hash_algorithm != _SHA256 or imprint.message != hashlib.sha256(content).digest():
        raise ValueError("a time-stamp of other content")


def _signers_certificate(stamped: Any) -> bytes:  # noqa: ANN401 - as _granted
    """Return the signer's certificate, DER; refuse two under the signer's name and number.

    The library looks for the signer's key usage and OpenSSL for its key, each by issuer and serial number; with two
    they could look at different ones, and any certificate of the authority's issuer would do for a signer.
    """
    signers = list(stamped.signed_data.signer_infos)
    if len(signers) != 1:
        raise ValueError(f"{len(signers)} signers")
    named = []
    for encoded in stamped.signed_data.certificates:
        one = x509.load_der_x509_certificate(encoded)
        if (one.issuer, one.serial_number) == (signers[0].issuer, signers[0].serial_number):
            named.append(bytes(encoded))
    if len(named) != 1:
        raise ValueError(f"{len(named)} certificates that could be the signer's")
    return named[0]


def _require_named_certificate(answer: bytes, certificate: bytes) -> None:
    """Require the signed attribute that names the signer's certificate by digest, which the library does not look at.

    RFC 3161 section 2.4.2, RFC 5816: a token MUST carry ESSCertID or ESSCertIDv2, so that no other certificate of the same
    key can be put in its place.
    """
    signed = tsp.TimeStampResp.load(answer, strict=True)["time_stamp_token"]["content"]
    attributes = signed["signer_infos"][0]["signed_attrs"]
    values = [one["values"] for one in attributes if one["type"].native in {"signing_certificate", "signing_certificate_v2"}]
    if len(values) != 1 or len(values[0]) != 1:
        raise ValueError("a token that does not name its signer's certificate")
    named = values[0][0]["certs"][0]
    algorithm = named["hash_algorithm"]["algorithm"].native if isinstance(named, tsp.ESSCertIDv2) else "sha1"
    if algorithm not in _ESS_DIGESTS or hashlib.new(algorithm, certificate).digest() != named["cert_hash"].native:
        raise ValueError("a token that names another certificate than its signer's")


def _require_chain(stamped: Any, content: bytes, trusted: Sequence[x509.Certificate]) -> None:  # noqa: ANN401 - as _granted
    """Require that the token verifies under one of the roots.

    One at a time: of two roots under one name OpenSSL may look at the wrong one only, and which that is depends on their bytes.
    """
    *others, last = trusted
    for root in others:
        with contextlib.suppress(rfc3161_client.VerificationError):
            rfc3161_client.VerifierBuilder(roots=[root]).build().verify_message(stamped, content)
            return
    rfc3161_client.VerifierBuilder(roots=[last]).build().verify_message(stamped, content)


def _roots(roots: Sequence[bytes]) -> list[x509.Certificate]:
    if not roots:
        raise ValueError("no root certificate to judge a time-stamp by")
    try:
        return [x509.load_der_x509_certificate(root) for root in roots]
    except ValueError:
        raise ValueError("a root that is no DER certificate") from None
