"""Hold a text, a record or an identifier against the suppression list, with the keys in memory and no database.

A hit proves that a normal form on the list occurs; it does not prove that the text is about that person. No hit proves
nothing beyond the forms that `rtbf.vault.suppression` makes: nicknames, paraphrases and a name that is split over two
fields pass. Reports carry kinds and counts, never what was found.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.errors import BadInput, KeyDestroyed
from rtbf.vault.candidates import account_candidates, digit_candidates, email_candidates, phone_candidates
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.normalise import fold_text, provider_email, words_of
from rtbf.vault.suppression import EFFECTS, NORMALISERS, WINDOW_KINDS, Effect, entries_for
from rtbf.vault.tokens import inner_digest, kind_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rtbf.vault.secret import Secret
    from rtbf.vault.tokens import SuppressionKeys

_STRONG_NUMBER_DIGITS = 7
"""A shorter number is a year, a price or a house number as often as it is somebody's account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEntry:
    """What the list knows of one token. The effect is the list's own: a token that several people share may be lowered."""

    kind: str
    words: int
    effect: Effect
    generation: int
    normaliser: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What was found: the strongest effect, and how many places of each kind.

    Places may overlap ("Ann Lee Ann" holds a name in both orders). A phone number counts once in each text.
    """

    effect: Effect
    counts: Mapping[str, int]


_Keyed = tuple[str, bytes, tuple[bytes, ...]]  # kind, its prefix, the keys of the generations its tokens were made under


class SuppressionList:
    """Tokens and the keys to compare with. Prints as its size."""

    def __init__(self, entries: Mapping[bytes, ListEntry], keys: SuppressionKeys, phone_region: str) -> None:
        """Take the list; raises KeyDestroyed or BadInput when some of its tokens could never match here.

        `phone_region` (two capital letters) is assumed for a phone number without a country code.
        """
        self._entries = dict(entries)
        self._keys = keys
        self._phone_region = phone_region
        living = {number: key.reveal() for number, key in keys.living_keys().items()}
        _require_matchable(self._entries, living)
        generations: dict[tuple[str, int], set[int]] = {}
        for entry in self._entries.values():
            generations.setdefault((entry.kind, entry.words), set()).add(entry.generation)
        self._single: dict[str, _Keyed] = {}
        self._windows: dict[int, list[_Keyed]] = {}
        for (kind, words), numbers in sorted(generations.items()):
            keyed = (kind, kind_prefix(kind), tuple(living[number] for number in sorted(numbers)))
            if kind in WINDOW_KINDS:
                self._windows.setdefault(words, []).append(keyed)
            else:
                self._single[kind] = keyed

    def __repr__(self) -> str:
        return f"<SuppressionList of {len(self._entries)} tokens>"

    def check_text(self, text: str) -> Hits:
        """Return what the list says of free text. Takes time linear in its length."""
        found = _Found()
        self._check_text(text, found)
        return found.hits()

    def check_record(self, record: Any) -> Hits:  # noqa: ANN401 - any JSON value
        """Return what the list says of a JSON value: every text and whole number in it, however deep.

        Each value is checked on its own. The keys of objects are not checked: they are the format's words. A pipeline
        that writes personal data into keys must move it into values first.
        """
        found = _Found()
        waiting = [record]
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                self._check_text(value, found)
            elif isinstance(value, dict):
                waiting.extend(value.values())
            elif isinstance(value, list | tuple):
                waiting.extend(value)
            elif isinstance(value, int) and not isinstance(value, bool):
                # Phone numbers and account numbers are often written without quotes.
                self._check_text(str(value), found)
        return found.hits()

    def check_identifier(self, kind: str, value: Secret) -> Hits:
        """Return what the list says of one identifier as a ticket brings it; an excerpt is checked as text."""
        if kind == "excerpt":
            return self.check_text(value.reveal())
        found = _Found()
        for spec in entries_for(OpenIdentifier(number=1, kind=kind, value=value), self._phone_region):
            self._add(found, self._look_up(spec.kind, inner_digest(spec.form.reveal())))
        return found.hits()

    def check_digest(self, kind: str, digest: bytes) -> Hits:
        """Return what the list says of the SHA-256 of a normal form, for intakes that bring nothing else."""
        found = _Found()
        self._add(found, self._look_up(kind, digest))
        return found.hits()

    def _check_text(self, text: str, found: _Found) -> None:
        if not text.isascii():
            # Half a surrogate pair is lawful in JSON and has no UTF-8; it is part of no form.
            text = text.encode("utf-8", "replace").decode()
        if self._single.keys() & {"email", "email~provider", "account"}:
            self._check_folded(fold_text(text), found)
        if "phone" in self._single:
            self._check_all("phone", phone_candidates(text, self._phone_region), found)
        if "phone~digits" in self._single:
            self._check_all("phone~digits", digit_candidates(text), found)
        if self._windows:
            self._check_words(words_of(text), found)

    def _check_folded(self, folded: str, found: _Found) -> None:
        for address, count in Counter(email_candidates(folded)).items():
            entry = self._look_up("email", inner_digest(address)) or self._look_up("account", inner_digest(address))
            self._add(found, entry or self._look_up("email~provider", inner_digest(provider_email(address))), count)
        if "account" in self._single:
            for (form, is_handle), count in Counter(account_candidates(folded)).items():
                # An account called "apple" or "2026" must not drop every text with that word: without its @ it is a weak sign.
                is_word = form.isalpha() or (form.isdecimal() and len(form) < _STRONG_NUMBER_DIGITS)
                at_most: Effect = "quarantine" if is_word and not is_handle else "drop"
                self._add(found, self._look_up("account", inner_digest(form)), count, at_most)

    def _check_all(self, kind: str, candidates: Iterable[str], found: _Found) -> None:
        for form in dict.fromkeys(candidates):
            self._add(found, self._look_up(kind, inner_digest(form)))

    def _check_words(self, words: Sequence[str], found: _Found) -> None:
        for length, kinds in self._windows.items():
            windows = (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
            # Single words repeat so often that counting them first is quicker.
            for form, count in Counter(words).items() if length == 1 else ((window, 1) for window in windows):
                digest = hashlib.sha256(form.encode()).digest()
                for keyed in kinds:
                    if (entry := self._match(keyed, digest)) is not None:
                        self._add(found, entry, count)

    def _look_up(self, kind: str, digest: bytes) -> ListEntry | None:
        """Return the list's entry for an inner digest, whatever length its window has; None when there is none."""
        if kind in WINDOW_KINDS:
            every = (keyed for kinds in self._windows.values() for keyed in kinds if keyed[0] == kind)
            return next((entry for keyed in every if (entry := self._match(keyed, digest)) is not None), None)
        return self._match(self._single[kind], digest) if kind in self._single else None

    def _match(self, keyed: _Keyed, digest: bytes) -> ListEntry | None:
        _, prefix, keys = keyed
        for key in keys:
            entry = self._entries.get(hmac.digest(key, prefix + digest, "sha256"))
            if entry is not None:
                return entry
        return None

    @staticmethod
    def _add(found: _Found, entry: ListEntry | None, count: int = 1, at_most: Effect = "drop") -> None:
        if entry is not None:
            found.add(entry.kind, min(entry.effect, at_most, key=EFFECTS.index), count)


