"""Find the words of a letter: its template, the parts it includes, and the locale's table; and digest exactly these bytes.

    templates/<locale>/<kind>.txt     one letter
    templates/<locale>/_<part>.txt    a part that letters include
    templates/<locale>/locale.yaml    months, how a date is written, and plain words for codes

An installation's own folder of the same layout is looked at first, file by file. A locale is never silently another
language: it is found exactly, or without its last parts (`de-AT` → `de`), or by the default the caller names, or refused.
Source: RFC 4647 §3.4 (lookup), RFC 5646 §2.1 (form of a locale).
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import yaml
from jinja2 import Environment, TemplateSyntaxError, meta
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rtbf.errors import BadInput, TemplateBroken
from rtbf.evidence.canonical import canonical_bytes
from rtbf.notice.record import NOTICE_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILT_IN = Path(__file__).parent / "templates"
TABLE = "locale.yaml"
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")
_PART = re.compile(r"_[a-z_]+\.txt")

Word = Annotated[str, Field(min_length=1)]


class LocaleTable(BaseModel):
    """A locale's months, its way of writing a date, and its plain words for codes: group → code → words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Word
    date: Annotated[str, Field(pattern=r"\{day\}.*\{month\}.*\{year\}|\{month\}.*\{day\}.*\{year\}|\{year\}.*\{month\}.*\{day\}")]
    months: Annotated[list[Word], Field(min_length=12, max_length=12)]
    labels: dict[Word, dict[Word, Word]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """The words of one kind of letter in one locale. `sources` maps file name → text; `digest` covers all bytes, the table's too."""

    kind: str
    locale: str
    sources: Mapping[str, str]
    table: LocaleTable
    digest: str


def known_locales(overrides: Path | None) -> tuple[str, ...]:
    """Return the locales that have a folder, built in or of the installation."""
    return tuple(sorted({path.name for root in _roots(overrides) for path in root.iterdir() if path.is_dir()}))


def find_wording(kind: str, locale: str, *, overrides: Path | None, default_locale: str | None) -> Wording:
    """Return the words for `kind` in the nearest locale; `default_locale` None means that no other language may stand in.

    Raises BadInput for an unknown kind or locale, TemplateBroken for a file that is missing or cannot be read.
    """
    if kind not in NOTICE_KINDS:
        raise BadInput(found="an unknown kind of letter", expected=f"one of {', '.join(NOTICE_KINDS)}", remedy="name one of these kinds")
    chosen = _nearest_locale(locale, default_locale, known_locales(overrides))
    folders = [root / chosen for root in _roots(overrides)]
    # 1. the letter and all parts it may include, whether or not this letter reaches them: the digest names a text, not a case
    content: dict[str, bytes] = {}
    waiting = [f"{kind}.txt"]
    while waiting:
        name = waiting.pop()
        if name not in content:
            content[name] = _read(folders, name)
            waiting += _parts_of(name, content[name])
    # 2. the table
    content[TABLE] = _read(folders, TABLE)
    digests = {name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in content.items()}
    return Wording(
        kind=kind,
        locale=chosen,
        sources={name: _decoded(name, body) for name, body in content.items() if name != TABLE},
        table=_table(content[TABLE], chosen),
        digest=f"sha256:{hashlib.sha256(canonical_bytes(digests)).hexdigest()}",
    )


def _roots(overrides: Path | None) -> tuple[Path, ...]:
    if overrides is None:
        return (BUILT_IN,)
    if not overrides.is_dir():
        raise BadInput(
            found=f"no folder of letter templates at {overrides}",
            expected="a folder with one folder for each locale",
            remedy="create it, or leave the setting out to use the built-in letters",
        )
    return (overrides, BUILT_IN)


def _nearest_locale(asked: str, default: str | None, known: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    for wanted in (asked, default):
        # What does not look like a locale is not looked up, and never repeated: it may be anything.
        parts = wanted.lower().split("-") if wanted is not None and _LOCALE.fullmatch(wanted) else []
        while parts:
            if (found := by_lower.get("-".join(parts))) is not None:
                return found
            parts.pop()
    named = f"'{asked}'" if _LOCALE.fullmatch(asked) else "a text that is no locale"
    raise BadInput(
        found=f"no letters in {named}",
        expected=f"one of {', '.join(known)}, or a locale of one of these languages",
        remedy="choose one of them, or add a folder of templates for this locale (docs/howto/write-a-notice.md)",
    )


def _read(folders: Sequence[Path], name: str) -> bytes:
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    raise TemplateBroken(
        found=f"no file {name} for the locale {folders[-1].name}",
        expected="every locale to have every letter, every part it includes, and a table",
        remedy=f"add {folders[-1].name}/{name} (docs/howto/write-a-notice.md)",
    )


def _decoded(name: str, body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise TemplateBroken(found=f"{name} is not UTF-8", expected="text in UTF-8", remedy="save the file as UTF-8") from None


def _parts_of(name: str, body: bytes) -> list[str]:
    """Return the names of the files that a template includes; a name worked out while rendering cannot be digested and is refused."""
    try:
        # Parsing only; nothing is rendered here, and escaping is for HTML, which letters never hold.
        tree = Environment(autoescape=False).parse(_decoded(name, body))  # noqa: S701
    except TemplateSyntaxError as wrong:
        raise TemplateBroken(
            found=f"{name} cannot be read as a template at line {wrong.lineno}", expected="a Jinja template", remedy="correct that line"
        ) from None
    parts = list(meta.find_referenced_templates(tree))
    if any(part is None or _PART.fullmatch(part) is None for part in parts):
        raise TemplateBroken(
            found=f"{name} includes a file under a name that is not allowed",
            expected='a literal name such as "_rights.txt" of the same folder',
            remedy="write the name out",
        )
    return [part for part in parts if part is not None]


@functools.lru_cache(maxsize=32)
def _table(body: bytes, locale: str) -> LocaleTable:
    """Return the table in `body`; the same bytes are read once, which takes forty milliseconds."""
    try:
        return LocaleTable.model_validate(yaml.safe_load(body))
    except ValidationError as wrong:
        faults = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors(include_input=False))
    except (yaml.YAMLError, UnicodeDecodeError):
        faults = "not YAML"
    raise TemplateBroken(
        found=f"the table {locale}/{TABLE} cannot be used ({faults})",
        expected="language, date, twelve months, and labels: group → code → words",
        remedy="compare it with the built-in en/locale.yaml",
    )
