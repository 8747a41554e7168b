"""Each deadline of a connection by itself."""

import json
import socket
import time

import pytest

from tests.server.programs import WebServer, read_replies

POST = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        POST + b"Content-Length: 500\r\n\r\na",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        POST + b"Content-Length: 500\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_request_that_stops_in_the_middle_is_answered_with_408(web: WebServer, request_: bytes) -> None:
    replies, is_closed = web.exchange(request_)

    assert replies[-1].status == 408
    assert replies[-1].headers["content-type"] == "application/problem+json"
    assert json.loads(replies[-1].body)["title"] == "Request Timeout"
    assert is_closed


@pytest.mark.parametrize("before", [b"", HEALTH])
def test_connection_without_a_request_is_closed_without_a_word(web: WebServer, before: bytes) -> None:
    replies, is_closed = web.exchange(before)

    assert [reply.status for reply in replies] == [200] * bool(before)
    assert is_closed


def test_request_after_half_of_one_more_is_answered_first(web: WebServer) -> None:
    replies, is_closed = web.exchange(HEALTH + POST + b"Content-Length: 500\r\n\r\na")

    assert [reply.status for reply in replies] == [200, 408]
    assert is_closed


def test_body_above_the_minimum_rate_may_take_longer_than_the_deadline(web: WebServer) -> None:
    with web.connect() as client:
        client.sendall(POST + b"Connection: close\r\nContent-Length: 10000\r\n\r\n")
        began_s = time.monotonic()
        # 1 000 bytes earn two seconds; half of one passes.
        for _ in range(10):
            client.sendall(b"a" * 1000)
            time.sleep(0.4)
        replies, _ = read_replies(client)

    assert time.monotonic() - began_s > 2
    assert replies[0].status == 400


def test_refused_client_that_goes_on_sending_is_cut_off(web: WebServer) -> None:
    with web.connect() as client:
        client.sendall(POST + b"Content-Length: 100000\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_slowly(client, for_s=60)


def send_slowly(client: socket.socket, *, for_s: float) -> None:
    ends_at_s = time.monotonic() + for_s
    while time.monotonic() < ends_at_s:
        client.sendall(b"a")
        time.sleep(0.05)
