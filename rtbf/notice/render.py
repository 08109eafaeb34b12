"""Make one letter from its words and its fields. Pure: the same words and fields give the same letter.

Refuses to write a letter with a hole: a template that uses a field which was not given stops with the field's name, and
with the setting to set where the field comes from one. Values stay text: they are never read as a template, and
each is brought to one harmless line. The body leaves as a `Secret`; errors name fields and files, never values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import DictLoader, StrictUndefined, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rtbf.errors import BadInput, LetterIncomplete, TemplateBroken
from rtbf.notice.fields import MODEL_REMEDIES, NEVER_EMPTY, SETTING_OF, LetterFields
from rtbf.notice.plain import NO_BREAK, at_readable_width, one_line
from rtbf.notice.wording import TABLE, LocaleTable, find_wording
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from rtbf.errors import RTBFError
    from rtbf.notice.wording import Wording

_SUBJECT = "Subject: "
_FIELD_NAMES = frozenset(field.name for field in fields(LetterFields))
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,79}")
_WRONG_USE = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError)
"""What Jinja and the filters raise when a template uses a value in a way it cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A finished letter. The subject holds no personal data; the body does, and cannot be printed. `written_at` is aware."""

    kind: str
    locale: str
    subject: str
    body: Secret
    template_digest: str
    written_at: datetime


class _Missing(StrictUndefined):
    """A value that was not given. Its error says the name and nothing else, whatever object it was looked for in."""

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


def render(kind: str, locale: str, variables: LetterFields, *, overrides: Path | None = None, default_locale: str | None = None) -> Letter:
    """Return the letter of `kind` in `locale` or the nearest locale there is (RFC 4647 lookup).

    `overrides` is an installation's own folder of templates; `default_locale` is the language that may stand in when
    there are no letters in the person's own, and None means that none may. Raises BadInput for an unknown kind or
    locale and for an instant without time zone, LetterIncomplete for a field or a code's words that are missing,
    TemplateBroken for a template that cannot be used.
    """
    wording = find_wording(kind, locale, overrides=overrides, default_locale=default_locale)
    _require_sense(kind, variables)
    subject, body = _split(_rendered(wording, variables), wording)
    return Letter(
        kind=kind,
        locale=wording.locale,
        subject=subject,
        body=Secret(body),
        template_digest=wording.digest,
        written_at=variables.written_at,
    )


def _require_sense(kind: str, variables: LetterFields) -> None:
    """Refuse fields that no words could make into an honest letter."""
    for name in ("written_at", "expires_at"):
        instant = getattr(variables, name)
        if instant is not None and instant.tzinfo is None:
            raise BadInput(
                found=f"{name} without a time zone", expected="an aware instant", remedy="give it in the installation's time zone"
            )
    if variables.identity_code is not None and variables.identity_method is not None:
        raise BadInput(found="a one-time code and a method", expected="one of the two", remedy="ask for one proof only")
    if kind == "partial" and not (variables.kept or variables.later or variables.residuals):
        raise LetterIncomplete(
            found="a partial answer that does not say what is missing",
            expected="what is kept, what follows later or what may still be there (GDPR Art. 12(4))",
            remedy="give kept, later or residuals; a request carried out in full is a fulfilment",
        )
    claimed = {claim.model for claim in variables.claims or ()}
    bare = [done.name for done in variables.erased or () if done.remedy in MODEL_REMEDIES and done.name not in claimed]
    if bare:
        raise LetterIncomplete(
            found=f"{len(bare)} changed model(s) without a claim ({', '.join(bare)})",
            expected="a claim for every model that the letter says was changed",
            remedy="give the verdict's claim under the same name",
        )


def _rendered(wording: Wording, variables: LetterFields) -> str:
    # Escaping is for HTML; a letter is plain text, in which "&amp;" would be a misspelt "&".
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(wording.sources),
        undefined=_Missing,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,  # a part ends with the blank line that parts it from the next
    )
    environment.globals.clear()
    table = wording.table
    environment.filters["day"] = lambda value: _day(value, table)
    environment.filters["moment"] = lambda value: f"{_day(value, table)}, {value:%H:%M} ({value.tzname()})"
    try:
        return environment.get_template(f"{wording.kind}.txt").render(_view(variables), labels=table.labels)
    except UndefinedError as missing:
        trouble: RTBFError = _incomplete(str(missing), wording)
    except _WRONG_USE as wrong:
        trouble = _broken(wording, f"uses a value in a way it cannot be used ({type(wrong).__name__})")
    # Raised out here: a chained exception would carry Jinja's text along, which may repeat a value.
    raise trouble


def _view(value: Any) -> Any:  # noqa: ANN401 - walks any field
    """Return what templates see of a value: text on one line, records as dictionaries without what was not given."""
    if isinstance(value, Secret):
        return one_line(value.reveal())
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, tuple):
        return tuple(_view(entry) for entry in value)
    if is_dataclass(value):
        seen = {field.name: _view(getattr(value, field.name)) for field in fields(value)}
        return {name: part for name, part in seen.items() if part is not None and part != "" and not (part == () and name in NEVER_EMPTY)}
    return value


def _day(value: date, table: LocaleTable) -> str:
    words = {"{day}": str(value.day), "{month}": table.months[value.month - 1], "{year}": str(value.year)}
    return re.sub(r"\{(day|month|year)\}", lambda found: words[found.group()], table.date).replace(" ", NO_BREAK)


def _split(text: str, wording: Wording) -> tuple[str, str]:
    """Return (subject, body); the first line of a letter is its subject."""
    first, _, rest = text.partition("\n")
    subject = one_line(first.removeprefix(_SUBJECT))
    if not first.startswith(_SUBJECT) or not subject:
        raise _broken(wording, f"does not begin with a line '{_SUBJECT}…'")
    if not rest.strip():
        raise _broken(wording, "has a subject and nothing else")
    return subject, at_readable_width(rest)


def _incomplete(name: str, wording: Wording) -> LetterIncomplete:
    place = f"the letter {wording.locale}/{wording.kind}.txt"
    if name in SETTING_OF:
        remedy = f"set {SETTING_OF[name]}"
    elif name in _FIELD_NAMES:
        remedy = "give this field; a letter is never sent with a hole in it"
    elif _CODE.fullmatch(name):
        remedy = f"if it is a code, add its plain words to {wording.locale}/{TABLE}; if not, correct the template"
    else:
        # A key that was worked out from a value may be that value.
        name, remedy = "(a name that is no field)", "correct the template"
    return LetterIncomplete(
        found=f"{place} needs {name}, which was not given", expected="a value for all that the letter says", remedy=remedy
    )


def _broken(wording: Wording, trouble: str) -> TemplateBroken:
    return TemplateBroken(
        found=f"the letter {wording.locale}/{wording.kind}.txt {trouble}",
        expected="a template as docs/howto/write-a-notice.md describes",
        remedy="correct the template",
    )
