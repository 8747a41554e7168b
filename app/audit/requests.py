"""Notes every call of the API for the request log, beside the hot path.

A request only leaves a tuple in a bounded buffer of its process, cut to what will be kept; a thread redacts and writes
what came together, about once a second, in one short transaction. The thread shares the interpreter with those that
answer, so what it reads in that second is bounded as well. What the buffer cannot hold, because the database is away or slow,
is lost, the oldest first, and the log says how much.
"""

import threading
import time
from collections import deque
from itertools import islice
from multiprocessing.util import Finalize
from typing import Any, cast

import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy import insert
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app.audit.calls import (
    BODY_KEPT_MAX_BYTES,
    HEADER_CHARS_MAX,
    HEADERS_MAX,
    PATH_CHARS_MAX,
    USER_AGENT_CHARS_MAX,
    Call,
    Details,
    read_refusal,
    row_of,
)
from app.audit.models import LoggedRequest
from app.extensions import AppSlot, current_settings, db
from app.lib import clock
from app.lib.ids import new_id
from app.lib.redact import MASK
from app.web.access import find_principal
from app.web.schemes import wants_json
from app.web.secret_fields import RequestSecrets, secrets_of

log = structlog.get_logger()

BUFFERED_MAX = 10_000
#: So many refused calls between two writes are kept with headers and bodies; of a flood, the rest without.
DETAILED_MAX = 300
#: The same for their bytes: redacting so many takes a fifth of a second at worst.
DETAILED_MAX_BYTES = 262_144
_NO_ROUTE = RequestSecrets()
_BATCH = 1_000
_EVERY_S = 1.0
_WARN_AGAIN_S = 60.0
#: The team was deleted meanwhile, or something in the row is no text for the database.
_WRONG_ROW = (IntegrityError, DataError, ValueError)


class RequestLog:
    """The buffer of one process and the thread that empties it. Begun lazily: never before a fork."""

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
                self._begin()

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

    def _begin(self) -> None:
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


REQUEST_LOG = AppSlot[RequestLog]("request_log")


def init_request_log(app: Flask) -> None:
    """Note every call that belongs to a team, unless the operator wants no request log."""
    with app.app_context():
        if not current_settings().request_log_days:
            return
    REQUEST_LOG.put(app, RequestLog(app, is_background=not app.testing))
    app.before_request(_begin)
    app.after_request(_note)


def flush(app: Flask) -> int:
    """Write what is buffered now; returns how many calls. Tests call it: with TESTING no thread does."""
    with app.app_context():
        buffer = REQUEST_LOG.find()
    return buffer.flush() if buffer is not None else 0


def _begin() -> None:
    g.began_s = time.perf_counter()


def _note(response: Response) -> Response:
    if not wants_json():
        return response
    caller = find_principal()
    if caller is not None:
        key_id, key_name, team_id = caller.id, caller.name, caller.team_id
    elif "refused_key" in g:
        key_id, key_name, team_id = g.refused_key
    else:
        return response
    buffer = REQUEST_LOG.get()
    status, code, detail, details = response.status_code, None, None, None
    environ, rule, request_id = request.environ, request.url_rule, g.get("request_id")
    secrets = secrets_of(current_app.view_functions[rule.endpoint]) if rule is not None else _NO_ROUTE
    if status >= 400:
        code, detail, answer = read_refusal(
            b"" if response.direct_passthrough else response.get_data(), secrets
        )
        details = _details(answer) if buffer.wants_details() else None
    buffer.add(
        Call(
            # The id of the request, where it was born here: what a caller chose could be there already.
            request_id if request_id and request_id != environ.get("HTTP_X_REQUEST_ID") else new_id("req"),
            clock.epoch_s(),
            team_id,
            key_id,
            key_name,
            request.method,
            _path(secrets),
            request.query_string[:PATH_CHARS_MAX],
            rule.rule if rule is not None else None,
            status,
            (time.perf_counter() - g.began_s) * 1000 if "began_s" in g else 0.0,
            request.content_length or 0,
            response.calculate_content_length() or 0,
            request.remote_addr,
            environ.get("HTTP_USER_AGENT", "")[:USER_AGENT_CHARS_MAX] or None,
            request_id,
            code,
            detail,
            details,
            secrets,
        )
    )
    return response


def _path(secrets: RequestSecrets) -> str:
    path, values = request.path, request.view_args or {}
    for name in secrets.path & values.keys():
        path = path.replace(str(values[name]), MASK)
    return path[:PATH_CHARS_MAX]


def _details(answer: bytes | None) -> Details:
    # Only what was read already: who is refused before that must not make us wait for a body.
    body = cast(bytes | None, getattr(request, "_cached_data", None))
    headers = [
        (name, value[:HEADER_CHARS_MAX]) for name, value in islice(request.headers.items(), HEADERS_MAX)
    ]
    return Details(headers, *_cut(body), *_cut(answer))


def _cut(body: bytes | None) -> tuple[bytes | None, bool]:
    """Return what is kept of a body, and whether something is missing."""
    if body is None:
        return None, False
    return body[:BODY_KEPT_MAX_BYTES], len(body) > BODY_KEPT_MAX_BYTES


def _write_alone(row: dict[str, Any]) -> int:
    """Write one row of a batch in which one was refused; returns how many were written."""
    try:
        with db.engine.begin() as connection:
            connection.execute(insert(LoggedRequest), row)
    except _WRONG_ROW as error:
        log.warning("request_not_logged", request_id=row["request_id"], reason=type(error).__name__)
        return 0
    return 1
