"""Find records that hold one of the person's identifiers, by exact match of normalised forms with word borders.

Does not prove absence: nicknames, misspellings, initials, pronouns and descriptions are not found (see the CARD).
A match proves that the text is there, not that it is about this person: namesakes are found as well.
Source: normal forms as in `rtbf.vault.normalise`; borders are ours.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtbf.vault.normalise import NationalNumber, ascii_digits, email_spellings, fold_name, fold_text, national_number, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rtbf.vault.identifier import OpenIdentifier

CARD = {
    "name": "identifier",
    "title": "Normalised identifiers",
    "finds": (
        "names in either order ('Ann Lee', 'Lee, Ann'), whatever their case, accents, hyphens and spacing; e-mail addresses; phone numbers "
        "in any punctuation, with or without country code; account names; excerpts word for word but for case, spacing and kinds of quotes"
    ),
    "misses": (
        "nicknames, initials, middle names left out or added, misspellings, other transliterations (Müller as Mueller); a name split "
        "over two fields; pronouns and descriptions without a name; addresses written as 'ann at example'; an excerpt that runs over "
        "a record's border"
    ),
    "kinds": ["name", "email", "phone", "account", "excerpt"],
    "source": "Unicode UAX #15; ITU-T E.164; see rtbf/vault/normalise.py",
}

MIN_PHONE_DIGITS = 5
SHORT_EXCERPT_CHARACTERS = 20
"""A shorter excerpt must stand between word borders; a longer one may start inside a word, as copied text does."""

_NAME_SUFFIXES = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv"})
# Scripts whose running text has no spaces around a name; a border test there would find nothing.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
_PHONE_GAP = r"[\s().\-/\u00b7]{0,3}"
_OTHER_COUNTRY = re.compile(rf"(?:\+|(?<!\d)00)(\d{{1,3}}){_PHONE_GAP}(?:\(0\){_PHONE_GAP})?$")

Form = Literal["name", "text", "digits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pattern:
    """One identifier ready to be searched in one folded form. `needle` is a literal part that every match holds."""

    number: int
    kind: str
    form: Form
    needle: str
    regex: re.Pattern[str]
    country: str


class Matcher:
    """The identifiers of one ticket, compiled. It holds personal data: it is never stored, and prints as its size only."""

    def __init__(self, patterns: Sequence[_Pattern], unsearchable: Sequence[tuple[int, str]]) -> None:
        self._patterns = tuple(patterns)
        self.unsearchable = tuple(unsearchable)
        """(identifier number, reason code) of identifiers that nothing can be compared with."""

    def __repr__(self) -> str:
        return f"<Matcher of {len(self._patterns)} identifiers>"

    def matches(self, fields: Iterable[tuple[str, str]]) -> tuple[tuple[int, str, int], ...]:
        """Return (identifier number, kind, count over all fields) of every identifier found in a record, by number."""
        counts: dict[tuple[int, str], int] = {}
        for _, text in fields:
            folded = _Folded(text)
            for pattern in self._patterns:
                if count := _count(pattern, folded):
                    key = (pattern.number, pattern.kind)
                    counts[key] = counts.get(key, 0) + count
        return tuple((number, kind, count) for (number, kind), count in sorted(counts.items()))


def compile_identifiers(identifiers: Sequence[OpenIdentifier], phone_region: str) -> Matcher:
    """Return a matcher for these identifiers; those that nothing can be compared with are named in `unsearchable`.

    `phone_region` (two capital letters) is assumed for a phone number without a country code.
    """
    patterns: list[_Pattern] = []
    unsearchable: list[tuple[int, str]] = []
    for identifier in identifiers:
        form = normalise(identifier.kind, identifier.value.reveal(), phone_region)
        if not any(character.isalnum() for character in form):
            unsearchable.append((identifier.number, "nothing_to_compare"))
        elif identifier.kind == "phone":
            parts = national_number(identifier.value.reveal(), phone_region)
            if len(parts.national) < MIN_PHONE_DIGITS:
                unsearchable.append((identifier.number, "too_few_digits"))
            else:
                patterns.append(_phone_pattern(identifier.number, parts))
        elif identifier.kind == "email":
            spellings = email_spellings(identifier.value.reveal())
            patterns.extend(_email_pattern(identifier.number, fold_text(spelling)) for spelling in spellings)
        else:
            patterns.append(_text_pattern(identifier.number, identifier.kind, form))
    return Matcher(patterns, unsearchable)


class _Folded:
    """A text and its folded forms, each made when it is first asked for."""

    __slots__ = ("_forms", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._forms: dict[str, str] = {}

    def form(self, name: str) -> str:
        if name not in self._forms:
            self._forms[name] = self._make(name)
        return self._forms[name]

    def _make(self, name: str) -> str:
        if name == "name":
            return fold_name(self._text)
        text = self.form("text") if name != "text" else ""
        if name == "numbers":
            # Other scripts' digits become ours; everything else stays, because punctuation tells numbers apart.
            return text if text.isascii() else "".join(ascii_digits(c) or c for c in text)
        return ascii_digits(text) if name == "digits" else fold_text(self._text)


def _count(pattern: _Pattern, folded: _Folded) -> int:
    if pattern.needle not in folded.form(pattern.form):
        return 0
    text = folded.form("numbers" if pattern.form == "digits" else pattern.form)
    return sum(pattern.form != "digits" or _is_of_country(match, pattern.country) for match in pattern.regex.finditer(text))


def _is_of_country(match: re.Match[str], country: str) -> bool:
    """Return False when another country's code stands right before the match: "+44 202" is not "+1 202"."""
    before = _OTHER_COUNTRY.search(match.string[max(0, match.start() - 12) : match.start()])
    return before is None or before[1] == country or not country


