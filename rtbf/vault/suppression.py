"""Which tokens one identifier gives to the suppression list, and what a hit on each may do.

    email            the address                                                drop
    email~provider   the mailbox it is delivered to (plus-tags, Gmail's dots)   quarantine
    phone            E.164                                                      drop
    phone~digits     no possible number, or another region's national form      quarantine
    account          the account name                                           drop; under four characters quarantine
    account~words    an account name with spaces or signs, by its words         quarantine
    name             the words, in both orders                                  quarantine, always: namesakes
    excerpt          up to twelve words                                         quarantine
    shingle          thirteen words of a longer excerpt                         drop; in unspaced scripts quarantine

Of an excerpt of 20 words or more only some shingles are kept, chosen by winnowing: in every window of eight consecutive
shingles the least by SHA-256, the last of equals. Any run of 20 words copied from it holds such a window whole, so it
hits at least once, as long as the text is checked at every position. Of 13 to 19 words all shingles are kept.
No window is longer than thirteen words, so that checking a text takes time linear in it: of a longer name or account
name the first thirteen words count. It does not find paraphrases, translations or misspellings.
Source: Schleimer, Wilkerson, Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003, §3
(k = 13, t = 20, w = t − k + 1 = 8); quarantine for weak identifiers is domain.md §7.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtbf.vault.normalise import (
    UNSPACED,
    VERSIONS,
    email_spellings,
    fold_name,
    fold_text,
    national_number,
    normalise,
    possible_e164,
    provider_email,
    words_of,
)
from rtbf.vault.secret import Secret
from rtbf.vault.tokens import inner_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.vault.identifier import OpenIdentifier

Effect = Literal["allow", "quarantine", "drop"]
EFFECTS: tuple[Effect, ...] = ("allow", "quarantine", "drop")
"""From the weakest to the strongest; of several hits the strongest counts."""

NORMALISERS = {
    "email": VERSIONS["email"],
    "email~provider": VERSIONS["email~provider"],
    "phone": VERSIONS["phone"],
    "phone~digits": VERSIONS["phone~digits"],
    "account": VERSIONS["account"],
    "account~words": VERSIONS["words"],
    "name": VERSIONS["words"],
    "excerpt": VERSIONS["words"],
    "shingle": VERSIONS["words"],
}
"""Kind of token → version of the form it is made of. A token of another version would silently match nothing."""

WINDOW_KINDS = ("account~words", "name", "excerpt", "shingle")
"""Kinds that are looked for as runs of words."""

SHINGLE_WORDS = 13
GUARANTEE_WORDS = 20
WINNOW_WINDOW = GUARANTEE_WORDS - SHINGLE_WORDS + 1
MIN_ACCOUNT_CHARACTERS = 4
MIN_PHONE_DIGITS = 5
_TURNED_NAME_PARTS = range(2, 5)
_PLAIN_ACCOUNT = re.compile(r"[\w.\-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenSpec:
    """One token to be made. `words` is the length of the window it is looked for in; 0 for kinds that are no run of words."""

    kind: str
    words: int
    form: Secret
    effect: Effect
    normaliser: str


def entries_for(identifier: OpenIdentifier, phone_region: str) -> tuple[TokenSpec, ...]:
    """Return the tokens of one identifier without repetitions; empty when nothing is left that could be compared.

    `phone_region` (two capital letters) is assumed for a phone number without a country code. Raises ValueError for an
    unknown kind.
    """
    specs = _SPECS_OF.get(identifier.kind)
    if specs is None:
        raise ValueError("an identifier of unknown kind")
    return tuple({(spec.kind, spec.form.reveal()): spec for spec in specs(identifier.value.reveal(), phone_region)}.values())


def winnowed(forms: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the shingles to keep, ascending: the least by SHA-256 of every window, the last of equals.

    Fewer shingles than a window has are all kept.
    """
    if len(forms) < WINNOW_WINDOW:
        return tuple(range(len(forms)))
    order = [inner_digest(form) for form in forms]
    windows = (range(start, start + WINNOW_WINDOW) for start in range(len(forms) - WINNOW_WINDOW + 1))
    return tuple(sorted({min(window, key=lambda place: (order[place], -place)) for window in windows}))


