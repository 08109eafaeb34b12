"""What every command is handed by the root group, and how a command shows its result.

This file is read on every start of the terminal, so the database and the table drawer are imported when they are used.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import RenderableType

    from rtbf.config import Settings
    from rtbf.installation import Installation


@dataclass(frozen=True)
class CliContext:
    """The root options after the environment was read: `--home`, `--as`, `--json`, and the other settings."""

    home: Path
    actor: str
    is_json: bool
    settings: Settings

    def open_installation(self) -> Installation:
        """Return the installation at `home`; raises what `rtbf.startup.open_home` raises."""
        # SQLAlchemy and Alembic take half a second, which `rtbf --help` must not pay.
        from rtbf.startup import open_home  # noqa: PLC0415

        return open_home(self.settings, self.home)


def emit(context: CliContext, data: Any, render: Callable[[], RenderableType]) -> None:  # noqa: ANN401 - any JSON value
    """Write a command's result to standard output: `data` as one JSON line with `--json`, else what `render` draws.

    `render` is called only when it is needed.
    """
    if context.is_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, sort_keys=True) + "\n")
        return
    # rich is imported here for the same reason as above: 60 ms.
    from rich.console import Console  # noqa: PLC0415

    # No markup: a file called [red].jsonl is shown as it is called.
    Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=not sys.stdout.isatty()).print(render())
