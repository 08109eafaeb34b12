"""Regime packs: the law a ticket is worked under, as data. One YAML file each in `regimes/`; the file name is the registry.

A pack says how long an answer may take and what moves that time; it computes no date (`ticket.deadline` does). Every
value names its statute or says that it is our policy; a pack with an unsourced value is refused. A pack shows what we
apply, not that a court agrees: its digest goes onto each ticket, so that a report can say which reading was used.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from rtbf.errors import PackBroken, UnknownName
from rtbf.evidence.canonical import digest_of

IdentityLevel = Literal["low", "substantial", "high"]
RequesterRole = Literal["data_subject", "guardian", "authorised_agent", "controller"]
CodeKind = Literal["ground", "exemption", "delay", "refusal"]
CODE_KINDS: tuple[CodeKind, ...] = ("ground", "exemption", "delay", "refusal")
REQUESTER_ROLES: tuple[RequesterRole, ...] = ("data_subject", "guardian", "authorised_agent", "controller")

_FOLDER = Path(__file__).parent / "regimes"
_STRICT = ConfigDict(extra="forbid")
_A_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A length of time in civil units: `months` or `days`, exactly one of them, at least 1."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    months: int | None = None
    days: int | None = None

    def __post_init__(self) -> None:
        given = [count for count in (self.months, self.days) if count is not None]
        if len(given) != 1 or given[0] < 1:
            raise ValueError("a period is a number of months or of days, at least 1, not both")

    def __str__(self) -> str:
        """Return the period as people say it: "1 month", "45 days"."""
        count, unit = (self.months, "month") if self.months is not None else (self.days, "day")
        return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkingDays:
    """A number of working days after the day of receipt, which is not one of them."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    business_days: int

    def __post_init__(self) -> None:
        if self.business_days < 1:
            raise ValueError("at least 1 business day")

    def __str__(self) -> str:
        """Return the days as people say it: "1 working day", "3 working days"."""
        return f"{self.business_days} working day{'' if self.business_days == 1 else 's'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """One pack, read and checked. `sources` names the statute and article, or our policy, behind every other field."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    title: str
    version: int
    answer: Period
    """How long the answer may take, from the day the clock starts."""
    extend_to: Period | None
    """How long it may take when extended, from the same day: never added to `answer`. None: no extension exists."""
    acknowledge: WorkingDays
    verification_effect: Literal["suspends", "starts", "none"]
    """What asking for proof of identity does to the clock: it waits, it starts with the answer, or nothing."""
    roll: Literal["next_working_day", "none"]
    counts_start_day: bool
    """Whether the day of receipt is day 1 of a period in days. Has no meaning for months, hence is refused with them."""
    extension_notice_required: bool
    ask_identity_within_days: int
    """Calendar days after receipt within which asking for identity is prompt; a later question is flagged."""
    record_retention: Period
    identity_levels: dict[RequesterRole, IdentityLevel]
    """The least level of identity that must be shown, by who is asking."""
    vocabularies: dict[CodeKind, tuple[str, ...]]
    """Which vocabularies of `codes.yaml` a code of each kind may come from."""
    extension_codes: tuple[str, ...]
    """The delay codes that are a lawful reason to extend; the others only explain a suspension."""
    sources: dict[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a pack that leaves a role, a kind of code or a source out, or whose rules contradict each other."""
        for what, given, wanted in (
            ("identity_levels", set(self.identity_levels), set(REQUESTER_ROLES)),
            ("vocabularies", set(self.vocabularies), set(CODE_KINDS)),
            ("sources", {name for name, text in self.sources.items() if text.strip()}, _sourced_fields()),
        ):
            if given != wanted:
                raise ValueError(f"{what} must name exactly {', '.join(sorted(wanted))}")
        if self.counts_start_day and self.answer.months is not None:
            raise ValueError("counts_start_day belongs to periods in days")
        if self.extend_to is not None and not _is_longer(self.extend_to, self.answer):
            raise ValueError("extend_to must be longer than answer and in the same unit: both are measured from the same day")
        if bool(self.extension_codes) != (self.extend_to is not None):
            raise ValueError("extension_codes and extend_to belong together")
        if self.ask_identity_within_days < 1 or self.version < 1:
            raise ValueError("ask_identity_within_days and version are at least 1")

    @property
    def digest(self) -> str:
        """Return "sha256:…" over the canonical bytes of the whole pack, sources included."""
        return digest_of(self)


def regime_names() -> tuple[str, ...]:
    """Return the name of every pack of this installation, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@functools.cache
def load_regime(name: str) -> Regime:
    """Return the pack called `name`; raises UnknownName with the nearest names, and PackBroken when it does not read."""
    if name not in regime_names():
        # What looks like no name may be anything somebody pasted; it is not repeated.
        shown = name if _A_NAME.fullmatch(name) else "(not a name)"
        raise UnknownName("regime", shown, regime_names(), "rtbf regime list")
    return parse_regime(name, (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def parse_regime(name: str, text: str) -> Regime:
    """Return the pack that `text` (YAML) holds.

    Raises PackBroken when a key is unknown or missing, a value is of the wrong kind, a source is absent, or the pack
    calls itself otherwise than `name`: a clock must never run on a half-read law.
    """
    regime: Regime = read_pack(TypeAdapter(Regime), f"regime pack '{name}'", text)
    if regime.name != name:
        raise PackBroken(
            found=f"regime pack '{name}' calls itself by another name",
            expected="the name of its file",
            remedy="reinstall the package, or correct `name` in the pack",
        )
    return regime


def read_pack(adapter: TypeAdapter[Any], what: str, text: str) -> Any:  # noqa: ANN401 - whatever the adapter makes
    """Return what `adapter` makes of `text`, a YAML document of this package called `what`; raises PackBroken."""
    try:
        # By way of JSON, where strict types hold and lists still become tuples: `version: yes` is no version 1.
        return adapter.validate_json(json.dumps(yaml.safe_load(text)), strict=True)
    except (yaml.YAMLError, TypeError):
        faults = "it is no YAML document of text, numbers, lists and maps"
    except ValidationError as refused:
        faults = "; ".join(f"{'.'.join(str(part) for part in error['loc']) or 'pack'}: {error['msg']}" for error in refused.errors())
    raise PackBroken(
        found=f"{what} does not read ({faults})",
        expected="a pack with every key of its kind and no other",
        remedy="reinstall the package, or correct the named keys if the pack was edited",
    )


def _sourced_fields() -> set[str]:
    """Return the fields that state a rule: all but those that only say which pack this is."""
    return {part.name for part in fields(Regime)} - {"name", "title", "version", "sources"}


def _is_longer(longer: Period, shorter: Period) -> bool:
    if longer.months is not None and shorter.months is not None:
        return longer.months > shorter.months
    return longer.days is not None and shorter.days is not None and longer.days > shorter.days
