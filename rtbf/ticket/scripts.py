"""See letters of several alphabets in one word: look-alikes make one identifier pass for another on the screen.

Warns, never refuses: names are written in every script, and some people's in two. Scripts are told from the first word
of a letter's Unicode name, which separates the alphabets whose letters look alike (Latin, Greek, Cyrillic, Armenian …).
Source: Unicode TS #39, section 5 (mixed-script detection), in its simplest form; Japanese and Korean mix scripts by rule.
"""

from __future__ import annotations

import unicodedata

MIXED_SCRIPTS = "mixed_scripts"
_MIXED_BY_RULE = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"})
_LETTER_PREFIXES = frozenset({"FULLWIDTH", "HALFWIDTH", "MATHEMATICAL", "MODIFIER", "FEMININE", "MASCULINE", "MICRO"})
"""First words that name no alphabet. The feminine ordinal sign stands in Mª, as María is written for short."""


def script_warnings(text: str) -> tuple[str, ...]:
    """Return (MIXED_SCRIPTS,) when a word of `text` mixes alphabets, else ()."""
    return (MIXED_SCRIPTS,) if any(len(_scripts(word)) > 1 for word in text.split()) else ()


def _scripts(word: str) -> set[str]:
    found = set()
    for character in word:
        if character.isalpha():
            first = unicodedata.name(character, "UNKNOWN").partition(" ")[0]
            if first not in _LETTER_PREFIXES:
                found.add("CJK" if first in _MIXED_BY_RULE else first)
    return found
