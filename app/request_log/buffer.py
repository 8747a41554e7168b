"""Keeps the calls of a process until a thread writes them to the request log, beside the hot path.

A request only leaves a tuple in a bounded buffer of its process, cut to what will be kept; a thread redacts and writes
what came together, about once a second, in one short transaction. The thread shares the interpreter with those that
answer, so what it reads in that second is bounded as well. What the buffer cannot hold, because the database is away or slow,
is lost, the oldest first, and the process's log says how much.
"""

import threading
import time
from collections import deque
from multiprocessing.util import Finalize
from typing import Any

import structlog
from flask import Flask
from sqlalchemy import insert
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app.extensions import AppSlot, db
from app.request_log.calls import Call, row_of
from app.request_log.models import LoggedRequest

log = structlog.get_logger()

BUFFERED_MAX = 10_000
#: So many refused calls between two writes are kept with headers and bodies; of a flood, the rest without.
DETAILED_MAX = 300
#: The same for their bytes: redacting so many takes a fifth of a second at worst.
DETAILED_MAX_BYTES = 262_144
_BATCH = 1_000
_EVERY_S = 1.0
_WARN_AGAIN_S = 60.0
#: The team was deleted meanwhile, or something in the row is no text for the database.
_WRONG_ROW = (IntegrityError, DataError, ValueError)


class CallBuffer:
    """The calls of one process, and the thread that writes them. It starts with the first call: never before a fork."""

    def __init__(self, app: Flask, *, buffered_max: int = BUFFERED_MAX, is_background: bool = True) -> None:
        self._app = app
        self._calls: deque[Call] = deque(maxlen=buffered_max)
        self._buffered_max = buffered_max
        self._is_background = is_background
        self._has_calls = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._detailed = 0
        self._detailed_bytes = 0
        self._warned_at_s = -_WARN_AGAIN_S

    def wants_details(self) -> bool:
        """Return whether a refused call may still bring its headers and bodies."""
        return self._detailed < DETAILED_MAX and self._detailed_bytes < DETAILED_MAX_BYTES

    def add(self, call: Call) -> None:
        """Keep a call until the next write."""
        if len(self._calls) >= self._buffered_max:
            self._dropped += 1
        if call.details is not None:
            self._detailed += 1
            self._detailed_bytes += call.details.size_bytes
        self._calls.append(call)
        if not self._has_calls.is_set():
            self._has_calls.set()
            if self._is_background and not (self._thread and self._thread.is_alive()):
                self._start()

    def flush(self) -> int:
        """Write all that is buffered; returns how many calls. What cannot be written now stays."""
        written = 0
        with self._guard:
            self._has_calls.clear()
            self._detailed = self._detailed_bytes = 0
            if self._dropped:
                log.warning("request_log_overflow", dropped=self._dropped)
                self._dropped = 0
            while self._calls:
                batch = [self._calls.popleft() for _ in range(min(_BATCH, len(self._calls)))]
                try:
                    written += self._write(batch)
                except SQLAlchemyError as error:
                    self._put_back(batch, error)
                    break
        return written

    def _start(self) -> None:
        with self._guard:
            if self._thread and self._thread.is_alive():
                return
            self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
            self._thread.start()
            # Not `atexit`: the web server's processes are children of multiprocessing, which run only this.
            Finalize(None, self.flush, exitpriority=100)

    def _run(self) -> None:
        while self._has_calls.wait():
            time.sleep(_EVERY_S)
            try:
                self.flush()
            except Exception:
                # Whatever it was, the next second's calls are to be logged.
                log.exception("request_log_failed")

    def _write(self, calls: list[Call]) -> int:
        rows = [row_of(call) for call in calls]
        with self._app.app_context():
            try:
                with db.engine.begin() as connection:
                    connection.execute(insert(LoggedRequest), rows)
                return len(rows)
            except _WRONG_ROW:
                return sum(_write_alone(row) for row in rows)

    def _put_back(self, calls: list[Call], error: SQLAlchemyError) -> None:
        room = self._buffered_max - len(self._calls)
        self._dropped += max(0, len(calls) - room)
        self._calls.extendleft(reversed(calls[max(0, len(calls) - room) :]))
        if self._calls:
            self._has_calls.set()
        now_s = time.monotonic()
        if now_s - self._warned_at_s >= _WARN_AGAIN_S:
            self._warned_at_s = now_s
            log.warning("request_log_not_written", buffered=len(self._calls), reason=type(error).__name__)


CALL_BUFFER = AppSlot[CallBuffer]("call_buffer")


def flush(app: Flask) -> int:
    """Write what is buffered now; returns how many calls. Tests call it: with TESTING there is no thread."""
    with app.app_context():
        buffer = CALL_BUFFER.find()
    return buffer.flush() if buffer is not None else 0


def _write_alone(row: dict[str, Any]) -> int:
    """Write one row of a batch in which one was refused; returns how many were written."""
    try:
        with db.engine.begin() as connection:
            connection.execute(insert(LoggedRequest), row)
    except _WRONG_ROW as error:
        log.warning("request_not_logged", request_id=row["request_id"], reason=type(error).__name__)
        return 0
    return 1
