"""What is sent: exactly what was asked for, and nothing of the request before it."""

import datetime
import gc
import weakref

import pycurl
import pytest

from app.lib.outbound import AllowedNetworks, Multi, Request, Result, send
from app.lib.outbound.exchange import Exchange
from tests.hostile_receivers import Receiver, answer_ok
from tests.lib.outbound.conftest import LOOPBACK


def fetch(multi: Multi, request: Request) -> Result:
    multi.add(request)
    ended = []
    while multi.in_flight:
        ended += multi.poll(5)
    assert len(ended) == 1
    return ended[0][1]


def test_request_goes_out_as_given() -> None:
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", "Signalbox/1"),
        ("X-Empty", ""),
        ("x-Case", "v"),
    ]
    with Receiver(answer_ok) as receiver:
        result = send(Request(receiver.url + "?a=1", headers=headers, body=b'{"a":1}'), allowed=LOOPBACK)
        assert receiver.requests == [
            b"POST /hook?a=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nUser-Agent: Signalbox/1\r\n"
            b'X-Empty:\r\nx-Case: v\r\nContent-Length: 7\r\n\r\n{"a":1}' % receiver.port
        ]
    assert (result.status_code, result.body, result.error_kind) == (200, b"ok", None)
    assert (result.remote_address, result.remote_port) == ("127.0.0.1", receiver.port)
    assert result.started_at.tzinfo is datetime.UTC


def test_nothing_is_added_to_a_bare_request() -> None:
    with Receiver(answer_ok) as receiver:
        send(Request(receiver.url, method="GET"), allowed=LOOPBACK)
        assert receiver.requests == [b"GET /hook HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % receiver.port]


def test_large_body_is_sent_without_asking_first() -> None:
    with Receiver(answer_ok) as receiver:
        assert send(Request(receiver.url, body=b"x" * 2_000_000), allowed=LOOPBACK).status_code == 200
        assert b"expect" not in receiver.requests[0][:500].lower()
        assert receiver.requests[0].endswith(b"x" * 2_000_000)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_sent_by_its_name(method: str) -> None:
    with Receiver(answer_ok) as receiver:
        result = send(Request(receiver.url, method=method, timeout_s=2), allowed=LOOPBACK)
        assert receiver.requests[0].startswith(method.encode() + b" /hook HTTP/1.1\r\n")
    assert (result.status_code, result.error_kind) == (200, None)


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "1\r\nX-Injected: 1"),
        ("X-A", "1\nX-Injected: 1"),
        ("X-A", "1\r"),
        ("X-A", "1\0"),
        ("X-A", "naïve"),
        ("X-A\r\nX-Injected", "1"),
        ("X-A: 1", "1"),
        ("X A", "1"),
        ("", "1"),
        ("X-Ä", "1"),
        ("Content-Length", "0"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "169.254.169.254"),
        ("Connection", "close"),
        ("Expect", "100-continue"),
    ],
)
def test_header_that_could_forge_a_request_is_refused(header: tuple[str, str]) -> None:
    with Receiver(answer_ok) as receiver:
        request = Request(receiver.url, headers=[("X-Good", "1"), header])
        with pytest.raises(ValueError):
            send(request, allowed=LOOPBACK)
        with Multi(LOOPBACK) as multi:
            assert fetch(multi, request).error_kind == "url_invalid"
        assert receiver.connection_count == 0


