"""`rtbf sweep`: reads from the database which tickets are ready and nudges the workers with their ids, again and again.

It holds no memory. A round nudges only when the queue is empty, so nudges never pile up behind a long stage; when
Redis lost them, the next round finds the queue empty and nudges again. Without Redis or database it waits for them.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click
import kombu.exceptions
import redis
import structlog

from rtbf.cli.context import emit
from rtbf.errors import BrokerUnreachable, Outage
from rtbf.logs import configure_logs
from rtbf.store.leases import tickets_ready_for_work
from workers.app import ADVANCE_TASK, DEFAULT_QUEUE, app

if TYPE_CHECKING:
    from types import FrameType

    from rtbf.cli.context import CliContext
    from rtbf.installation import Installation

_TIMEOUT_S = 2

_log = structlog.get_logger()


@click.command("sweep")
@click.option("--every-s", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help="Seconds between two rounds.")
@click.option("--once", is_flag=True, help="One round only; fails when Redis does not answer.")
@click.pass_obj
def sweep(context: CliContext, every_s: float, once: bool) -> None:  # noqa: FBT001 - click hands flags over by name
    """Nudge the workers with the tickets that are ready for work."""
    installation = context.open_installation()
    url = context.settings.redis_url.get_secret_value()
    if once:
        count = nudge_ready(installation, url)
        emit(context, {"nudged": count}, lambda: f"{count} ticket(s) nudged")
        return
    configure_logs(is_json=context.is_json)
    sweep_until(_stop_on_signals(), installation, url, every_s)


def sweep_until(stopped: threading.Event, installation: Installation, redis_url: str, every_s: float) -> None:
    """Sweep until `stopped` is set. An Outage is logged when it begins and when it ends, and outlived."""
    trouble = ""
    _log.info("sweep.started", every_s=every_s)
    while not stopped.is_set():
        try:
            count = nudge_ready(installation, redis_url)
        except Outage as outage:
            if outage.code != trouble:
                _log.warning("sweep.waiting", error=outage.code, found=outage.found)
            trouble = outage.code
        else:
            if trouble:
                _log.info("sweep.resumed", after=trouble)
            trouble = ""
            if count:
                _log.info("sweep.nudged", tickets=count)
        stopped.wait(every_s)
    _log.info("sweep.ended")


def nudge_ready(installation: Installation, redis_url: str) -> int:
    """Put every ready ticket's id into the queue if it is empty; return how many were put.

    Raises BrokerUnreachable or DatabaseUnreachable; the tickets stay ready.
    """
    with installation.transaction() as session:
        ready = tickets_ready_for_work(session, installation.clock())
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S) as broker:
            is_queue_empty = broker.llen(DEFAULT_QUEUE) == 0
        if not is_queue_empty:
            return 0
        for ticket_id in ready:
            app.send_task(ADVANCE_TASK, args=[ticket_id], queue=DEFAULT_QUEUE, retry=False, ignore_result=True)
    except (redis.RedisError, kombu.exceptions.KombuError, OSError) as failed:
        # The driver's text may repeat the URL with its password, so it is not passed on.
        raise BrokerUnreachable(
            found="no answer from Redis", expected="a running Redis at RTBF_REDIS_URL", remedy="start it; the tickets wait in the database"
        ) from failed
    return len(ready)


def _stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set, so that a round in progress ends well."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopped
