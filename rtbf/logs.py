"""Log lines for operators: `noun.verb_past` and fields. Evidence never lives only here, personal data never at all."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(*, is_json: bool, level: int = logging.INFO) -> None:
    """Send structlog events of `level` and above to standard error, as JSON lines or as readable text."""
    renderer = structlog.processors.JSONRenderer() if is_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
