"""Memory of idle processes, start-up times, and bytes of database for a delivery."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from app.extensions import db
from app.local import processes
from bench import seed
from bench.environment import Environment, fast_receiver
from bench.figures.dispatch import dispatched
from bench.figures.latency import load_settings
from bench.report import Figure
from bench.sizes import Sizes

_WEBHOOKS = 3
_IDLE_S = 3.0
_TABLES = ("events", "deliveries", "attempts", "delivery_counts")


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield them, for one web process and one dispatching worker."""
    yield from _processes(environment)
    yield from _stored(environment, sizes)


def _processes(environment: Environment) -> Iterator[Figure]:
    with fast_receiver(environment) as url:
        token = seed.new_team([url]).token
        start_s = time.monotonic()
        with environment.web() as web:
            web_start_s = time.monotonic() - start_s
            start_s = time.monotonic()
            with environment.worker() as worker_pid:
                worker_start_s = time.monotonic() - start_s
                # Some work first: what is never used is never loaded.
                with environment.child("load", load_settings(web, token, rate=20, for_s=2.0)) as child:
                    child.answer()
                time.sleep(_IDLE_S)
                yield from _memory(environment, "web", web.pid, "one web process")
                yield from _memory(
                    environment, "worker", worker_pid, "the ticker, one dispatching and two job processes"
                )
    yield Figure("start-up: web answers /healthz", environment.database, web_start_s, "s")
    yield Figure("start-up: worker dispatches", environment.database, worker_start_s, "s")


def _memory(environment: Environment, name: str, pid: int, note: str) -> Iterator[Figure]:
    family = {pid} | processes.descendants(pid)
    rollups = [Path(f"/proc/{member}/smaps_rollup").read_text() for member in family]
    for kind in ("Pss", "Rss"):
        kilobytes = sum(
            int(found[1]) for text in rollups if (found := re.search(rf"^{kind}: +(\d+)", text, re.M))
        )
        yield Figure(
            f"memory: {name}, {kind.upper()}", environment.database, kilobytes / 1024, "MB", note=note
        )


def _stored(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    with fast_receiver(environment) as url:
        seeded = seed.new_team([url] * _WEBHOOKS)
        seed.fill(seeded.team_id, seeded.webhook_ids, 0)
        before = _size_bytes()
        count = seed.fill(seeded.team_id, seeded.webhook_ids, sizes.stored_events)
        dispatched(environment, seeded.webhook_ids, count)
        seed.settle()
        size = _size_bytes() - before
    yield Figure(
        "on disk: one delivery",
        environment.database,
        size / count,
        "bytes",
        note="with its attempt, its third of an event of 1 KB, all indexes and what updates left behind",
    )


def _size_bytes() -> int:
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            pages, free, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)
    total = "+".join(f"pg_total_relation_size('{table}')" for table in _TABLES)
    with db.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT {total}")).scalar_one())
