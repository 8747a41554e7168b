"""Connections that are kept between calls: by owner, how many, how long, and when they are dropped."""

import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from app.lib.outbound import Client, Request, Resolver, Result
from tests.hostile_receivers import (
    OK,
    Behaviour,
    Receiver,
    answer,
    answer_ok,
    drip_body,
    endless_body,
    endless_headers,
    never_answer,
    read_request,
    reset_in_body,
)
from tests.lib.outbound.conftest import LOOPBACK

PATIENT_S = 60.0


def ask(client: Client, url: str, key: str = "team_a", **more: object) -> Result:
    return client.send(Request(url, **({"method": "GET", "timeout_s": PATIENT_S} | more)), key=key)  # type: ignore[arg-type]


def wait_for(condition: Callable[[], bool]) -> None:
    ends_at_s = time.monotonic() + PATIENT_S
    while not condition():
        assert time.monotonic() < ends_at_s
        time.sleep(0.01)


class Handshakes:
    """A behaviour that answers requests, and records for each TLS connection whether its session was resumed.

    `closes`: each connection is closed after its first answer, which does not announce it.
    """

    def __init__(self, *, closes: bool = False) -> None:
        self.resumed: list[bool | None] = []
        self.closed_by_client = 0
        self._closes = closes

    def __call__(self, connection: socket.socket, receiver: Receiver) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        self.resumed.append(connection.session_reused)
        while read_request(connection, receiver):
            connection.sendall(OK)
            if self._closes:
                return
        self.closed_by_client += not receiver.is_stopping.is_set()


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    """Return what the calls return, each made in a thread of its own."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def held_back(count: int) -> Behaviour:
    """Return a behaviour that answers only when `count` requests are there: they run at the same time."""
    together = threading.Barrier(count)

    def behave(connection: socket.socket, receiver: Receiver) -> None:
        while read_request(connection, receiver):
            together.wait(PATIENT_S)
            connection.sendall(OK)

    return behave


# --- reuse ---------------------------------------------------------------------------------------------------


def test_requests_of_one_key_share_a_connection(certificate: tuple[str, str]) -> None:
    handshakes = Handshakes()
    with (
        Receiver(handshakes, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0]) as client,
    ):
        first = ask(client, receiver.url)
        later = [
            ask(client, receiver.url, method=method) for method in ("POST", "PUT", "GET", "DELETE", "HEAD")
        ]

    assert (first.status_code, first.connection_reused) == (200, False)
    assert all(each.connection_reused and each.tls_ms == 0 for each in later[:-1])
    assert receiver.connection_count == 1
    assert handshakes.resumed == [False]


def test_a_new_connection_resumes_the_tls_session(certificate: tuple[str, str]) -> None:
    handshakes = Handshakes(closes=True)
    with (
        Receiver(handshakes, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0]) as client,
    ):
        results = [ask(client, receiver.url) for _ in range(3)]

    assert [each.status_code for each in results] == [200, 200, 200]
    assert handshakes.resumed == [False, True, True]


def test_a_tls_session_outlives_its_idle_connection(certificate: tuple[str, str]) -> None:
    handshakes = Handshakes()
    with (
        Receiver(handshakes, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0], idle_s=0.05) as client,
    ):
        ask(client, receiver.url)
        wait_for(lambda: client.idle_count == 0)
        ask(client, receiver.url)

    assert handshakes.resumed == [False, True]


def test_a_connection_that_the_other_side_closed_is_replaced() -> None:
    with Receiver(answer(OK, close=True)) as receiver, Client(LOOPBACK) as client:
        results = [ask(client, receiver.url, method="POST", body=b"x") for _ in range(5)]

    assert [each.status_code for each in results] == [200] * 5
    assert receiver.connection_count == 5


def test_a_connection_that_is_to_be_closed_is_not_kept() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    with Receiver(answer(raw)) as receiver, Client(LOOPBACK) as client:
        ask(client, receiver.url)
        assert client.idle_count == 0


# --- owners --------------------------------------------------------------------------------------------------


def test_keys_share_neither_connections_nor_tls_sessions(certificate: tuple[str, str]) -> None:
    handshakes = Handshakes()
    with (
        Receiver(handshakes, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0]) as client,
    ):
        results = [ask(client, receiver.url, key) for key in ("team_a", "team_b", "team_a", "team_b")]

    assert [each.connection_reused for each in results] == [False, False, True, True]
    assert handshakes.resumed == [False, False]


def test_neither_cookies_nor_credentials_are_kept() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: session=secret\r\n\r\nok"
    with Receiver(answer(raw)) as receiver, Client(LOOPBACK) as client:
        ask(client, receiver.url, headers=[("Authorization", "Bearer secret")], method="POST", body=b"secret")
        assert ask(client, receiver.url).connection_reused
        assert ask(client, receiver.url, method="POST").connection_reused

    assert b"secret" in receiver.requests[0]
    assert not any(b"secret" in sent or b"Cookie" in sent for sent in receiver.requests[1:])


# --- how many ------------------------------------------------------------------------------------------------


def test_requests_at_once_have_connections_of_their_own_and_few_are_kept() -> None:
    with Receiver(held_back(5)) as receiver, Client(LOOPBACK, connections_per_key_max=2) as client:
        results = at_once(*[lambda: ask(client, receiver.url)] * 5)

        assert [each.status_code for each in results] == [200] * 5
        assert receiver.connection_count == 5
        assert client.idle_count == 2


def test_one_key_cannot_push_out_the_connections_of_others() -> None:
    with (
        Receiver(held_back(4)) as busy,
        Receiver(answer_ok) as receiver,
        Client(LOOPBACK, connections_max=4, connections_per_key_max=2) as client,
    ):
        ask(client, receiver.url, "team_b")
        at_once(*[lambda: ask(client, busy.url, "team_a")] * 4)

        assert client.idle_count == 3
        assert ask(client, receiver.url, "team_b").connection_reused


def test_all_keys_together_keep_few_and_the_longest_idle_goes_first() -> None:
    with Receiver(answer_ok) as receiver, Client(LOOPBACK, connections_max=3) as client:
        for number in range(5):
            ask(client, receiver.url, f"team_{number}")

        assert client.idle_count == 3
        assert ask(client, receiver.url, "team_4").connection_reused
        assert not ask(client, receiver.url, "team_0").connection_reused


def test_many_threads_get_their_own_answers(certificate: tuple[str, str]) -> None:
    def echo(connection: socket.socket, receiver: Receiver) -> None:
        while sent := read_request(connection, receiver):
            body = sent.partition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def call(number: int, key: str) -> bool:
        body = f"{key} {number}".encode()
        return ask(client, receiver.url, key, method="POST", body=body).body == body

    with (
        Receiver(echo, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0]) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        assert all(threads.map(call, range(200), cycle(("team_a", "team_b", "team_c"))))
        assert client.idle_count <= 24

    assert receiver.connection_count <= 24


# --- how long ------------------------------------------------------------------------------------------------


def test_an_idle_connection_is_closed_without_another_call(certificate: tuple[str, str]) -> None:
    handshakes = Handshakes()
    with (
        Receiver(handshakes, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0], idle_s=0.05) as client,
    ):
        ask(client, receiver.url)
        wait_for(lambda: handshakes.closed_by_client == 1)
        assert client.idle_count == 0
        wait_for(lambda: client._pool._closer is None)


def test_an_old_connection_is_not_used_again_however_busy() -> None:
    with Receiver(answer_ok) as receiver, Client(LOOPBACK, lifetime_s=0) as client:
        assert not ask(client, receiver.url).connection_reused
        assert not ask(client, receiver.url).connection_reused

    assert receiver.connection_count == 2


def test_a_closed_client_keeps_nothing() -> None:
    with Receiver(answer_ok) as receiver, Client(LOOPBACK) as client:
        ask(client, receiver.url)
        client.close()
        assert client.idle_count == 0
        assert ask(client, receiver.url).status_code == 200
        assert client.idle_count == 0


def test_a_name_that_moved_to_a_refused_address_is_refused_once_its_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.lib.outbound.resolver.ADDRESSES_VALID_S", 0.0)
    addresses = ["127.0.0.1"]
    with (
        Receiver(answer_ok) as receiver,
        Client(LOOPBACK, resolver=Resolver(lambda _: addresses), idle_s=0.5) as client,
    ):
        url = receiver.url.replace("127.0.0.1", "moving.test")
        assert ask(client, url).status_code == 200
        addresses[:] = ["10.0.0.1"]
        wait_for(lambda: client.idle_count == 0)
        refused = ask(client, url)

    assert refused.error_kind == "address_refused"
    assert client.idle_count == 0
    assert receiver.connection_count == 1


# --- forks ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_leaves_the_connections_of_its_parent_alone(certificate: tuple[str, str]) -> None:
    handshakes = Handshakes()
    with (
        Receiver(handshakes, certificate=certificate) as receiver,
        Client(LOOPBACK, ca_file=certificate[0]) as client,
    ):
        ask(client, receiver.url)
        child = _fork(lambda: client.idle_count == 0 and not ask(client, receiver.url).connection_reused)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        after = ask(client, receiver.url)

    assert (after.status_code, after.connection_reused) == (200, True)
    assert receiver.connection_count == 2


def _fork(check: Callable[[], bool]) -> int:
    """Run `check` in a child, which releases everything it inherited and exits with 0 if it was true."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = 0 if check() else 2
        from app.lib.outbound import pool

        # What an interpreter does that exits in good order.
        for connection in pool._inherited:
            connection.exchange.close()
    finally:
        os._exit(status)