def _phone_pattern(number: int, parts: NationalNumber) -> _Pattern:
    prefixes = [rf"\(?{_spaced(parts.trunk)}{_PHONE_GAP}"] if parts.trunk else []
    if parts.country:
        prefixes.insert(0, rf"(?:\+|00|011)?{_PHONE_GAP}{_spaced(parts.country)}{_PHONE_GAP}(?:\(?0\)?{_PHONE_GAP})?")
    prefix = f"(?:{'|'.join(prefixes)})?" if prefixes else ""
    regex = re.compile(rf"(?<!\d){prefix}\(?{_spaced(parts.national)}(?!\d)")
    return _Pattern(number=number, kind="phone", form="digits", needle=parts.national, regex=regex, country=parts.country)


def _spaced(digits: str) -> str:
    return _PHONE_GAP.join(digits)


def _email_pattern(number: int, spelling: str) -> _Pattern:
    # A full stop ends a sentence as often as it goes on in a domain, so only ".x" counts as going on.
    return _compiled(number, "email", "text", spelling, rf"(?<![\w.+%-]){re.escape(spelling)}(?![\w-]|\.\w)")


def _text_pattern(number: int, kind: str, form: str) -> _Pattern:
    if kind == "name":
        needle = max(re.findall(r"[^\W_]+", form), key=len)
        return _compiled(number, kind, "name", needle, "|".join(_bordered(_words_pattern(words), words) for words in _name_orders(form)))
    if kind == "account":
        border = r"(?:(?<![\w.@-])@|(?<![\w.@-]))"
        return _compiled(number, kind, "text", form, rf"{border}{re.escape(form)}(?![\w@-]|\.\w)")
    regex = re.escape(form)
    return _compiled(number, kind, "text", form, _bordered(regex, [form]) if len(form) < SHORT_EXCERPT_CHARACTERS else regex)


def _compiled(number: int, kind: str, form: Form, needle: str, regex: str) -> _Pattern:
    return _Pattern(number=number, kind=kind, form=form, needle=needle, regex=re.compile(regex), country="")


def _name_orders(form: str) -> list[list[str]]:
    """Return the name's word lists: as spoken, and 'surname, given' for every place where the surname may begin."""
    surname, comma, given = form.partition(",")
    if comma and given.strip() and given.strip() not in _NAME_SUFFIXES:
        form = f"{given} {surname}"
    words = [word for word in form.replace(",", " ").split() if any(character.isalnum() for character in word)]
    return [words, *([*words[cut:-1], words[-1] + ",", *words[:cut]] for cut in range(1, len(words)))]


def _words_pattern(words: list[str]) -> str:
    """Return a pattern of these words with any spaces or hyphens between them; a suffix may follow a comma (King, Jr.)."""
    pattern = _word_pattern(words[0])
    for word in words[1:]:
        pattern += (r",?[\s\-]+" if word in _NAME_SUFFIXES else r"[\s\-]+") + _word_pattern(word)
    return pattern


def _word_pattern(word: str) -> str:
    """Return a pattern of one word whose hyphens, apostrophes and full stops may be missing; "," stays required."""
    optional = {"-": r"[\s\-]?", "'": "'?", ".": r"\.?"}
    return "".join(optional.get(character) or re.escape(character) for character in word)


def _bordered(regex: str, words: list[str]) -> str:
    """Return `regex` not touching a letter or digit on either side, where the script at that end has such borders."""
    letters = [character for word in words for character in word if character.isalnum()]
    left = "" if _is_unspaced(letters[0]) else r"(?<![^\W_])"
    right = "" if _is_unspaced(letters[-1]) else r"(?![^\W_])"
    return f"{left}{regex}{right}"


def _is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)
