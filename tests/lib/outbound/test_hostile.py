"""Hostile receivers: deadlines and caps hold, the error kind is right, and no other request is delayed."""

import socket
import time

import pytest

from app.lib.outbound import Multi, Request, Result, send
from tests import hostile_receivers as hostile
from tests.hostile_receivers import Receiver, answer
from tests.lib.outbound.conftest import LOOPBACK
from tests.lib.outbound.test_multi import drain

#: Receivers that would go on for ever are given this long; what is `STRUCK` ends then.
DEADLINE_S = 0.6
#: Receivers that answer are given so long that only they can be why it ends.
PATIENCE_S = 90.0
#: How long it takes at most, on a machine that is busy with other things: far from both.
LATEST_S = 30.0
STRUCK, AT_ONCE = True, False

# behaviour, error kind, status that had arrived, whether the deadline ends it

HOSTILE = {
    "drips the body": (hostile.drip_body, "timeout_body", 200, STRUCK),
    "drips the status line": (hostile.drip_status_line, "timeout_first_byte", None, STRUCK),
    "drips headers": (hostile.drip_headers, "timeout_body", 200, STRUCK),
    "never answers": (hostile.never_answer, "timeout_first_byte", None, STRUCK),
    "never accepts": (None, "timeout_connect", None, STRUCK),
    "sends interim answers for ever": (hostile.endless_interim, "headers_too_large", None, AT_ONCE),
    "sends headers for ever": (hostile.endless_headers, "headers_too_large", 200, AT_ONCE),
    "sends one header line for ever": (hostile.endless_header_line, "headers_too_large", 200, AT_ONCE),
    "sends a body for ever": (hostile.endless_body, None, 200, AT_ONCE),
    "resets on accept": (hostile.reset, "reset", None, AT_ONCE),
    "resets after the request": (hostile.reset_after_request, "reset", None, AT_ONCE),
    "resets within the body": (hostile.reset_in_body, "reset", 200, AT_ONCE),
    "closes without an answer": (hostile.close_without_answer, "reset", None, AT_ONCE),
    "talks garbage": (answer(b"\x00\x01\x02 hello\r\n\r\n", close=True), "response_invalid", None, AT_ONCE),
    "talks SMTP": (answer(b"220 mail.example.com ESMTP\r\n", close=True), "response_invalid", None, AT_ONCE),
    "ends before its length": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", close=True),
        "response_invalid",
        200,
        AT_ONCE,
    ),
    "has a negative length": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc", close=True),
        "response_invalid",
        200,
        AT_ONCE,
    ),
    "has broken chunks": (
        answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", close=True),
        "response_invalid",
        200,
        AT_ONCE,
    ),
    "claims more than it sends": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        "timeout_body",
        200,
        STRUCK,
    ),
    "has no end of status line": (answer(b"HTTP/1.1 200"), "timeout_first_byte", None, STRUCK),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_receiver_is_cut_off(name: str) -> None:
    behaviour, kind, status, is_struck = HOSTILE[name]
    timeout_s = DEADLINE_S if is_struck else PATIENCE_S
    with Receiver(behaviour) as bad, Multi(LOOPBACK) as multi:
        started = time.monotonic()
        multi.add(Request(bad.url, body=b"{}", timeout_s=timeout_s, max_body_bytes=1000))
        ((_, bad_result),) = drain(multi)
        elapsed_s = time.monotonic() - started
    assert (bad_result.error_kind, bad_result.status_code) == (kind, status)
    assert (DEADLINE_S - 0.05 if is_struck else 0) <= elapsed_s <= LATEST_S
    assert len(bad_result.body) <= 1000
    assert bad_result.body_truncated is (kind is None)
    assert (bad_result.error_detail is None) is (kind is None)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_receiver_delays_nobody(name: str) -> None:
    """Twenty requests, one after the other, end while the hostile one may go on for longer than any test."""
    with Receiver(HOSTILE[name][0]) as bad, Receiver(hostile.answer_ok) as good, Multi(LOOPBACK) as multi:
        multi.add(Request(bad.url, body=b"{}", timeout_s=2 * PATIENCE_S, max_body_bytes=1000, tag="bad"))
        ends_at_s = time.monotonic() + PATIENCE_S
        for _ in range(20):
            multi.add(Request(good.url, tag="good"))
            answers: list[Result] = []
            while not answers:
                assert time.monotonic() < ends_at_s
                answers += [result for request, result in multi.poll(1) if request.tag == "good"]
            assert [(result.status_code, result.body) for result in answers] == [(200, b"ok")]
        multi.cancel_all()


