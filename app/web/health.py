"""Whether this process is alive, and whether it can do its work."""

import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.clock_skew import check_web_clock, skewed_clocks
from app.db.writability import write_refusal
from app.extensions import AppSlot, db, redis_client
from app.web.access import probe
from app.web.schemes import Probes

health = Probes("health", __name__)

_OK, _UNREACHABLE = "ok", "unreachable"
#: Anybody may ask as often as they like; the database is checked no more often than this.
_CHECK_EVERY_S = 2.0
#: A request waits no longer than this for a check that another one runs.
_WAIT_AT_MOST_S = 0.5
#: A check that has run for this long counts as a hanging database or Redis.
_STALE_S = 10.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found. `checks` says `ok` or what is wrong, by the name of what was checked."""

    checks: dict[str, str]
    #: How many seconds clocks are ahead of the database's, by kind of process: a warning.
    clock_skew_s: dict[str, float] = field(default_factory=dict)


_HANGING = Findings({"database": _UNREACHABLE, "redis": _UNREACHABLE})


class Readiness:
    """The last findings. One request at a time checks again, the others use the last findings."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._found: Findings | None = None
        self._found_at_s = 0.0

    def find(self) -> Findings:
        """Return findings that are no older than a few seconds."""
        if self._age_s() < _CHECK_EVERY_S and self._found is not None:
            return self._found
        if not self._turn.acquire(timeout=0 if self._age_s() < _STALE_S else _WAIT_AT_MOST_S):
            return self._found if self._found is not None and self._age_s() < _STALE_S else _HANGING
        try:
            # Another request may have checked while this one waited.
            if self._found is None or self._age_s() >= _CHECK_EVERY_S:
                self._found = _look()
                self._found_at_s = time.monotonic()
            return self._found
        finally:
            self._turn.release()

    def _age_s(self) -> float:
        return time.monotonic() - self._found_at_s if self._found is not None else _STALE_S


READINESS = AppSlot("readiness", Readiness)


@health.get("/healthz")
@probe
def alive() -> Response:
    """Return 200 as long as the process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
@probe
def ready() -> tuple[Response, int]:
    """Return 200 when the database takes writes and Redis answers, else 503; the body says what is wrong.

    Wrong clocks are reported as `clock_skew_s`, and are no reason for a 503: the service works.
    """
    found = READINESS.get().find()
    is_ready = all(word == _OK for word in found.checks.values())
    body: dict[str, Any] = {"status": "ok" if is_ready else "unavailable", "checks": found.checks}
    if found.clock_skew_s:
        body["clock_skew_s"] = found.clock_skew_s
    return jsonify(body), 200 if is_ready else 503


def _look() -> Findings:
    checks = {"database": _database_state(), "redis": _redis_state()}
    skew_s: dict[str, float] = {}
    if all(word == _OK for word in checks.values()):
        check_web_clock()
        # Public: without host names, which are in the log and on the home page of owners.
        for one in skewed_clocks():
            skew_s.setdefault(one.process_kind, one.skew_s)
    return Findings(checks, skew_s)


def _database_state() -> str:
    try:
        return write_refusal(db.engine) or _OK
    except (SQLAlchemyError, sqlite3.Error):
        return _UNREACHABLE


def _redis_state() -> str:
    try:
        return _OK if redis_client().ping() else _UNREACHABLE
    except RedisError:
        return _UNREACHABLE
