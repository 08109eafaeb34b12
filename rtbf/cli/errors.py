"""The one place where trouble becomes an exit code and words for the terminal (DESIGN §11).

    0 done · 1 refused or negative result · 2 usage · 3 cannot decide · 4 waiting for a person · 5 fault

Of an unforeseen exception only the type is told: its text may repeat what somebody typed about a person.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.errors import ExtraMissing, Refusal, RTBFError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = 0
REFUSED = 1
USAGE = 2
CANNOT_DECIDE = 3
WAITING = 4
FAULT = 5
INTERRUPTED = 130
"""What shells use for a process ended by Ctrl-C: 128 + SIGINT."""


_EXTRA_OF = {
    **dict.fromkeys(("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors", "scipy", "numpy"), "ml"),
    **dict.fromkeys(("celery", "kombu", "redis", "psycopg", "uvicorn"), "service"),
    "typst": "pdf",
}
"""Package → the extra of ours that brings it."""


def exit_code_of(error: RTBFError) -> int:
    """Return the exit code of an error of our tree: 1 for what the caller can mend, 5 for the rest."""
    return REFUSED if isinstance(error, Refusal) else FAULT


def run_guarded(command: Callable[[], object], *, is_json: bool) -> int:
    """Return the exit code of `command`, after telling any trouble on standard error.

    `command` is click's `main` with `standalone_mode=False`; an integer it returns is the exit code.
    """
    try:
        code = command()
        sys.stdout.flush()
    except RTBFError as error:
        _tell(error.code, error.found, error.expected, error.remedy, is_json=is_json)
        return exit_code_of(error)
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as usage:
        usage.show()
        return usage.exit_code
    except (KeyboardInterrupt, click.Abort):
        _tell("interrupted", "the command was interrupted", "to be left alone until it ends", "run it again to continue", is_json=is_json)
        return INTERRUPTED
    except BrokenPipeError:
        _close_broken_output()
        return DONE
    except ModuleNotFoundError as missing:
        return _tell_missing(missing, is_json=is_json)
    except Exception as unforeseen:  # noqa: BLE001 - the terminal's last handler: it tells the type only
        return _tell_unforeseen(unforeseen, is_json=is_json)
    return code if isinstance(code, int) else DONE


def _tell_missing(missing: ModuleNotFoundError, *, is_json: bool) -> int:
    """Tell which extra brings a package that is not installed; a package of no extra is a fault of ours."""
    package = (missing.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(package)
    if extra is None:
        return _tell_unforeseen(missing, is_json=is_json)
    error = ExtraMissing(
        found=f"no {package} in this environment", expected=f"the {extra} extra", remedy=f"pip install 'rtbf[{extra}]' and run it again"
    )
    _tell(error.code, error.found, error.expected, error.remedy, is_json=is_json)
    return exit_code_of(error)


def _tell_unforeseen(unforeseen: Exception, *, is_json: bool) -> int:
    place = unforeseen.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
    found = f"an unforeseen {type(unforeseen).__name__}{where}"
    _tell("unforeseen", found, "no such error", "report it with this line; what was stored before is whole", is_json=is_json)
    return FAULT


def _tell(code: str, found: str, expected: str, remedy: str, *, is_json: bool) -> None:
    if is_json:
        text = json.dumps({"error": code, "found": found, "expected": expected, "remedy": remedy}, ensure_ascii=False)
    else:
        text = f"{code}: {found}\n  expected: {expected}\n  remedy:   {remedy}"
    with contextlib.suppress(BrokenPipeError):
        click.echo(text, err=True)


def _close_broken_output() -> None:
    """Point standard output at nothing, or the interpreter complains about the closed pipe once more when it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
