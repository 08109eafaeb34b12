"""Find what could be an e-mail address, a phone number or an account name in free text, in time linear in its length.

A candidate is only ever hashed and compared, so finding too many costs time and nothing else. Not found: addresses
written as "ann at example dot org", percent-encoded or Base64 text, words that run into each other without a space.
Phone numbers come from two sources, because each misses what the other sees: the library reads every country's way of
writing but gives up next to dates and other numbers; runs of digit groups see those, in the home region's form only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import phonenumbers

from rtbf.vault.normalise import ascii_digits, e164, normalise_email
from rtbf.vault.suppression import MIN_PHONE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LOCAL_CHARACTERS = 64
"""RFC 5321 §4.5.3.1.1."""
MAX_DOMAIN_CHARACTERS = 255
"""RFC 5321 §4.5.3.1.2."""
MAX_PHONE_DIGITS = 17
"""E.164 has at most 15; two more for the 00 that stands for its plus."""
_MAX_DIGIT_GROUPS = 7
_NO_LOCAL = re.compile(r"""[\s@"(),:;<>\[\\\]]""")
_NO_PLAIN_LOCAL = re.compile(r"[^\w.+%\-]")
_DOMAIN = re.compile(rf"[\w.\-]{{1,{MAX_DOMAIN_CHARACTERS}}}")
_HANDLE = re.compile(r"[\w.\-]+")
_DIGITS = re.compile(r"\d+")
_PHONE_GAP = re.compile(r"[\s().\-/+\u00b7\u2010-\u2015]{0,4}")
# Possessive: without digits enough it must not try again from every place.
_ENOUGH_DIGITS = re.compile(rf"(?:\D*+\d){{{MIN_PHONE_DIGITS}}}")


def email_candidates(folded: str) -> Iterator[str]:
    """Yield normal forms of everything around an @ that may be an address. `folded` comes from `fold_text`."""
    at = folded.find("@")
    while at >= 0:
        local = _NO_LOCAL.split(folded[max(0, at - MAX_LOCAL_CHARACTERS) : at])[-1]
        found = _DOMAIN.match(folded, at + 1)
        domain = found[0].partition("..")[0].strip(".-_") if found else ""
        if local and domain:
            plain = _NO_PLAIN_LOCAL.split(local)[-1]
            for part in dict.fromkeys((local, plain, plain.lstrip(".-_+"))):
                if part:
                    yield _quick_form(f"{part}@{domain}")
        at = folded.find("@", at + 1)


def account_candidates(folded: str) -> Iterator[tuple[str, bool]]:
    """Yield (form, is a handle) of everything that may be an account name; a handle has an @ of its own before it.

    The parts of an e-mail address are no account names. `folded` comes from `fold_text`.
    """
    for found in _HANDLE.finditer(folded):
        before, after = folded[max(0, found.start() - 2) : found.start()], folded[found.end() : found.end() + 2]
        is_domain = before[1:] == "@" and _HANDLE.fullmatch(before[0]) is not None
        is_local = after[:1] == "@" and _HANDLE.fullmatch(after[1:]) is not None
        if not is_domain and not is_local:
            bare = found[0].strip(".-")
            for form in dict.fromkeys((bare, bare.strip("_"))):
                if form:
                    yield form, before[-1:] == "@"


def phone_candidates(text: str, phone_region: str) -> Iterator[str]:
    """Yield E.164 forms of what may be a phone number; the same one may come more than once."""
    if not _ENOUGH_DIGITS.match(text):
        return
    for found in phonenumbers.PhoneNumberMatcher(text, phone_region, leniency=phonenumbers.Leniency.POSSIBLE, max_tries=len(text) + 1):
        yield e164(found.number)
    country = str(phonenumbers.country_code_for_region(phone_region))
    trunk = phonenumbers.ndd_prefix_for_region(phone_region, strip_non_digits=True) or ""
    for digits in digit_candidates(text):
        yield f"+{country}{digits}"
        yield f"+{digits.removeprefix('00').removeprefix('011')}"
        if trunk and digits.startswith(trunk):
            yield f"+{country}{digits.removeprefix(trunk)}"


def digit_candidates(text: str) -> Iterator[str]:
    """Yield the digits of every run of up to seven neighbouring digit groups that is as long as a phone number."""
    if not _ENOUGH_DIGITS.match(text):
        return
    run: list[str] = []
    end = 0
    for found in _DIGITS.finditer(text):
        if not run or not _PHONE_GAP.fullmatch(text, end, found.start()):
            run = []
        end = found.end()
        # A longer group is no part of a phone number; what follows it may be.
        group = ascii_digits(found[0]) if end - found.start() <= MAX_PHONE_DIGITS else ""
        run = [*run[-(_MAX_DIGIT_GROUPS - 1) :], group] if group else []
        digits = ""
        for earlier in reversed(run):
            digits = earlier + digits
            if MIN_PHONE_DIGITS <= len(digits) <= MAX_PHONE_DIGITS:
                yield digits


def _quick_form(address: str) -> str:
    # What the slow validator makes of a plain ASCII address is its lower case; a test holds the two together.
    return address.lower() if address.isascii() and "xn--" not in address else normalise_email(address)
