"""Keeps processes at the database's time, and reports to operators which machine's clock is wrong.

A wrong clock harms little here, because the database dates what matters, but its owner should know. The
measurements are kept in Redis, where `/readyz` and the home page find them.
"""

import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from flask import Flask, request
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.db.clock import read_clock
from app.db.session import reading
from app.extensions import AppSlot, current_settings, db, quick_redis
from app.lib import clock

log = structlog.get_logger()

#: A smaller difference is not reported.
SKEW_TOLERATED_S = 2.0
_CHECK_EVERY_S = 30.0
_CHECK_AGAIN_S = 5.0
_WARN_AGAIN_S = 600.0
#: Hash of the processes whose clock is wrong; each writes its entry again at every check.
_SKEWED = "signalbox:skewed_clocks"
_SKEWED_KEPT_S = 120


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """A process on a machine whose clock is wrong: by `skew_s` ahead of the database's, or behind when negative."""

    process_kind: str
    host: str
    skew_s: float

    @property
    def words(self) -> str:
        """The difference for people, such as "2 min ahead"."""
        away_s = abs(self.skew_s)
        amount = f"{away_s:.0f} s" if away_s < 120 else f"{away_s / 60:,.0f} min"
        return f"{amount} {'ahead' if self.skew_s > 0 else 'behind'}"


def follow_database() -> float | None:
    """Take over the database's time; return by how many seconds the machine's clock is ahead of it.

    None when the database did not answer: then this process goes on with the time it has.
    """
    if current_settings().is_sqlite:
        return 0.0
    try:
        with reading(), db.engine.connect() as connection:
            measured = read_clock(connection)
    except SQLAlchemyError:
        return None
    clock.follow(measured.epoch_s, at_steady_s=measured.at_steady_s)
    return measured.skew_s


class ClockWatch:
    """Follows the database's clock for a process of a kind (`web`, `worker`), and reports when its own is wrong."""

    def __init__(self, process_kind: str) -> None:
        self._process_kind = process_kind
        self._turn = threading.Lock()
        self._check_at_s = 0.0
        self._warned_at_s: float | None = None

    def check_if_due(self) -> None:
        """Compare the clocks if that was not done lately. Within an app context, with no transaction open."""
        if time.monotonic() < self._check_at_s or not self._turn.acquire(blocking=False):
            return
        try:
            self._check_at_s = time.monotonic() + _CHECK_AGAIN_S
            skew_s = follow_database()
            if skew_s is None:
                return
            self._check_at_s = time.monotonic() + _CHECK_EVERY_S
            self._warn(skew_s)
            if not current_settings().is_sqlite:
                self._publish(skew_s)
        finally:
            self._turn.release()

    def _warn(self, skew_s: float) -> None:
        now_s = time.monotonic()
        if abs(skew_s) <= SKEW_TOLERATED_S:
            if self._warned_at_s is not None:
                log.info("clock_right_again", process=self._process_kind, skew_s=round(skew_s, 3))
            self._warned_at_s = None
        elif self._warned_at_s is None or now_s - self._warned_at_s >= _WARN_AGAIN_S:
            self._warned_at_s = now_s
            log.warning(
                "clock_skewed",
                process=self._process_kind,
                host=socket.gethostname(),
                skew_s=round(skew_s, 3),
                advice="this machine's clock differs from the database's: synchronise both, for instance with NTP",
            )

    def _publish(self, skew_s: float) -> None:
        host = socket.gethostname()
        # Both: in containers every process id is 1, and on one machine every host name is the same.
        name = f"{host}:{os.getpid()}"
        try:
            if abs(skew_s) <= SKEW_TOLERATED_S:
                quick_redis().hdel(_SKEWED, name)
                return
            report = orjson.dumps([self._process_kind, host, round(skew_s, 1), clock.epoch_s()]).decode()
            pipe = quick_redis().pipeline(transaction=False)
            pipe.hset(_SKEWED, name, report)
            pipe.expire(_SKEWED, _SKEWED_KEPT_S)
            pipe.execute()
        except RedisError as error:
            log.debug("clock_skew_not_published", reason=str(error))


def skewed_clocks() -> list[SkewedClock]:
    """Return the processes whose clock was wrong when they last compared it, the worst first.

    Those that reported nothing for two minutes are left out. Empty on SQLite, and when Redis does not answer.
    """
    if current_settings().is_sqlite:
        return []
    try:
        reports: dict[Any, Any] = quick_redis().hgetall(_SKEWED)  # type: ignore[assignment]
    except RedisError:
        return []
    since = clock.epoch_s() - _SKEWED_KEPT_S
    found = [
        SkewedClock(kind, host, skew_s)
        for kind, host, skew_s, at in map(orjson.loads, reports.values())
        if at >= since
    ]
    return sorted(found, key=lambda one: (-abs(one.skew_s), one.host, one.process_kind))


CLOCK_WATCH = AppSlot[ClockWatch]("clock_watch")


def check_web_clock() -> None:
    """Compare the clocks in a web process, if that was not done lately."""
    CLOCK_WATCH.get().check_if_due()


def init_clock_watch(app: Flask) -> None:
    """Let web processes follow the database's clock, from their first request on."""
    CLOCK_WATCH.put(app, ClockWatch("web"))
    if not app.testing:
        app.before_request(_before_request)


def _before_request() -> None:
    # Static files need no time, and the liveness check must not depend on the database.
    if request.endpoint not in ("static", "health.alive"):
        check_web_clock()
