"""The ledger: events sequenced in batches, against a lock for each event; and how long a proof takes in a large tree.

PostgreSQL, eight writer processes, on a private server that syncs nothing to disk: whoever commits more often would pay more
for that, so it is left out in favour of the baseline. The baseline is what a ledger is without an outbox: each writer takes
the advisory lock, reads the ledger's and the ticket's end, builds the leaf, inserts one event with its outbox row, and
commits; in plain SQL, and without a tree. Ours: the writers commit one pending event at a time, then one sequencer drains
them all: leaves, chains, tree nodes, outbox rows. Both are counted in events given their place per second of that work; the
writers' own rates, and ours with writers and sequencer at once, are printed beside.
On SQLite there is one writer by its nature.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from benchmarks.machine import describe_machine
from deploy.servers import private_postgres
from rtbf.clock import rfc3339
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.ledger import event_leaf, leaf_hash, new_nonce, splice_told
from rtbf.installation import create_installation
from rtbf.pipeline.ledger import proof_of, seal_ledger, sequence_events
from rtbf.store.engine import open_engine
from rtbf.store.events import append_event
from rtbf.store.tables import PendingEventRow
from rtbf.vault.argon2 import Argon2Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtbf.installation import Installation

WRITERS, EACH_BASELINE, EACH_OURS, ROUNDS = 8, 250, 2_500, 3
SQLITE_BASELINE, SQLITE_OURS = 500, 10_000
LARGE, PROOFS = 1_000_000, 300
BAR, PROOF_BAR_MS = 20, 5
QUICK = Argon2Cost(memory_kib=8, iterations=1, lanes=1)
LOCK = 0x72746266
DATA = {"from": "planning", "to": "awaiting_approval", "record": "sha256:" + "5" * 64, "attempt": 1, "quorum": 2}
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    with tempfile.TemporaryDirectory() as folder, private_postgres(Path(folder) / "postgres") as server:
        with _house(Path(folder) / "home", server.url) as house:
            baseline, writing, ours, together = _on_postgres(house, server.url)
            ratio = ours / baseline
            print(f"ledger    PostgreSQL, {WRITERS} writer processes, nothing synced to disk; medians of {ROUNDS} rounds in turns")
            print(f"ours      {ours:,.0f} events/s sequenced by one sequencer, in batches")
            print(f"baseline  {baseline:,.0f} events/s with a lock for each event")
            print(f"ratio     {ratio:.1f} × as fast (bar: {BAR})")
            print(f"writers   {writing:,.0f} events/s written, one a commit; {together:,.0f} events/s written and sequenced at once")
            postgres_ms = _proof_ms(house)
        with _house(Path(folder) / "embedded", None) as embedded:
            lite_baseline, lite_ours = _on_sqlite(embedded)
            lite_ratio = lite_ours / lite_baseline
            print(f"sqlite    {lite_ours:,.0f} events/s sequenced, {lite_baseline:,.0f} with a transaction for each: {lite_ratio:.1f} ×")
            sqlite_ms = _proof_ms(embedded)
    print(f"proof     of one in {LARGE:,} events, medians of {PROOFS} (bar: {PROOF_BAR_MS} ms):")
    print(f"          {postgres_ms:.2f} ms on PostgreSQL, {sqlite_ms:.2f} ms on SQLite")
    print(describe_machine(["psycopg", "sqlalchemy"]))
    return 0 if ratio >= BAR and max(postgres_ms, sqlite_ms) < PROOF_BAR_MS else 1


def _on_postgres(house: Installation, url: str) -> tuple[float, float, float, float]:
    """Return medians in events/s: baseline, our writers, our sequencer, our writers with the sequencer beside them."""
    rates: dict[str, list[float]] = {"baseline": [], "writing": [], "ours": [], "together": []}
    for number in range(ROUNDS + 1):
        _empty(house)
        taken_s = {"baseline": _in_processes(_write_locked, url, EACH_BASELINE, lambda: None)}
        _empty(house)
        taken_s["writing"] = _in_processes(_write_pending, url, EACH_OURS, lambda: None)
        taken_s["ours"], count = _timed(lambda: sequence_events(house))
        _require(count, WRITERS * EACH_OURS)
        _empty(house)
        taken_s["together"] = _in_processes(_write_pending, url, EACH_OURS, lambda: sequence_events(house))
        if number:
            for name, seconds in taken_s.items():
                rates[name].append(WRITERS * (EACH_BASELINE if name == "baseline" else EACH_OURS) / seconds)
    baseline, writing, ours, together = (statistics.median(each) for each in rates.values())
    return baseline, writing, ours, together


def _on_sqlite(house: Installation) -> tuple[float, float]:
    baseline, ours = [], []
    for number in range(ROUNDS + 1):
        _empty(house)
        locked_s, _ = _timed(lambda: _sequence_singly(house))
        _empty(house)
        _fill(house, SQLITE_OURS, tickets=200)
        ours_s, count = _timed(lambda: sequence_events(house))
        _require(count, SQLITE_OURS)
        if number:
            baseline.append(SQLITE_BASELINE / locked_s)
            ours.append(SQLITE_OURS / ours_s)
    return statistics.median(baseline), statistics.median(ours)


def _sequence_singly(house: Installation) -> int:
    """The baseline on SQLite: one transaction for each event, in the driver's own calls."""
    raw = house.engine.raw_connection()
    try:
        driver: Any = raw.driver_connection
        for number in range(SQLITE_BASELINE):
            ticket = f"tkt_{number % 200}"
            driver.execute("BEGIN IMMEDIATE")
            (idx,) = driver.execute("SELECT coalesce(max(idx) + 1, 0) FROM event").fetchone()
            last = "SELECT leaf FROM event WHERE ticket_id = ? ORDER BY ticket_seq DESC LIMIT 1"
            event, outbox = _locked_rows(idx, ticket, (driver.execute(last, (ticket,)).fetchone() or (None,))[0])
            driver.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", event)
            driver.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, NULL)", (*outbox[:4], "2026-03-02 12:00:00"))
            driver.execute("COMMIT")
    finally:
        raw.close()
    return SQLITE_BASELINE


