"""Clients that send or read too slowly delay no others, and are disconnected."""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import PROJECT_DIR, Settings
from app.local.__main__ import _programs
from tests.server.fixtures import StartWeb
from tests.server.programs import WebServer
from tests.slow_clients.scene import KINDS, Latencies, SlowClients, latencies_of_others, slow_clients_around
from tests.webhooks.dispatch.scene import wait_until

#: The status that each kind gets before it is disconnected; 0: none.
STATUSES = {
    "idle": {0},
    "half_head": {408},
    "half_body": {408},
    "drip": {408},
    # By its size; by its time where the machine is too busy to take it.
    "endless_chunks": {413, 408},
    "never_reading": {0},
}
SHORT = {
    "REQUEST_HEAD_TIMEOUT_S": "2",
    "REQUEST_BODY_TIMEOUT_S": "2",
    "RESPONSE_TIMEOUT_S": "2",
    "KEEP_ALIVE_TIMEOUT_S": "2",
    # Chunks without end have then sent too much within a few seconds.
    "EVENT_BODY_MAX_BYTES": "16384",
}
#: All requests must be answered; latency is measured in the slow tests only.
GENEROUS_S = 60.0


def count_of_ended(clients: SlowClients) -> int:
    return sum(sum(statuses.values()) for statuses in clients.ended().values())


def elapsed(for_s: float) -> Callable[[], bool]:
    ends_at_s = time.monotonic() + for_s
    return lambda: time.monotonic() > ends_at_s


def resident_mib(web: WebServer) -> float:
    total_kib = 0
    for pid in {web.pid} | web.family():
        status = Path(f"/proc/{pid}/status").read_text()
        total_kib += int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]
    return total_kib / 1024


def latencies_around(web: WebServer, token: str, *, until: Callable[[], bool]) -> dict[str, Latencies]:
    """Return what others saw until a condition came true."""
    is_over = threading.Event()

    def watch() -> None:
        try:
            wait_until(until, within_s=90)
        finally:
            is_over.set()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        return latencies_of_others(web.host, web.port, token, until=is_over.is_set)
    finally:
        watching.join()


def test_others_are_served_while_every_kind_of_slow_client_is_there_and_ended(
    start_web: StartWeb, token: str
) -> None:
    web = start_web(**SHORT)
    each = 40
    with slow_clients_around(web.host, web.port, dict.fromkeys(KINDS, each)) as clients:
        others = latencies_around(web, token, until=lambda: count_of_ended(clients) == each * len(KINDS))
        ended = clients.ended()

    for name, latencies in others.items():
        assert not latencies.failures, name
        assert latencies.times_s, name
        assert max(latencies.times_s) < GENEROUS_S, name
    for kind, statuses in ended.items():
        assert sum(statuses.values()) == each, kind
        assert set(statuses) <= STATUSES[kind], (kind, statuses)


def test_flood_of_idle_connections_ends_those_that_wait_longest(start_web: StartWeb, token: str) -> None:
    web = start_web(**SHORT, WEB_CONNECTIONS_MAX="50")
    with slow_clients_around(web.host, web.port, {"idle": 200}) as clients:
        wait_until(lambda: count_of_ended(clients) >= 150)

        assert web.is_healthy()


def test_client_that_reads_slowly_but_steadily_gets_all_of_it(start_web: StartWeb) -> None:
    web = start_web(**SHORT)
    size = (PROJECT_DIR / "static/vendor/swagger-ui/swagger-ui-bundle.js").stat().st_size
    with web.connect(receive_buffer_bytes=65_536) as client:
        client.sendall(
            b"GET /static/vendor/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        received, began_s = 0, time.monotonic()
        while chunk := client.recv(65_536):
            received += len(chunk)
            time.sleep(0.1)

    assert received > size
    # Or it was no slow reader.
    assert time.monotonic() - began_s > float(SHORT["RESPONSE_TIMEOUT_S"])


def test_client_that_reads_a_few_bytes_at_a_time_is_ended(start_web: StartWeb) -> None:
    web = start_web(**SHORT)
    with web.connect(receive_buffer_bytes=4096) as client, contextlib.suppress(ConnectionResetError):
        client.sendall(b"GET /static/vendor/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n")
        received = 0
        while chunk := client.recv(64):
            received += len(chunk)
            assert received < 1_000_000
            time.sleep(0.02)


def test_make_run_and_the_manual_start_the_server_that_is_tested() -> None:
    settings = Settings(
        secret_key="".join(map(chr, range(65, 105))), encryption_key="".join(map(chr, range(65, 105)))
    )
    (web,) = [spec for spec in _programs(settings, 8090) if spec.name == "web"]

    assert web.argv[1:] == ("-m", "app.server")
    assert "python -m app.server" in (PROJECT_DIR / "docs/operations.md").read_text()


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.parametrize("kinds", [(kind,) for kind in KINDS] + [KINDS], ids=lambda kinds: "+".join(kinds))
def test_three_hundred_of_each_kind_leave_others_below_a_second(
    start_web: StartWeb, token: str, kinds: tuple[str, ...]
) -> None:
    web = start_web()
    without = latencies_around(web, token, until=elapsed(10))
    before_mib = resident_mib(web)
    with slow_clients_around(web.host, web.port, dict.fromkeys(kinds, 300), reconnects=True) as clients:
        others = latencies_around(web, token, until=elapsed(20))
        grown_mib = resident_mib(web) - before_mib
        ended = clients.ended()

    figures = {name: round(latencies.p99_s, 3) for name, latencies in others.items()}
    before = {name: round(latencies.p99_s, 3) for name, latencies in without.items()}
    print(
        f"\n{'+'.join(kinds)}: p99 {figures}, without them {before}, {grown_mib:.0f} MiB more, ended {ended}"
    )
    assert not [failure for latencies in others.values() for failure in latencies.failures]
    for name, p99_s in figures.items():
        # A machine that is busy with other things takes a second without any slow client.
        assert p99_s < max(1.0, 2 * without[name].p99_s), name
    assert grown_mib < 150
