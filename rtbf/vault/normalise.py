"""Bring an identifier to the one form in which it is compared. Each form has a version, because tokens outlive releases.

Changing what a function gives means a new version and a new entry in `VERSIONS`: suppression tokens made under the
old one would silently stop matching otherwise.
Sources: Unicode UAX #15 (NFC, NFKC, NFKD) and section 3.13 (case folding); RFC 5321 addresses by email-validator,
with no look-up of any domain; ITU-T E.164 by phonenumbers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import email_validator
import phonenumbers

VERSIONS = {
    "name": "name/1",
    "email": "email/1",
    "phone": "phone/1",
    "account": "account/1",
    "excerpt": "excerpt/1",
    "email~provider": "email~provider/1",
    "phone~digits": "phone~digits/1",
    "words": "words/1",
}

_APOSTROPHES = "\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032\u0060\u00b4\uff07"
_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02"
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_UNIFIED = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_QUOTES, '"'), **dict.fromkeys(_HYPHENS, "-")})
# Letters with a stroke or a ligature have no decomposition in Unicode, yet people type them without it.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}  # noqa: RUF001 - they are the point
)
# Both names deliver to one mailbox, and dots do not count there (Google's help page "Dots don't matter in Gmail addresses").
_GMAIL = ("gmail.com", "googlemail.com")
_WORD = re.compile(r"[^\W_]+")
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u303c"
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""One character of Thai, Lao, Myanmar, Khmer, Chinese, Japanese or Korean."""


def normalise(kind: str, value: str, phone_region: str) -> str:
    """Return `value` in its kind's form; "" when nothing that could be compared is left. Unknown kinds raise ValueError.

    `phone_region` (two capital letters) is assumed for a phone number without a country code.
    """
    match kind:
        case "name":
            return fold_name(value)
        case "email":
            return normalise_email(value)
        case "phone":
            return normalise_phone(value, phone_region)
        case "account":
            return fold_text(value).removeprefix("@")
        case "excerpt":
            return fold_text(value)
        case "email~provider":
            return provider_email(value)
        case "phone~digits":
            return ascii_digits(value)
        case "words":
            return " ".join(words_of(value))
        case _:
            raise ValueError("an identifier of unknown kind")


def fold_name(text: str) -> str:
    """Return `text` without accents, case, kinds of apostrophe, quote, hyphen or space, and invisible characters."""
    if text.isascii():
        # "`" is the one ASCII character that is unified.
        return " ".join(text.translate(_UNIFIED).lower().split())
    # The apostrophes go first: NFKD would turn the acute accent on its own into a space and a mark.
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNIFIED))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return " ".join(bare.casefold().translate(_STROKES).translate(_UNIFIED).split())


def fold_text(text: str) -> str:
    """Return `text` in NFKC, case-folded, with unified apostrophes, quotes and hyphens, and single spaces."""
    if text.isascii():
        return " ".join(text.translate(_UNIFIED).lower().split())
    visible = "".join(character for character in text.translate(_UNIFIED) if unicodedata.category(character) != "Cf")
    # Case folding can undo NFKC, so it is applied on both sides of it (UAX #15, section 12).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return " ".join(folded.translate(_UNIFIED).split())


def normalise_email(value: str) -> str:
    """Return an address in NFC and case-folded; plus-tags and dots stay. What is no lawful address is only folded."""
    address = value.strip()
    try:
        address = email_validator.validate_email(address, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        # admin@localhost and the like are in real data, and a person may be found by them.
        address = unicodedata.normalize("NFC", address)
    return address.casefold()


def provider_email(value: str) -> str:
    """Return the mailbox that large providers deliver an address to: without its plus-tag; for Gmail without dots as well.

    Other providers may well read the plus as a letter, so an equal form is a reason to look, never to delete.
    """
    local, at, domain = normalise_email(value).rpartition("@")
    mailbox = local.partition("+")[0] or local
    if domain in _GMAIL:
        mailbox, domain = mailbox.replace(".", "") or mailbox, _GMAIL[0]
    return f"{mailbox}{at}{domain}"


def email_spellings(value: str) -> tuple[str, ...]:
    """Return the normal form of an address and, for a domain outside ASCII, its other lawful spelling (RFC 5891, xn--…)."""
    form = normalise_email(value)
    try:
        checked = email_validator.validate_email(form, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return (form,)
    return tuple(dict.fromkeys((form, f"{checked.local_part}@{checked.ascii_domain}".casefold())))


def normalise_phone(value: str, phone_region: str) -> str:
    """Return a number in E.164 form ("+12025550142"); what does not parse gives its digits alone, "" when it has none."""
    parsed = national_number(value, phone_region)
    return f"+{parsed.country}{parsed.national}" if parsed.country else parsed.national


def possible_e164(value: str, phone_region: str) -> str:
    """Return a number in E.164 form when one of this length exists in its numbering plan, "" otherwise."""
    try:
        number = phonenumbers.parse(value, phone_region)
    except phonenumbers.NumberParseException:
        return ""
    return e164(number) if phonenumbers.is_possible_number(number) else ""


def e164(number: phonenumbers.PhoneNumber) -> str:
    """Return a parsed number as "+12025550142"."""
    return f"+{number.country_code}{phonenumbers.national_significant_number(number)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class NationalNumber:
    """A phone number taken apart, digits only; `country` and `trunk` (the 0 of 020 7946 0958) are "" when there is none."""

    country: str
    trunk: str
    national: str


def national_number(value: str, phone_region: str) -> NationalNumber:
    """Return the parts of a number; one that does not parse is its digits alone, without a country."""
    try:
        number = phonenumbers.parse(value, phone_region)
    except phonenumbers.NumberParseException:
        return NationalNumber(country="", trunk="", national=ascii_digits(value))
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return NationalNumber(
        country=str(number.country_code),
        trunk=phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or "",
        national=phonenumbers.national_significant_number(number),
    )


def ascii_digits(text: str) -> str:
    """Return the decimal digits of `text`, of whatever script, as 0–9."""
    return "".join(str(unicodedata.digit(character)) for character in text if unicodedata.category(character) == "Nd")


def words_of(text: str) -> list[str]:
    """Return the words of `text` as `fold_name` writes them: runs of letters and digits, everything else is a border.

    Scripts that write no space between words give one word per character, so that a name is found inside running text.
    Signs that are neither letter nor digit part words too, vowel signs of Indic scripts among them: on both sides alike.
    """
    folded = fold_name(text)
    if not folded.isascii():
        # fold_name leaves Hangul in single letters; a word of three syllables would count nine.
        folded = UNSPACED.sub(r" \g<0> ", unicodedata.normalize("NFC", folded))
    return _WORD.findall(folded)
