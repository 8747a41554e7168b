"""Many transfers at once: none lost, none doubled, none waiting for another; sockets are used again and given back."""

import os
import resource
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from app.lib.outbound import Multi, Request, Result
from tests.hostile_receivers import OK, Receiver, answer, answer_ok, drip_body, never_answer
from tests.lib.outbound.conftest import LOOPBACK


@pytest.fixture(params=["epoll", "selectors"])
def multi(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Multi]:
    """A Multi over each way of waiting for sockets."""
    if request.param == "selectors":
        monkeypatch.delattr(select, "epoll", raising=False)
    with Multi(LOOPBACK) as opened:
        yield opened


def drain(multi: Multi) -> list[tuple[Request, Result]]:
    ended = []
    while multi.in_flight:
        ended += multi.poll(10)
    return ended


def test_connection_is_used_again(multi: Multi) -> None:
    with Receiver(answer_ok) as receiver:
        results = []
        for _ in range(20):
            multi.add(Request(receiver.url))
            results += drain(multi)
        assert receiver.connection_count == 1
    assert [result.connection_reused for _, result in results] == [False] + [True] * 19


def test_connection_closed_by_the_receiver_meanwhile_is_replaced(multi: Multi) -> None:
    with Receiver(answer(OK, close=True)) as receiver:
        for _ in range(10):
            multi.add(Request(receiver.url))
            assert [result.status_code for _, result in drain(multi)] == [200]
            time.sleep(0.02)
        assert receiver.connection_count == 10


def test_idle_connection_closed_by_the_receiver_costs_nothing(multi: Multi) -> None:
    with Receiver(answer(OK, close=True)) as receiver, Receiver(never_answer) as silent:
        multi.add(Request(receiver.url))
        while multi.in_flight:
            multi.poll(5)
        multi.add(Request(silent.url, timeout_s=0.5))
        started_s = time.process_time()
        drain(multi)
        assert time.process_time() - started_s < 0.2


def test_three_hundred_at_once_take_as_long_as_one(multi: Multi) -> None:
    with Receiver(answer(OK, delay_s=0.3)) as receiver:
        started = time.monotonic()
        for number in range(300):
            multi.add(Request(receiver.url, body=str(number).encode(), tag=number))
        assert multi.in_flight == 300
        ended = drain(multi)
        elapsed_s = time.monotonic() - started
        assert sorted(int(request.rpartition(b"\r\n")[2]) for request in receiver.requests) == list(
            range(300)
        )
    assert Counter(request.tag for request, _ in ended) == Counter(range(300))
    assert {result.status_code for _, result in ended} == {200}
    assert elapsed_s < 45, "one after the other would take 90 s"


def test_every_request_comes_back_once_however_it_ends(multi: Multi) -> None:
    with Receiver(answer_ok) as good, Receiver(drip_body) as dripping, Receiver(never_answer) as silent:
        urls = [good.url, dripping.url, silent.url, "http://10.0.0.1/", "ftp://x/", "http://127.0.0.1:1/"]
        for number in range(120):
            url = urls[number % 6]
            multi.add(Request(url, timeout_s=1 if url in (dripping.url, silent.url) else 60, tag=number))
        ended = drain(multi)
    assert Counter(request.tag for request, _ in ended) == Counter(range(120))
    kinds = Counter(result.error_kind for _, result in ended)
    assert kinds == Counter(
        {
            None: 20,
            "timeout_body": 20,
            "timeout_first_byte": 20,
            "address_refused": 20,
            "url_invalid": 20,
            "connect_refused": 20,
        }
    )
    assert multi.poll(0) == []


def test_poll_waits_no_longer_than_it_is_told(multi: Multi) -> None:
    with Receiver(never_answer) as receiver:
        multi.add(Request(receiver.url, timeout_s=90))
        started = time.monotonic()
        assert multi.poll(0.2) == []
        assert 0.15 < time.monotonic() - started < 45
        assert multi.poll(0) == []
        assert multi.in_flight == 1


def test_poll_with_nothing_in_flight_waits_for_a_waker(multi: Multi) -> None:
    reading, writing = socket.socketpair()
    with reading, writing:
        multi.register_waker(reading.fileno())
        timer = threading.Timer(0.1, writing.send, [b"x"])
        timer.start()
        started = time.monotonic()
        assert multi.poll(90) == []
        assert time.monotonic() - started < 45
        timer.join()
        assert reading.recv(1) == b"x"
        assert multi.poll(0.05) == []
        writing.send(b"x")
        multi.unregister_waker(reading.fileno())
        started = time.monotonic()
        assert multi.poll(0.1) == []
        assert time.monotonic() - started >= 0.09


def test_cancelled_requests_are_returned_and_never_end(multi: Multi) -> None:
    with Receiver(never_answer) as silent, Receiver(answer_ok) as good:
        for number in range(10):
            multi.add(Request(silent.url, timeout_s=0.2, tag=number))
        multi.add(Request("ftp://x/", tag="bad"))
        multi.poll(0)
        cancelled = [request.tag for request in multi.cancel_all()]
        assert (multi.in_flight, sorted(map(str, cancelled))[:10]) == (
            0,
            [str(number) for number in range(10)],
        )
        assert multi.poll(0.4) == []
        multi.add(Request(good.url))
        assert [result.status_code for _, result in drain(multi)] == [200]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors through /proc")
def test_every_descriptor_is_given_back() -> None:
    with Receiver(answer_ok) as receiver, Receiver(never_answer) as silent:
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with Multi(LOOPBACK) as multi:
                for _ in range(50):
                    multi.add(Request(receiver.url))
                    multi.add(Request(silent.url))
                while multi.in_flight > 50:
                    multi.poll(5)
            multi.close()
        ours = {
            name
            for name in set(os.listdir("/proc/self/fd")) - before
            if not _is_server_side(name, receiver, silent)
        }
        assert ours == set()


def _is_server_side(descriptor: str, *receivers: Receiver) -> bool:
    try:
        duplicate = socket.socket(fileno=os.dup(int(descriptor)))
    except OSError:
        return True  # Closed since, or listdir's own.
    with duplicate:
        return duplicate.getsockname()[1] in {receiver.port for receiver in receivers}


def test_more_than_1024_sockets_at_once(multi: Multi) -> None:
    count = 1100
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * count + 200:
        pytest.skip("the limit of open files is too low")
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        server = threading.Thread(target=_answer_all_together, args=(listener, count))
        server.start()
        for number in range(count):
            multi.add(Request(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=90, tag=number))
        ended = drain(multi)
        server.join()
    assert Counter(request.tag for request, _ in ended) == Counter(range(count))
    assert {(result.status_code, result.body) for _, result in ended} == {(200, b"ok")}


def _answer_all_together(listener: socket.socket, count: int) -> None:
    """Accept `count` connections before the first of them gets its answer."""
    listener.settimeout(90)
    connections = [listener.accept()[0] for _ in range(count)]
    for connection in connections:
        connection.settimeout(90)
        connection.recv(4096)
        connection.sendall(OK)
    for connection in connections:
        connection.close()
