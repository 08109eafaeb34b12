"""Reason codes: why something is erased, kept, late or refused, in words that other systems know.

The names are those of the W3C Data Privacy Vocabulary 2.3 where it has them, ours where it has none (`codes.yaml`).
A code is what somebody decided, with an article next to it; that the article fits the case is that person's statement.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, TypeAdapter

from rtbf.errors import BadInput
from rtbf.ticket.regime import CodeKind, load_regime, read_pack

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = Path(__file__).parent / "codes.yaml"
_STRICT = ConfigDict(extra="forbid")
_A_CODE = re.compile(r"[A-Za-z0-9:._-]{1,80}")
_MANY = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """One reason. `code` is the full name that records keep, `short` what people type, `article` where the law says it."""

    code: str
    short: str
    kind: CodeKind
    article: str
    meaning: str
    iri: str | None
    """The term's address in its vocabulary; None for terms of our own."""


def codes_of(regime: str, kind: CodeKind) -> tuple[Code, ...]:
    """Return the codes of `kind` that `regime` knows, in the order of its law; empty when it knows none.

    Raises UnknownName for an unknown regime.
    """
    every = all_codes()
    return tuple(code for name in load_regime(regime).vocabularies[kind] for code in every[name] if code.kind == kind)


def require_code(regime: str, kind: CodeKind, code: str) -> Code:
    """Return the code that `code` names, by its full or its short name, exactly as written there.

    Raises BadInput naming the nearest lawful codes: a decision never stands on a reason that its regime does not know.
    """
    return _require(code, codes_of(regime, kind), f"{kind} code of {regime}")


def require_extension_code(regime: str, code: str) -> Code:
    """Return the delay code that `code` names when it is a lawful reason to extend under `regime`.

    Raises BadInput otherwise. GDPR Art. 12(3) extends for the complexity and number of the requests only; waiting for
    identity suspends the clock instead (Art. 12(6)).
    """
    lawful = load_regime(regime).extension_codes
    return _require(code, [known for known in codes_of(regime, "delay") if known.code in lawful], f"code to extend under {regime}")


@functools.cache
def all_codes() -> dict[str, tuple[Code, ...]]:
    """Return every code by vocabulary, in the file's order; raises PackBroken when the file does not read."""
    vocabularies = read_pack(TypeAdapter(dict[str, _Vocabulary]), "the list of codes", _FILE.read_text(encoding="utf-8"))
    return {
        name: tuple(
            Code(
                code=f"{name}:{vocabulary.stem}{entry.name}",
                short=entry.name,
                kind=entry.kind,
                article=entry.article,
                meaning=entry.meaning,
                iri=None if vocabulary.iri is None else f"{vocabulary.iri}{vocabulary.stem}{entry.name}",
            )
            for entry in vocabulary.codes
        )
        for name, vocabulary in vocabularies.items()
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    kind: CodeKind
    article: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Vocabulary:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    stem: str
    iri: str | None
    codes: tuple[_Entry, ...]


def _require(code: str, lawful: Sequence[Code], what: str) -> Code:
    by_name = {known.short: known for known in lawful} | {known.code: known for known in lawful}
    if code in by_name:
        return by_name[code]
    if not lawful:
        expected = f"none: there is no {what}"
    elif near := difflib.get_close_matches(code, by_name, n=6, cutoff=0.4):
        expected = f"{what}; nearest: {', '.join(dict.fromkeys(by_name[name].short for name in near))}"
    else:
        shown = [known.short for known in lawful[:_MANY]]
        expected = f"{what}: {', '.join(shown)}{' …' if len(lawful) > _MANY else ''}"
    # What looks like no code may be a sentence about a person; it is not repeated.
    raise BadInput(
        found=f"'{code}', unknown as {what}" if _A_CODE.fullmatch(code) else f"a text of {len(code)} characters, unknown as {what}",
        expected=expected,
        remedy="see `rtbf regime show NAME` for every lawful code",
    )
