"""Whom a record is about, by a field of it that names its subjects. The unit of the recipes `sharded` and `dp`.

Does not look into texts: what others' records say about a subject is not the subject's by this rule.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.corpora.corpus import Record

NAMELESS = "record:"
"""Begins the unit of a record that names nobody: the record itself."""


def subjects_of(record: Record, field: str) -> tuple[str, ...]:
    """Return the subjects that a record names in `field` or below it, each once; the record itself where it names none.

    Names are compared after NFC, case folding and with one space for any white space; no other spelling is recognised.
    """
    below = (f"{field}.", f"{field}#")
    named = (_folded(text) for path, text in record.fields if path == field or path.startswith(below))
    found = tuple(dict.fromkeys(name for name in named if name))
    return found or (f"{NAMELESS}{record.record_id}",)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())
