"""What goes over the wire: RFC 9110 and 9112, on raw sockets."""

import http.client
import json
import socket

import pytest

from tests.server.programs import WebServer, read_replies

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
VERIFY = b"POST /api/v1/keys/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_connection_is_kept(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    used = connection.sock

    for _ in range(3):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')

    assert connection.sock is used


def test_pipelined_requests_are_answered_in_order(web: WebServer) -> None:
    targets = [b"/healthz", b"/static/css/signalbox.css", b"/no-such-page", b"/healthz"] * 5
    requests = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target for target in targets)

    replies, is_closed = web.exchange(requests + LAST)

    assert [reply.status for reply in replies] == [200, 200, 404, 200] * 5 + [200]
    assert is_closed


def test_pipelined_request_behind_a_body_is_no_part_of_it(web: WebServer) -> None:
    body = b'{"a": "' + b"x" * 10_000 + b'"}'

    replies, _ = web.exchange(VERIFY + b"Content-Length: %d\r\n\r\n" % len(body) + body + HEALTH + LAST)

    assert [reply.status for reply in replies] == [401, 200, 200]


def test_chunked_body_with_trailers_is_read_and_its_trailers_are_no_headers(web: WebServer) -> None:
    chunks = b"5\r\nnext=\r\n2;x=y\r\n/a\r\n0\r\nX-Request-Id: from-a-trailer\r\n\r\n"
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    replies, _ = web.exchange(head + chunks + LAST)

    assert [reply.status for reply in replies] == [400, 200]
    assert replies[0].headers["x-request-id"] != "from-a-trailer"


def test_continue_is_said_before_the_body_and_not_when_it_is_too_large(web: WebServer) -> None:
    with web.connect() as client:
        client.sendall(VERIFY + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}" + LAST)
        replies, _ = read_replies(client)
        assert [reply.status for reply in replies] == [401, 200]

    replies, is_closed = web.exchange(
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    )
    assert [reply.status for reply in replies] == [413]
    assert is_closed


def test_head_has_the_headers_of_get_and_no_body(web: WebServer) -> None:
    head = b"HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n"
    for target in (b"/sign-in", b"/static/css/signalbox.css"):
        with web.connect() as client:
            client.sendall(head % target + LAST)
            received = b""
            while chunk := client.recv(65_536):
                received += chunk

        first, second = received.split(b"\r\n\r\n", 1)
        assert b" 200 " in first
        assert int(first.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) > 1000
        assert second.startswith(b"HTTP/1.1 200 OK")