@pytest.mark.parametrize(
    "name", ["drips the body", "never answers", "sends interim answers for ever", "never accepts"]
)
def test_single_request_is_cut_off_too(name: str) -> None:
    behaviour, kind, status, is_struck = HOSTILE[name]
    with Receiver(behaviour) as bad:
        started = time.monotonic()
        timeout_s = DEADLINE_S if is_struck else PATIENCE_S
        result = send(Request(bad.url, timeout_s=timeout_s), allowed=LOOPBACK)
        elapsed_s = time.monotonic() - started
    assert (result.error_kind, result.status_code) == (kind, status)
    assert (DEADLINE_S - 0.05 if is_struck else 0) <= elapsed_s <= LATEST_S


def test_receiver_that_never_reads_is_cut_off() -> None:
    with Receiver(hostile.never_read) as bad:
        result = send(Request(bad.url, body=b"x" * 20_000_000, timeout_s=DEADLINE_S), allowed=LOOPBACK)
    assert result.error_kind == "timeout_first_byte"
    assert (result.total_ms or 0) < 1000 * LATEST_S


def test_connect_deadline_is_its_own() -> None:
    with Receiver(None) as bad:
        result = send(Request(bad.url, connect_timeout_s=0.2, timeout_s=PATIENCE_S), allowed=LOOPBACK)
    assert result.error_kind == "timeout_connect"
    assert 150 < (result.total_ms or 0) < 1000 * LATEST_S


def test_nothing_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = send(Request(f"http://127.0.0.1:{port}/"), allowed=LOOPBACK)
    assert result.error_kind == "connect_refused"
    assert (result.connect_ms, result.first_byte_ms, result.connection_reused) == (None, None, False)


def test_unknown_name() -> None:
    result = send(Request("http://no-such-host.invalid/", timeout_s=5), allowed=LOOPBACK)
    assert result.error_kind in {"dns_failed", "dns_timeout"}


def test_gzip_bomb_stays_packed_and_capped() -> None:
    bomb = b"\x1f\x8b" + b"\x00" * 50_000
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with Receiver(answer(head + bomb)) as receiver:
        result = send(Request(receiver.url, max_body_bytes=100), allowed=LOOPBACK)
        assert b"accept-encoding" not in receiver.requests[0].lower()
    assert (result.status_code, result.error_kind, result.body_truncated) == (200, None, True)
    assert result.body == bomb[:100]


@pytest.mark.parametrize(("length", "is_truncated"), [(99, False), (100, False), (101, True)])
def test_body_cap_is_exact(length: int, is_truncated: bool) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, b"x" * length)
    with Receiver(answer(raw)) as receiver:
        result = send(Request(receiver.url, max_body_bytes=100), allowed=LOOPBACK)
    assert (len(result.body), result.body_truncated, result.error_kind) == (
        min(length, 100),
        is_truncated,
        None,
    )