@pytest.mark.parametrize(
    "request_",
    [
        Request("http://127.0.0.1/ü"),
        Request("http://127.0.0.1/\r\nX: 1"),
        Request("http://"),
        Request("http://127.0.0.1/", method="TRACE"),
        Request("http://127.0.0.1/", method="POST / HTTP/1.1\r\n"),
        Request("http://127.0.0.1/", method="GET", body=b"x"),
        Request("http://127.0.0.1/", timeout_s=0),
        Request("http://127.0.0.1/", timeout_s=float("nan")),
        Request(None),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_bad_request_comes_back_as_its_own_result(request_: Request) -> None:
    with Receiver(answer_ok) as receiver, Multi(LOOPBACK) as multi:
        multi.add(Request(receiver.url, tag="before"))
        multi.add(request_)
        multi.add(Request(receiver.url, tag="after"))
        assert multi.in_flight == 3
        results: dict[object, Result] = {}
        while multi.in_flight:
            results.update((request.tag, result) for request, result in multi.poll(5))
    assert results[None].error_kind == "url_invalid"
    assert results[None].error_detail
    assert results["before"].status_code == results["after"].status_code == 200


def test_nothing_of_a_request_reaches_the_next() -> None:
    secret = b"s3cret" * 10_000
    with Receiver(answer_ok) as receiver, Multi(LOOPBACK) as multi:
        big = Request(
            receiver.url + "?q=s3cret", headers=[("Authorization", "s3cret")], body=secret, method="PUT"
        )
        order = [
            big,
            Request(receiver.url, method="GET"),
            big,
            Request(receiver.url),
            Request(receiver.url, headers=[("X-A", "s3cret")], body=b"s3cret"),
            Request(receiver.url, body=b"{}"),
            Request(receiver.url, method="HEAD"),
            Request(receiver.url, method="GET"),
            big,
            Request(receiver.url, method="DELETE"),
        ]
        for request in order:
            assert fetch(multi, request).status_code == 200
        seen = receiver.requests
    assert len(seen) == len(order)
    for request, raw in zip(order, seen, strict=True):
        assert raw.startswith(request.method.encode())
        assert raw.endswith(b"\r\n\r\n" + request.body)
        assert (b"s3cret" in raw) is ("s3cret" in repr(request))


def test_result_of_a_failed_request_holds_nothing_of_the_one_before() -> None:
    with Multi(LOOPBACK) as multi:
        with Receiver(answer_ok) as receiver:
            assert fetch(multi, Request(receiver.url)).body == b"ok"
        result = fetch(multi, Request("http://10.0.0.1/"))
    assert (result.error_kind, result.status_code, result.headers, result.body) == (
        "address_refused",
        None,
        [],
        b"",
    )
    assert (result.remote_address, result.connection_reused) == (None, False)


def test_detail_holds_no_secret() -> None:
    with Receiver(None) as receiver:
        request = Request(
            receiver.url + "?token=s3cret", headers=[("A", "s3cret")], body=b"s3cret", timeout_s=0.2
        )
        assert "s3cret" not in repr(send(request, allowed=LOOPBACK))


def test_timings_are_those_of_each_phase(certificate: tuple[str, str]) -> None:
    with (
        Receiver(answer_ok, certificate=certificate) as receiver,
        Multi(LOOPBACK, ca_file=certificate[0]) as multi,
    ):
        first = fetch(multi, Request(receiver.url))
        second = fetch(multi, Request(receiver.url))
    assert (first.connection_reused, second.connection_reused) == (False, True)
    phases = [first.dns_ms, first.connect_ms, first.tls_ms, first.first_byte_ms]
    assert None not in phases
    assert min(phase or 0 for phase in phases[1:]) > 0
    assert sum(phase or 0 for phase in phases) <= (first.total_ms or 0)
    assert (second.dns_ms, second.connect_ms, second.tls_ms) == (0, 0, 0)
    assert 0 < (second.first_byte_ms or 0) <= (second.total_ms or 0)


def test_plain_connection_has_no_tls_time() -> None:
    with Receiver(answer_ok, host="::1") as receiver:
        result = send(Request(receiver.url), allowed=LOOPBACK)
    assert (result.tls_ms, result.remote_address) == (None, "::1")


def test_name_with_mixed_answers_uses_the_allowed_one_only() -> None:
    with Receiver(answer_ok, host="127.0.0.1") as receiver:
        url = f"http://localhost:{receiver.port}/"
        result = send(Request(url), allowed=AllowedNetworks.parse("127.0.0.1"))
        assert (result.status_code, result.remote_address) == (200, "127.0.0.1")
        assert send(Request(url), allowed=AllowedNetworks.parse("127.0.0.2")).error_kind == "address_refused"
        assert receiver.connection_count == 1


class Rebound(Exchange):
    """An exchange whose next name lookup was answered by an attacker."""

    def answer_lookups(self, entry: str) -> None:
        self.handle.setopt(pycurl.RESOLVE, [entry])


def test_name_with_changed_addresses_is_checked_again() -> None:
    allowed = AllowedNetworks.parse("127.0.0.1")
    with Receiver(answer_ok, host="127.0.0.1") as good, Receiver(answer_ok, host="127.0.0.2") as bad:
        kinds: list[object] = []
        for address, port in (("127.0.0.1", good.port), ("127.0.0.2", bad.port), ("[::1]", good.port)):
            exchange = Rebound(allowed, None)
            exchange.begin(Request(f"http://rebound.example.com:{port}/"))
            exchange.answer_lookups(f"rebound.example.com:{port}:{address}")
            try:
                exchange.handle.perform()
                kinds.append(exchange.finish(0, "").status_code)
            except pycurl.error as error:
                kinds.append(exchange.finish(*error.args).error_kind)
            exchange.close()
        assert kinds == [200, "address_refused", "address_refused"]
        assert (good.connection_count, bad.connection_count) == (1, 0)


def test_exchange_is_freed_when_closed_and_when_forgotten() -> None:
    class Watched(Exchange):
        __slots__ = ("__weakref__",)

    closed, forgotten = Watched(LOOPBACK, None), Watched(LOOPBACK, None)
    seen = [weakref.ref(closed), weakref.ref(forgotten)]
    closed.close()
    del closed
    assert seen[0]() is None
    del forgotten
    gc.collect()
    assert seen[1]() is None
