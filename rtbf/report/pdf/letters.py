"""Make any text printable: letters that the fonts of the report have stay, all others are told by their code point.

The renderer refuses a whole document for one missing letter (PDF/A asks that each can be drawn), and an invisible or a
direction-changing character could make a page say something else than the signed file. Latin, Greek and Cyrillic letters
print; others come out as "[U+4E2D]". The signed file keeps every text as it is.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

PRINTED = (
    " -~\u00a0-¬®-īĮ-ıĴ-ťŨ-ſƏƒƠơƯưǍ-ǜȘ-ț"  # Latin; no soft hyphen
    "\u0300-\u0304\u0306-\u030c"  # accents that have no letter of their own
    "\u0384-ΊΌΎ-ΡΣ-ώ"  # Greek
    "Ѐ-џҐ-ғҖ-қҠ-ңҮ-ҳҺһӘәӨө"  # Cyrillic
    "Ẁ-ẅẞẠ-ỹ"  # Welsh, German, Vietnamese
    "\u2010\u2012-\u2015\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2032\u2033\u2039\u203a\u2044"  # dashes, quotation marks, dots
    "€№™←-↓−≈≠≤≥"
)
"""What every font in `fonts` has, as the inside of a regular expression's set. A test prints each letter in each font."""

_UNPRINTED = re.compile(f"[^{PRINTED}]")


def printable(text: str) -> str:
    """Return the text in composed letters (Unicode NFC), with every letter that is not printed as its code point."""
    return _UNPRINTED.sub(lambda found: f"[U+{ord(found.group()):04X}]", unicodedata.normalize("NFC", text))


def printable_view(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return the JSON value with every text in it made printable; its keys are ours and stay."""
    if isinstance(value, dict):
        return {name: printable_view(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [printable_view(entry) for entry in value]
    return printable(value) if isinstance(value, str) else value
