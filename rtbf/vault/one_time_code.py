"""One-time codes that a person reads from a letter or an e-mail to show that it is theirs.

Eight decimal digits are 26.6 bits. NIST SP 800-63B-4 §3.1.3.2 asks for at least six digits and, below 64 bits, for the
limit on failed attempts of §3.2.2. With five attempts per code a guesser wins 5 in 100 000 000; a service that lets a
thousand codes a year be guessed at wins once in 20 000 years. The limit and the expiry are the caller's: this module
counts nothing. Only the code's keyed digest is stored, under the ticket's own key: 10⁸ codes could be tried against an
unkeyed one in a second, and after the key is shredded not even we can tell what the code was.
It proves that somebody reads the mailbox or the letterbox that the code went to, and nothing about who.
"""

from __future__ import annotations

import hmac
import re
import secrets

from rtbf.vault.normalise import ascii_digits
from rtbf.vault.secret import Secret

CODE_DIGITS = 8
_LABEL = b"rtbf.one-time-code/1\x00"
# What people put between digits: white space, hyphens and dashes of all kinds, the minus sign.
_GAPS = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212\u200b]+")
_CODE = re.compile(rf"\d{{{CODE_DIGITS}}}")


def new_code() -> Secret:
    """Return a fresh code of eight decimal digits, every one equally likely."""
    return Secret(f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}")


def seal_code(key: bytes, check_id: str, code: Secret) -> bytes:
    """Return HMAC-SHA256(key, label ‖ check_id ‖ 0x00 ‖ code): what is stored in the code's stead.

    The identity check's id is part of it, so that a digest copied to another check fits no code. Raises ValueError when
    `code` is not eight digits or `check_id` holds a NUL.
    """
    if "\x00" in check_id or not (_CODE.fullmatch(code.reveal()) and code.reveal().isascii()):
        raise ValueError("a code is eight decimal digits, and an identity check's id has no NUL")
    return hmac.digest(key, _LABEL + check_id.encode() + b"\x00" + code.reveal().encode(), "sha256")


def is_right_code(key: bytes, check_id: str, typed: Secret, sealed: bytes) -> bool:
    """Return whether `typed` is the code that was sealed for this check, in time that does not tell how near it is.

    White space and dashes do not count, and digits of any script do; anything else makes the answer False.
    """
    digits = _GAPS.sub("", typed.reveal())
    if not _CODE.fullmatch(digits):
        return False
    return hmac.compare_digest(seal_code(key, check_id, Secret(ascii_digits(digits))), sealed)