def test_absolute_target_is_served_and_its_host_counts(web: WebServer) -> None:
    replies, _ = web.exchange(
        b"GET http://other.example:8080/t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert replies[0].status in (302, 404)

    replies, _ = web.exchange(b"GET http://x/healthz?a=b HTTP/1.1\r\nHost: y\r\n\r\n" + LAST)
    assert [reply.status for reply in replies] == [200, 200]


def test_http_1_0_is_answered_and_closed(web: WebServer) -> None:
    replies, is_closed = web.exchange(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert [reply.status for reply in replies] == [200]
    assert replies[0].headers["connection"] == "close"
    assert is_closed


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\x01c\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\nHost: x\n\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (VERIFY + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (VERIFY + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (VERIFY + b"Content-Length: -1\r\n\r\n", 400),
        (VERIFY + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (VERIFY + b"Transfer-Encoding: gzip\r\n\r\nabc", 400),
        (VERIFY + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (VERIFY + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nGET /", 501),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_once_and_the_connection_closed(
    web: WebServer, request_: bytes, status: int
) -> None:
    replies, is_closed = web.exchange(request_)

    assert [reply.status for reply in replies] == [status]
    assert replies[0].headers["content-type"] == "application/problem+json"
    assert json.loads(replies[0].body)["status"] == status
    assert is_closed


def test_bad_request_behind_a_good_one_does_not_harm_its_answer(web: WebServer) -> None:
    replies, is_closed = web.exchange(HEALTH + HEALTH + b"NONSENSE\r\n\r\n")

    assert [reply.status for reply in replies][:2] == [200, 200]
    assert all(reply.status in (200, 400) for reply in replies)
    assert is_closed


def test_upgrade_is_answered_as_http_1_1_and_the_connection_closed(web: WebServer) -> None:
    upgrade = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
    # Flask has no route for WebSockets, and says so.
    for protocol, status in ((b"h2c", 200), (b"websocket", 400)):
        replies, is_closed = web.exchange(upgrade % protocol)

        assert [reply.status for reply in replies] == [status]
        assert is_closed


def test_header_with_an_underscore_is_not_mistaken_for_another(web: WebServer) -> None:
    replies, _ = web.exchange(
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX_Request_Id: chosen-by-caller\r\nConnection: close\r\n\r\n"
    )

    assert replies[0].headers["x-request-id"] != "chosen-by-caller"


def test_request_id_of_the_caller_comes_back(web: WebServer) -> None:
    for target in (b"/healthz", b"/static/css/signalbox.css"):
        replies, _ = web.exchange(
            b"GET %s HTTP/1.1\r\nHost: x\r\nX-Request-Id: chosen-by-caller\r\nConnection: close\r\n\r\n"
            % target
        )

        assert replies[0].headers["x-request-id"] == "chosen-by-caller"


def test_large_body_is_refused_in_the_words_of_the_application_while_it_is_sent(web: WebServer) -> None:
    for how in (b"Content-Length: 9000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
        chunk = b"a" * 65_536 if b"Length" in how else b"10000\r\n" + b"a" * 65_536 + b"\r\n"
        with web.connect() as client:
            client.sendall(b"POST /sign-in HTTP/1.1\r\nHost: x\r\n" + how)
            try:
                for _ in range(200):
                    client.sendall(chunk)
            except (BrokenPipeError, ConnectionResetError):
                pass
            replies, is_closed = read_replies(client)

        assert [reply.status for reply in replies][:1] == [413]
        assert is_closed


def test_static_file_is_sent_whole_in_part_or_not_at_all(web: WebServer) -> None:
    get = b"GET /static/css/signalbox.css?v=1 HTTP/1.1\r\nHost: x\r\n%s\r\n"
    (whole, *_), _ = web.exchange(get % b"" + LAST)
    etag = whole.headers["etag"].encode()

    (part, same, missing, outside, _), _ = web.exchange(
        get % b"Range: bytes=0-9\r\n"
        + get % (b"If-None-Match: %s\r\n" % etag)
        + b"GET /static/no-such-file HTTP/1.1\r\nHost: x\r\n\r\n"
        + b"GET /static/../app/config.py HTTP/1.1\r\nHost: x\r\n\r\n"
        + LAST
    )

    assert whole.status == 200
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in whole.headers
    assert (part.status, part.body) == (206, whole.body[:10])
    assert (same.status, same.body) == (304, b"")
    assert (missing.status, outside.status) == (404, 404)


def test_half_closed_client_does_not_disturb_others(web: WebServer) -> None:
    with web.connect() as client:
        client.sendall(HEALTH)
        client.shutdown(socket.SHUT_WR)
        read_replies(client)

    assert web.is_healthy()


@pytest.mark.parametrize(
    "endless",
    [
        b"5\r\nhello\r\n0\r\n" + b"X-Trailer: " + b"t" * 1000 + b"\r\n",
        b"5\r\nhello\r\n0\r\nX-Trailer: ",
        b"5\r\nhello\r\n2;x=",
    ],
    ids=["trailers", "trailer", "extension"],
)
def test_chunks_with_more_around_them_than_in_them_are_refused(web: WebServer, endless: bytes) -> None:
    """None of it is body, so no cap of bodies would ever end it, and trailers take memory."""
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    filling = endless.rpartition(b"\r\n0\r\n")[2] if endless.endswith(b"\r\n") else b"x" * 1000
    with web.connect() as client:
        client.sendall(head + endless)
        for _ in range(200):
            client.sendall(filling)
        replies, is_closed = read_replies(client)

    assert [reply.status for reply in replies] == [431]
    assert is_closed


def test_body_in_small_chunks_is_read(web: WebServer) -> None:
    head = b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    replies, _ = web.exchange(head + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n" + LAST)

    assert [reply.status for reply in replies] == [405, 200]


@pytest.mark.parametrize("path", [b"a" * 300, b"a/" * 3000, b"%00", b"..%2fapp%2fconfig.py"])
def test_static_file_that_no_file_system_has_is_not_found(web: WebServer, path: bytes) -> None:
    replies, _ = web.exchange(b"GET /static/%s HTTP/1.1\r\nHost: x\r\n\r\n" % path + LAST)

    assert [reply.status for reply in replies] == [404, 200]


@pytest.mark.parametrize("range_", [b"bytes=99999999999-", b"bytes=5-3", b"bytes=-"])
def test_range_that_a_static_file_does_not_have_is_refused_or_ignored(web: WebServer, range_: bytes) -> None:
    head = b"GET /static/css/signalbox.css HTTP/1.1\r\nHost: x\r\nRange: %s\r\n\r\n"

    replies, _ = web.exchange(head % range_ + LAST)

    assert replies[0].status in (200, 416)
    assert "content-security-policy" in replies[0].headers
    assert replies[0].status == 200 or replies[0].headers["content-range"].startswith("bytes */")
    assert replies[1].status == 200
