"""No refused call, however it is made up, keeps the process that logs it busy."""

import http.client
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.request_log.buffer import CALL_BUFFER, DETAILED_MAX_BYTES, CallBuffer
from app.request_log.calls import Call, Details, row_of
from tests import slots
from tests.api_client import Api
from tests.request_log.conftest import RequestLog
from tests.request_log.test_request_log import call

#: Far above what a busy machine needs; before, these took 94 s and 18 s.
QUICK_S = 2.0
ATTACKS = {
    "a body of one long word": ("POST", "/api/v1/keys/verify", '["' + "a" * 64_000),
    "a long query": ("GET", "/api/v1/events?" + "a" * 16_000, None),
    "a query beyond the bound": ("GET", "/api/v1/events?" + "a" * 60_000, None),
    "a number without end": ("POST", "/api/v1/events", '{"a": ' + "9" * 64_000),
    "a nest": ("POST", "/api/v1/events", '{"a": ' + "[" * 64_000),
    "many secrets": ("POST", "/api/v1/events", '{"a": [' + '{"token":1},' * 5_000),
}


@pytest.fixture
def port(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Yield the port of a server that logs in the background, as in production."""
    slots.put(monkeypatch, app, CALL_BUFFER, CallBuffer(app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def ask(port: int, method: str, path: str, body: str | None, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def is_logged(request_log: RequestLog, query: str) -> bool:
    # Not `request_log.requests()`: the thread of the server is to write, not this one.
    return any(query in one.path for one in request_log.written())


@pytest.mark.parametrize("name", ATTACKS)
def test_one_refused_call_does_not_slow_the_site(
    api: Api, request_log: RequestLog, port: int, name: str
) -> None:
    method, path, body = ATTACKS[name]

    assert ask(port, method, path, body, api._headers) in (400, 414, 422)

    # The log is written within a second, and the next refused call shows that it was.
    ask(port, "GET", "/api/v1/events?limit=0", None, api._headers)
    slowest_s, deadline_s = 0.0, time.monotonic() + 60
    while not is_logged(request_log, "limit=0") and time.monotonic() < deadline_s:
        begun_s = time.monotonic()
        assert ask(port, "GET", "/healthz", None, {}) == 200
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
    assert is_logged(request_log, "limit=0")
    assert slowest_s < QUICK_S


def test_details_are_bounded_by_their_bytes(app: Flask, request_log: RequestLog) -> None:
    buffer = CallBuffer(app, is_background=False)
    details = Details([("Accept", "*/*")], b"x" * 8_000, is_body_cut=True, answer=None, is_answer_cut=False)
    count = 0
    while buffer.wants_details():
        buffer.add(call(request_log.team_id, details=details))
        count += 1

    assert count == DETAILED_MAX_BYTES // details.size_bytes + 1
    buffer.flush()
    assert buffer.wants_details()


def test_redacting_the_worst_refusals_of_a_second_takes_less_than_a_second(request_log: RequestLog) -> None:
    """Processor time of this thread: what other processes do does not count."""
    body = b'{"a":[' + b'{"b":1},' * 1_000 + b"1]}"
    details = Details([("Accept", "*/*")], body, is_body_cut=False, answer=None, is_answer_cut=False)
    worst: Call = call(request_log.team_id, details=details, status=422)
    begun_s = time.thread_time()

    for _ in range(DETAILED_MAX_BYTES // details.size_bytes + 1):
        row_of(worst)

    assert time.thread_time() - begun_s < 1.0
