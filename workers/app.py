"""The Celery app. A message carries a ticket's id and nothing else; results are kept nowhere.

Celery and Redis only nudge: what has to be done, and who does it, stands in the database. Losing Redis loses nothing.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from rtbf.config import Settings, read_settings

ADVANCE_TASK = "rtbf.advance"
DEFAULT_QUEUE = "gpu"
"""One queue for every stage until footprints and plans get their own; a worker is told with `-Q` what to listen to."""

_BROKER_TIMEOUT_S = 2


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration for these settings."""
    return {
        "broker_url": settings.redis_url.get_secret_value(),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": _BROKER_TIMEOUT_S,
        "broker_transport_options": {
            # Redelivery after a killed worker took 104 s with Kombu's own pace of looking, 7.5 s with this one
            # (specs/facts.md). A ticket's lease has run out by then; while it has not, the copy is let go quietly.
            "visibility_timeout": settings.lease_s,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": _BROKER_TIMEOUT_S,
            "socket_keepalive": True,
        },
        "task_default_queue": DEFAULT_QUEUE,
        "task_create_missing_queues": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # After a lost connection the message comes again by itself; the stage that runs goes on under its lease.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        # Our log lines are JSON already; Celery would wrap each into a line of its own and call it a warning.
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "enable_utc": True,
    }


def _settings_of_the_environment() -> dict[str, Any]:
    return celery_settings(read_settings())


# `celery -A workers.app` looks for this name. The environment is read when the app is first used, not at import.
app = Celery("rtbf", include=["workers.stages"], set_as_current=False)
app.add_defaults(_settings_of_the_environment)
