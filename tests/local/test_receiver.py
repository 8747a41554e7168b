"""The demo receiver, over real connections."""

import http.client
import json
import threading
import time
from collections.abc import Iterator

import pytest

from app.local.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def connection(receiver: Receiver) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    yield connection
    connection.close()


def post(connection: http.client.HTTPConnection, path: str, body: object = None) -> tuple[int, bytes]:
    connection.request("POST", path, json.dumps(body or {}).encode(), {"webhook-id": "evt_1"})
    response = connection.getresponse()
    return response.status, response.read()


def test_start_page_explains_the_paths(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")

    text = connection.getresponse().read().decode()

    assert "/status/<code>" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ok", 200),
        ("/status/204", 204),
        ("/status/503", 503),
        ("/gone", 410),
        ("/status/99", 404),
        ("/what", 404),
    ],
)
def test_path_decides_the_answer(connection: http.client.HTTPConnection, path: str, status: int) -> None:
    assert post(connection, path)[0] == status


def test_connection_is_kept_open_between_answers(connection: http.client.HTTPConnection) -> None:
    post(connection, "/ok")
    used = connection.sock

    post(connection, "/status/204")
    post(connection, "/status/500")

    assert connection.sock is used


def test_flaky_fails_every_other_time(connection: http.client.HTTPConnection) -> None:
    assert [post(connection, "/flaky")[0] for _ in range(4)] == [500, 200, 500, 200]


def test_retry_after_is_sent_where_it_means_something(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/status/429?retry_after=7", b"{}")
    response = connection.getresponse()
    response.read()

    assert response.headers["Retry-After"] == "7"


def test_retry_after_cannot_carry_another_header(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/status/429?retry_after=7%0d%0aSet-Cookie:%20a=b", b"{}")
    response = connection.getresponse()
    response.read()

    assert "Set-Cookie" not in response.headers
    assert response.headers["Retry-After"] is None


def test_slow_waits_as_long_as_asked(connection: http.client.HTTPConnection) -> None:
    started_at = time.monotonic()

    assert post(connection, "/slow/0.2")[0] == 200

    assert time.monotonic() - started_at >= 0.2


def test_event_is_printed_on_one_line_without_control_characters(
    connection: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    post(connection, "/ok", {"type": "post.published\n\x1b[2J"})

    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "\x1b" not in printed
    assert "post.published" in printed
    assert "evt_1" in printed


def test_body_without_an_honest_length_is_refused(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/ok")
    connection.putheader("Content-Length", "-5")
    connection.endheaders()

    assert connection.getresponse().status == 413