@pytest.mark.parametrize(("filler", "kind"), [(60_000, None), (70_000, "headers_too_large")])
def test_header_cap_is_ours_and_not_only_libcurls(filler: int, kind: str | None) -> None:
    lines = b"".join(b"X-Filler: " + b"x" * 988 + b"\r\n" for _ in range(filler // 1000))
    with Receiver(answer(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok")) as receiver:
        result = send(Request(receiver.url), allowed=LOOPBACK)
    assert (result.error_kind, result.body) == (kind, b"" if kind else b"ok")


def test_body_cap_of_zero_takes_the_status_only() -> None:
    with Receiver(hostile.answer_ok) as receiver:
        result = send(Request(receiver.url, max_body_bytes=0), allowed=LOOPBACK)
    assert (result.status_code, result.body, result.body_truncated, result.error_kind) == (
        200,
        b"",
        True,
        None,
    )


def test_self_signed_certificate_is_not_trusted(certificate: tuple[str, str]) -> None:
    with Receiver(hostile.answer_ok, certificate=certificate) as receiver:
        result = send(Request(receiver.url), allowed=LOOPBACK)
        assert receiver.requests == []
    assert (result.error_kind, result.status_code) == ("tls_failed", None)
    assert "certificate" in (result.error_detail or "")


def test_certificate_for_another_name_is_not_trusted(certificate: tuple[str, str]) -> None:
    with Receiver(hostile.answer_ok, certificate=certificate) as receiver:
        result = send(
            Request(receiver.url.replace("127.0.0.1", "localhost")), allowed=LOOPBACK, ca_file=certificate[0]
        )
        assert receiver.requests == []
    assert result.error_kind == "tls_failed"


def test_plain_text_on_a_tls_port() -> None:
    with Receiver(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True)) as receiver:
        result = send(
            Request(receiver.url.replace("http:", "https:"), timeout_s=DEADLINE_S), allowed=LOOPBACK
        )
    assert result.error_kind in {"tls_failed", "timeout_connect"}


def test_tls_handshake_that_never_ends() -> None:
    with Receiver(hostile.never_read) as receiver:
        result = send(
            Request(receiver.url.replace("http:", "https:"), timeout_s=DEADLINE_S), allowed=LOOPBACK
        )
    assert result.error_kind == "timeout_connect"
    assert result.connect_ms is not None
    assert result.tls_ms is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_the_answer_and_its_target_unvisited(status: int) -> None:
    with Receiver(hostile.answer_ok) as target:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {target.url}\r\nContent-Length: 0\r\n\r\n"
        with Receiver(answer(moved.encode())) as receiver:
            result = send(Request(receiver.url), allowed=LOOPBACK)
        assert target.connection_count == 0
    assert (result.status_code, result.error_kind) == (status, None)
    assert ("Location", target.url) in result.headers


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_environment_proxy_is_ignored(
    variable: str, monkeypatch: pytest.MonkeyPatch, certificate: tuple[str, str]
) -> None:
    with (
        Receiver(hostile.answer_ok) as proxy,
        Receiver(hostile.answer_ok) as plain,
        Receiver(hostile.answer_ok, certificate=certificate) as secure,
    ):
        monkeypatch.setenv(variable, proxy.url)
        for receiver in (plain, secure):
            assert send(Request(receiver.url), allowed=LOOPBACK, ca_file=certificate[0]).status_code == 200
        assert proxy.connection_count == 0


def test_interim_answers_and_trailers_are_left_out() -> None:
    raw = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\n"
        b"HTTP/1.1 201 Created\r\nX-Final: yes\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-Trailer: late\r\n\r\n"
    )
    with Receiver(answer(raw)) as receiver:
        result = send(Request(receiver.url), allowed=LOOPBACK)
    assert (result.status_code, result.body) == (201, b"ok")
    assert result.headers == [("X-Final", "yes"), ("Transfer-Encoding", "chunked")]


def test_odd_headers_are_read_as_they_are() -> None:
    raw = b"HTTP/1.1 200\r\nX-Empty:\r\nx-twice: 1\r\nX-Twice:\t2 \r\nX-Latin: \xe9\r\nContent-Length: 0\r\n\r\n"
    with Receiver(answer(raw)) as receiver:
        result = send(Request(receiver.url), allowed=LOOPBACK)
    assert result.headers[:4] == [("X-Empty", ""), ("x-twice", "1"), ("X-Twice", "2"), ("X-Latin", "é")]


def test_cookies_are_not_remembered() -> None:
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; path=/\r\nContent-Length: 0\r\n\r\n"
    with Receiver(answer(raw)) as receiver, Multi(LOOPBACK) as multi:
        for _ in range(2):
            multi.add(Request(receiver.url))
            assert len(multi.poll(2)) == 1
        assert all(b"cookie" not in request.lower() for request in receiver.requests)
