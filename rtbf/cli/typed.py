"""Words that an officer types: from a prompt, a pipe, or the command line, where they stay in the shell's history."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rtbf.vault.secret import Secret

_PROMPT = "-"


def typed_words(value: str | None, option: str) -> Secret | None:
    """Return the words of `--option`, asked for (or read from a pipe) when it is `-`; None when it was not given."""
    from rtbf.vault.secret import Secret  # noqa: PLC0415 - a command's own, not the terminal's start

    if value is None:
        return None
    if value == _PROMPT:
        return Secret(str(click.prompt(option, err=True)) if sys.stdin.isatty() else sys.stdin.read())
    if sys.stdin.isatty():
        click.echo(f"note: the {option} is in your shell's history; `--{option} -` asks for it instead", err=True)
    return Secret(value)