class _Found:
    """Hits while they are being counted."""

    __slots__ = ("_counts", "_effect")

    def __init__(self) -> None:
        self._effect: Effect = "allow"
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, effect: Effect, count: int) -> None:
        self._effect = max(self._effect, effect, key=EFFECTS.index)
        self._counts[kind] += count

    def hits(self) -> Hits:
        return Hits(effect=self._effect, counts=dict(sorted(self._counts.items())))


def _require_matchable(entries: Mapping[bytes, ListEntry], living: Mapping[int, bytes]) -> None:
    """Raise when a token can match nothing here: a filter that silently lets through is worse than one that refuses to start."""
    keyless = Counter(entry.generation for entry in entries.values() if entry.generation not in living)
    if keyless:
        numbers = ", ".join(str(number) for number in sorted(keyless))
        raise KeyDestroyed(
            found=f"{keyless.total()} token(s) of generation {numbers}, whose key is not here",
            expected="tokens of living generations only",
            remedy="bring the key file that the list was made with, or leave these tokens out on purpose",
        )
    foreign = sum(NORMALISERS.get(entry.kind) != entry.normaliser for entry in entries.values())
    if foreign:
        raise BadInput(
            found=f"{foreign} token(s) of a kind or normaliser that this release does not have",
            expected=", ".join(f"{kind} by {version}" for kind, version in sorted(NORMALISERS.items())),
            remedy="use the release that made the list",
        )
