"""A neutral table of names, towns and words for values that stand in a true one's place.

The table names no frequencies: none could be sourced, so every entry is drawn alike. A drawn value is therefore no
draw from the population that the true one came from, and what is found with it needs the never-shown control.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

import yaml

from rtbf.errors import PackBroken
from rtbf.vault.normalise import fold_name

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Population:
    """The lists of `population.yaml`, in its order; no list names an entry twice."""

    feminine: tuple[str, ...]
    masculine: tuple[str, ...]
    surnames: tuple[str, ...]
    towns: tuple[str, ...]
    demonyms: tuple[str, ...]
    title_adjectives: tuple[str, ...]
    title_nouns: tuple[str, ...]

    def given(self, gender: str) -> tuple[str, ...]:
        """Return the given names of "feminine" or "masculine", of both for ""."""
        return {"feminine": self.feminine, "masculine": self.masculine}.get(gender, self.feminine + self.masculine)


@functools.cache
def population() -> Population:
    """Return the shipped table; raises PackBroken when it is not the one this release was made with."""
    text = resources.files("rtbf.verify.items").joinpath("population.yaml").read_text(encoding="utf-8")
    return read_population(text)


def read_population(text: str) -> Population:
    """Return the table in `text`; raises PackBroken for a missing, unknown, empty or repeating list."""
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise _broken("a file that is no YAML") from None
    names = {entry.name for entry in fields(Population)}
    if not isinstance(found, dict) or set(found) != names | {"version"} or found["version"] != VERSION:
        raise _broken("other lists than those of this release")
    for name in sorted(names):
        entries = found[name]
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, str) and entry for entry in entries):
            raise _broken(f"'{name}' is no list of words")
        if len({fold_name(entry) for entry in entries}) != len(entries):
            raise _broken(f"'{name}' names an entry twice")
    return Population(**{name: tuple(found[name]) for name in names})


@functools.cache
def folded(entries: tuple[str, ...]) -> frozenset[str]:
    """Return a list's entries as `fold_name` writes them, for looking words up."""
    return frozenset(fold_name(entry) for entry in entries)


def _broken(found: str) -> PackBroken:
    return PackBroken(found=f"population.yaml: {found}", expected=f"version {VERSION} of the table", remedy="install the release again")