def _email_specs(value: str, phone_region: str) -> Iterator[TokenSpec]:  # noqa: ARG001 - one signature for all kinds
    for spelling in email_spellings(value):
        # Free text is folded further than an address is (ligatures, full-width letters); both forms are looked for.
        for form in dict.fromkeys((spelling, normalise("email", fold_text(spelling), ""))):
            if form.strip("@"):
                yield _spec("email", form, "drop")
                yield _spec("email~provider", provider_email(form), "quarantine")


def _phone_specs(value: str, phone_region: str) -> Iterator[TokenSpec]:
    number, parts = possible_e164(value, phone_region), national_number(value, phone_region)
    written = []
    if not number:
        written = [normalise("phone~digits", value, phone_region)]
    elif possible_e164(parts.national, phone_region) != number:
        # A number of another country is often written as people dial it there; without its code that form may be anybody's.
        written = [parts.national, parts.trunk + parts.national]
    if number:
        yield _spec("phone", number, "drop")
    for digits in dict.fromkeys(written):
        if len(digits) >= MIN_PHONE_DIGITS:
            yield _spec("phone~digits", digits, "quarantine")


def _account_specs(value: str, phone_region: str) -> Iterator[TokenSpec]:
    form = normalise("account", value, phone_region)
    if not any(character.isalnum() for character in form):
        return
    yield _spec("account", form, "drop" if len(form) >= MIN_ACCOUNT_CHARACTERS else "quarantine")
    if not _PLAIN_ACCOUNT.fullmatch(form) and (words := words_of(form)):
        yield _window_spec("account~words", words, "quarantine")


def _name_specs(value: str, phone_region: str) -> Iterator[TokenSpec]:  # noqa: ARG001 - one signature for all kinds
    """Give the name as written and, for two to four parts, every "surname, given" order: more tokens, no cost in checking.

    The same again without apostrophes and hyphens, which people leave out ("ODorn", "Annemarie").
    """
    folded = fold_name(value)
    for written in dict.fromkeys((folded, folded.replace("'", "").replace("-", ""))):
        parts = [part for part in (words_of(piece) for piece in written.replace(",", " ").split()) if part]
        turns = range(len(parts)) if len(parts) in _TURNED_NAME_PARTS else range(min(1, len(parts)))
        for turn in turns:
            yield _window_spec("name", [word for part in (*parts[turn:], *parts[:turn]) for word in part], "quarantine")


def _excerpt_specs(value: str, phone_region: str) -> Iterator[TokenSpec]:  # noqa: ARG001 - one signature for all kinds
    words = words_of(value)
    if 0 < len(words) < SHINGLE_WORDS:
        yield _window_spec("excerpt", words, "quarantine")
        return
    shingles = [words[start : start + SHINGLE_WORDS] for start in range(len(words) - SHINGLE_WORDS + 1)]
    for place in winnowed([" ".join(shingle) for shingle in shingles]):
        # Thirteen characters of Chinese are a common phrase or the name of an office, not thirteen words.
        is_mostly_unspaced = sum(UNSPACED.fullmatch(word) is not None for word in shingles[place]) > SHINGLE_WORDS // 2
        yield _window_spec("shingle", shingles[place], "quarantine" if is_mostly_unspaced else "drop")


_SPECS_OF = {"email": _email_specs, "phone": _phone_specs, "account": _account_specs, "name": _name_specs, "excerpt": _excerpt_specs}


def _spec(kind: str, form: str, effect: Effect) -> TokenSpec:
    return TokenSpec(kind=kind, words=0, form=Secret(form), effect=effect, normaliser=NORMALISERS[kind])


def _window_spec(kind: str, words: Sequence[str], effect: Effect) -> TokenSpec:
    kept = words[:SHINGLE_WORDS]
    return TokenSpec(kind=kind, words=len(kept), form=Secret(" ".join(kept)), effect=effect, normaliser=NORMALISERS[kind])