def _proof_ms(house: Installation) -> float:
    """Return the median milliseconds of a proof under a signed head, each with a database transaction of its own."""
    _empty(house)
    _fill(house, LARGE, tickets=50_000)
    _require(sequence_events(house), LARGE)
    with house.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    note = seal_ledger(house).note
    luck = random.Random(7)
    times = []
    for _ in range(PROOFS):
        idx = luck.randrange(LARGE)
        taken_s, proof = _timed(lambda idx=idx: proof_of(house, idx, note))  # type: ignore[misc]
        _require(proof.count("\n") > 20, True)  # noqa: FBT003, PLR2004 - twenty levels of hashes
        times.append(taken_s * 1000)
    return statistics.median(times)


def _write_locked(url: str, number: int, count: int, ready: Any, go: Any) -> None:  # noqa: ANN401 - multiprocessing's own
    """One baseline writer."""
    with psycopg.connect(url) as connection:
        ready.release()
        go.wait()
        for turn in range(count):
            ticket = f"tkt_{number}_{turn % 25}"
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            found = connection.execute(
                "SELECT (SELECT coalesce(max(idx) + 1, 0) FROM event), "
                "(SELECT leaf FROM event WHERE ticket_id = %s ORDER BY ticket_seq DESC LIMIT 1)",
                (ticket,),
            ).fetchone()
            assert found is not None
            event, outbox = _locked_rows(*found[:1], ticket, found[1])
            connection.execute(
                "WITH made AS (INSERT INTO event VALUES (%s, %s, %s, %s, %s)) INSERT INTO outbox VALUES (%s, %s, %s, %s, %s)",
                (*event, *outbox),
            )
            connection.commit()