# --- hostile servers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [never_answer, drip_body, endless_body, endless_headers, reset_in_body],
    ids=["silence", "a byte at a time", "endless body", "endless headers", "reset"],
)
def test_a_spoilt_connection_is_not_kept(behaviour: Behaviour) -> None:
    with Receiver(behaviour) as receiver, Client(LOOPBACK) as client:
        spoilt = ask(client, receiver.url, timeout_s=0.5)

        assert spoilt.error_kind is not None or spoilt.body_truncated
        assert client.idle_count == 0


@pytest.mark.parametrize("pause_s", [0.0, 0.1], ids=["at once", "later"])
def test_an_answer_nobody_asked_for_answers_no_later_request(pause_s: float) -> None:
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    poisoned = threading.Event()

    def behave(connection: socket.socket, receiver: Receiver) -> None:
        read_request(connection, receiver)
        connection.sendall(OK)
        time.sleep(pause_s)
        connection.sendall(poison)
        poisoned.set()
        read_request(connection, receiver)
        connection.sendall(OK)

    with Receiver(behave) as receiver, Client(LOOPBACK) as client:
        for _ in range(2):
            assert ask(client, receiver.url).body == b"ok"
            assert poisoned.wait(PATIENT_S)
            poisoned.clear()


def test_deadline_holds_on_a_kept_connection() -> None:
    is_first = True

    def behave(connection: socket.socket, receiver: Receiver) -> None:
        nonlocal is_first
        read_request(connection, receiver)
        if is_first:
            is_first = False
            connection.sendall(OK)
            read_request(connection, receiver)
        receiver.is_stopping.wait(PATIENT_S)

    with Receiver(behave) as receiver, Client(LOOPBACK) as client:
        assert ask(client, receiver.url).status_code == 200
        late = ask(client, receiver.url, timeout_s=0.3)

    assert late.error_kind == "timeout_first_byte"
    assert late.connection_reused


def test_what_cannot_be_sent_is_said_and_costs_no_connection() -> None:
    with Client(LOOPBACK) as client:
        with pytest.raises(ValueError, match="http"):
            ask(client, "ftp://127.0.0.1/")
        assert client.idle_count == 0
