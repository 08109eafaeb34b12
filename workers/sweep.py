"""`rtbf sweep`: reads from the database which tickets are ready and nudges the workers with their ids, again and again.

It holds no memory. A round gives pending events their places in the ledger, and nudges only when the queue is empty, so
that nudges never pile up behind a long stage; when Redis lost them, the next round finds the queue empty and nudges
again. Without Redis or database it waits for them.
At a slower pace it takes the steps of `rtbf.pipeline.upkeep`, which need the database but no Redis.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING

import click
import kombu.exceptions
import redis
import structlog

from rtbf.cli.context import emit
from rtbf.cli.errors import DONE, FAULT
from rtbf.cli.upkeep import told
from rtbf.cli.work import work_settings
from rtbf.errors import BrokerUnreachable, LedgerBroken, LedgerForked, Outage
from rtbf.issuing import keep_up
from rtbf.logs import configure_logs
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.upkeep import UPKEEP_ACTOR
from rtbf.store.leases import tickets_ready_for_work
from workers.app import ADVANCE_TASK, DEFAULT_QUEUE, app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from rtbf.cli.context import CliContext
    from rtbf.installation import Installation
    from rtbf.pipeline.upkeep import UpkeepDone

_TIMEOUT_S = 2

_log = structlog.get_logger()


@click.command("sweep")
@click.option("--every-s", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help="Seconds between two rounds.")
@click.option(
    "--upkeep-every-s", type=click.FloatRange(1, 86_400), default=60.0, show_default=True, help="Seconds between two rounds of upkeep."
)
@click.option("--once", is_flag=True, help="One round of both only; fails when Redis does not answer.")
@click.pass_obj
def sweep(context: CliContext, every_s: float, upkeep_every_s: float, once: bool) -> int:  # noqa: FBT001 - click hands flags over by name
    """Nudge the workers with the tickets that are ready for work, and do what time alone asks for (`rtbf upkeep`)."""
    installation = context.open_installation()
    url = context.settings.redis_url.get_secret_value()
    actor = context.settings.actor or UPKEEP_ACTOR

    def upkeep() -> UpkeepDone:
        return keep_up(installation, actor, work=work_settings(context))

    if once:
        done = upkeep()
        count = nudge_ready(installation, url)
        shape = {"nudged": count, "done": dict(done.counts), "failed": dict(done.failed)}
        emit(context, shape, lambda: f"{count} ticket(s) nudged\n{told(done)}")
        return FAULT if done.failed else DONE
    configure_logs(is_json=context.is_json)
    sweep_until(_stop_on_signals(), installation, url, every_s, upkeep_every_s=upkeep_every_s, upkeep=upkeep)
    return DONE


def sweep_until(
    stopped: threading.Event,
    installation: Installation,
    redis_url: str,
    every_s: float,
    *,
    upkeep_every_s: float,
    upkeep: Callable[[], UpkeepDone],
    monotonic_s: Callable[[], float] = time.monotonic,
) -> None:
    """Sweep until `stopped` is set. An Outage is logged when it begins and when it ends, and outlived."""
    trouble = ""
    upkeep_due_s = monotonic_s()
    failing: Mapping[str, str] = {}
    _log.info("sweep.started", every_s=every_s, upkeep_every_s=upkeep_every_s)
    while not stopped.is_set():
        if monotonic_s() >= upkeep_due_s:
            failing = _keep_up(upkeep, failing)
            upkeep_due_s = monotonic_s() + upkeep_every_s
        try:
            # Two of a round's errors need a person; upkeep's step names them once, and the next round tries again.
            with contextlib.suppress(LedgerForked, LedgerBroken):
                sequence_events(installation)
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


def _keep_up(upkeep: Callable[[], UpkeepDone], failing: Mapping[str, str]) -> Mapping[str, str]:
    """Take upkeep's steps once; return those that failed. A step is logged when it begins to fail, not each time."""
    done = upkeep()
    if done.counts:
        _log.info("upkeep.done", **done.counts)
    for step, code in done.failed.items():
        if failing.get(step) != code:
            _log.error("upkeep.failed", step=step, error=code)
    return done.failed


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