def _locked_rows(idx: int, ticket: str, previous: bytes | None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    leaf = event_leaf(
        idx=idx, log="rtbf/bench", ticket=ticket, previous=previous, event_type="plan.frozen", actor_id="act_1", data=DATA, now=NOW
    )
    told = splice_told(idx=idx, ticket=ticket, event_type="plan.frozen", time=rfc3339(NOW), told={"from": DATA["from"], "to": DATA["to"]})
    seq = 1 if previous is None else int(previous.partition(b'"tseq":')[2].partition(b",")[0]) + 1
    return (idx, ticket, seq, leaf, leaf_hash(leaf)), (idx, ticket, "plan.frozen", told, NOW)


def _write_pending(url: str, number: int, count: int, ready: Any, go: Any) -> None:  # noqa: ANN401 - multiprocessing's own
    """One of our writers."""
    engine = open_engine(url)
    with engine.connect():
        ready.release()
        go.wait()
    for turn in range(count):
        with Session(engine) as session, session.begin():
            append_event(session, ticket_id=f"tkt_{number}_{turn % 25}", event_type="plan.frozen", actor_id="act_1", data=DATA, now=NOW)
    engine.dispose()


def _in_processes(writer: Callable[..., None], url: str, count: int, beside: Callable[[], object]) -> float:
    """Return the seconds until all writers have ended, and `beside`, called over and over meanwhile, once more after them."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    writers = [context.Process(target=writer, args=(url, number, count, ready, go)) for number in range(WRITERS)]
    for process in writers:
        process.start()
    for _ in writers:
        ready.acquire()
    began_s = time.perf_counter()
    go.set()
    for process in writers:
        while process.is_alive():
            process.join(0.02)
            beside()
        _require(process.exitcode, 0)
    beside()
    return time.perf_counter() - began_s


def _fill(house: Installation, count: int, tickets: int) -> None:
    """Commit pending events in bulk: how they come in is not what is measured here."""
    data = canonical_bytes(DATA)
    if house.engine.dialect.name == "postgresql":
        made = text(
            "INSERT INTO pending_event (ticket_id, event_type, actor_id, data, at, nonce) "
            "SELECT 'tkt_' || (turn::bigint * 7919 % :tickets), 'plan.frozen', 'act_1', :data, :now, md5(turn::text) "
            "FROM generate_series(0, :last) turn"
        )
        with house.engine.begin() as connection:
            connection.execute(made, {"tickets": tickets, "data": data, "now": NOW, "last": count - 1})
        return
    rows = (
        {
            "ticket_id": f"tkt_{turn * 7919 % tickets}", "event_type": "plan.frozen", "actor_id": "act_1", "data": data, "at": NOW,
            "nonce": new_nonce(),
        }
        for turn in range(count)
    )  # fmt: skip
    while part := list(islice(rows, 50_000)):
        with house.engine.begin() as connection:
            connection.execute(insert(PendingEventRow.__table__), part)  # type: ignore[arg-type]


def _empty(house: Installation) -> None:
    """Empty the ledger; the guards are off in this throw-away database."""
    with house.engine.begin() as connection:
        for table in ("event", "tree_node", "outbox", "pending_event"):
            connection.execute(text(f"{'TRUNCATE' if house.engine.dialect.name == 'postgresql' else 'DELETE FROM'} {table}"))


def _unguard(house: Installation) -> None:
    is_postgres = house.engine.dialect.name == "postgresql"
    with house.engine.begin() as connection:
        for table in ("event", "tree_node", "pending_event"):
            if is_postgres:
                connection.execute(text(f"DROP TRIGGER {table}_no_truncate ON {table}"))
            elif table != "pending_event":
                connection.execute(text(f"DROP TRIGGER {table}_no_delete"))


@contextmanager
def _house(path: Path, url: str | None) -> Iterator[Installation]:
    house = create_installation(path, url, vault_cost=QUICK)
    _unguard(house)
    try:
        yield house
    finally:
        house.engine.dispose()


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    began_s = time.perf_counter()
    result = act()
    return time.perf_counter() - began_s, result


def _require(found: object, expected: object) -> None:
    if found != expected:
        raise RuntimeError(f"{found!r} where {expected!r} was expected: this measured something else")


if __name__ == "__main__":
    sys.exit(main())
