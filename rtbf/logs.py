"""Log lines for operators: `noun.verb_past` and fields. Evidence never lives only here, personal data never at all.

Every line passes three processors before it is written: secrets become a mask, an exception becomes its type and the
places it came through (its text and its frames' variables may hold what a person typed), and text that looks like an
e-mail address or a phone number is masked. The last is a seat belt against our own mistakes, not a licence to log.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any

import structlog

from rtbf.vault.secret import MASK, Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_MAX_TEXT = 2_000
_ADDRESS = re.compile(r"[^\s@<>\"',;:()\[\]]{1,64}@[^\s@<>\"',;:()\[\]]{1,255}")
# Seven digits or more with what people write between them, dates (2026-11-24) excepted. Ids and digests have letters
# beside their digits.
_PHONE = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d\b)\+?\d(?:[ ()./-]{0,2}\d){6,}(?![\w.])")


def configure_logs(*, is_json: bool, level: int = logging.INFO) -> None:
    """Send structlog events of `level` and above to standard error, as JSON lines or as readable text."""
    # The readable form's own tracebacks would print every variable of every frame.
    readable = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            name_exceptions,
            mask_secrets,
            mask_identifiers,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer() if is_json else readable,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def name_exceptions(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the file, line and function of each frame; its text and variables stay out."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    if error is not None:
        event["error_type"] = type(error).__name__
        event["error_at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return event


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace every Secret by its mask and every other object that is no plain value by its type's name, at any depth."""
    return {key: _plain(value) for key, value in event.items()}


def mask_identifiers(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like an e-mail address or a phone number in any text of the line, and cut long texts."""
    return {key: _masked(value) for key, value in event.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever somebody logged
    if isinstance(value, Secret | SecretBytes):
        return MASK
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    # An object's text may hold anything: only what it is gets written.
    return f"<{type(value).__name__}>"


def _masked(value: Any) -> Any:  # noqa: ANN401 - whatever `_plain` left
    if isinstance(value, str):
        cut = value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT] + "…"
        return _PHONE.sub(MASK, _ADDRESS.sub(MASK, cut))
    if isinstance(value, dict):
        return {_masked(key): _masked(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_masked(entry) for entry in value]
    return value
