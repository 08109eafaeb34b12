"""Plain text that nobody can bend: values become one harmless line, and finished letters get a readable width.

A value can therefore start no header, no paragraph and no second letter, and cannot turn the direction of what follows it.
Sources: RFC 5322 §2.2 (a header ends at CR LF); Unicode UAX #9 (bidirectional controls), CVE-2021-42574 (what they can hide).
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

WIDTH = 72
"""Characters per line: fits a printed page and every mail program without horizontal scrolling."""

NO_BREAK = "\u00a0"

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKING = frozenset({"Cc", "Zl", "Zp"})
_BULLET = re.compile(r"(?P<indent> *)(?P<mark>- |\d+\. )?")


def one_line(value: str) -> str:
    """Return `value` in NFC on one line, without control characters and bidirectional controls; "" when nothing is left."""
    kept = (_harmless(character) for character in unicodedata.normalize("NFC", value))
    return " ".join("".join(kept).split())


def at_readable_width(text: str) -> str:
    """Return `text` with lines of at most 72 characters and single blank lines; a list's lines hang under its mark.

    A longer word, such as a digest, is never broken: people copy it. What a no-break space holds together stays on one
    line, and is then joined by a plain space.
    """
    lines = [_filled(line.rstrip()) for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n").replace(NO_BREAK, " ") + "\n"


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in _BREAKING:
        return " "
    if category == "Cs":
        # A lone surrogate cannot be encoded, so a mail server would never get it.
        return "\ufffd"
    return "" if character in _BIDI_CONTROLS else character


def _filled(line: str) -> str:
    found = _BULLET.match(line)
    hang = " " * len(found.group(0)) if found else ""
    indent = found.group("indent") if found else ""
    return textwrap.fill(line.strip(), WIDTH, initial_indent=indent, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
