"""Counting: all or nothing, exact under concurrency, kept over a change of the limit, and without Redis."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.lib.ids import new_id
from app.web.limits import Counters, Policy, process_counters, scripts
from tests.webhooks.dispatch import programs
from tests.webhooks.dispatch.scene import wait_until

#: Long enough for a Redis on a busy machine, short enough to wait for one that is silent.
REDIS_TIMEOUT_S = 2.0


def client(url: str) -> Redis:
    """Return a client that gives up as those of the app do: after one try."""
    return Redis.from_url(
        url,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        socket_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


@pytest.fixture
def counters(redis_url: str) -> Counters:
    return Counters(client(redis_url))


def policy(name: str = "key-hour", *, quota: int = 3, window_s: int = 3600, subject: str = "") -> Policy:
    return Policy(name, subject or new_id("key"), quota, window_s)


def sliding(*, quota: int = 3, window_s: int = 900) -> Policy:
    return Policy("act", new_id("key"), quota, window_s, is_sliding=True)


def test_quota_is_let_through_and_not_one_more(counters: Counters) -> None:
    limit = policy(quota=3)

    answers = [counters.take([limit])[0][0] for _ in range(5)]

    assert [answer.is_refusing for answer in answers] == [False, False, False, True, True]
    assert [answer.remaining for answer in answers] == [2, 1, 0, 0, 0]
    assert 3590 < answers[-1].resets_in_s <= 3600


def test_thousand_calls_at_once_against_a_limit_of_hundred(redis_url: str) -> None:
    limit = policy(quota=100)
    # Four processes' worth of counters, each with connections of its own.
    processes = [Counters(Redis.from_url(redis_url)) for _ in range(4)]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: processes[number % 4].take([limit])[0][0], range(1000)))

    assert sum(not answer.is_refusing for answer in answers) == 100


def test_refusal_by_the_day_leaves_the_hour_untouched(counters: Counters) -> None:
    hour, day = policy("key-hour", quota=100), policy("key-day", quota=3, window_s=86_400)
    for _ in range(3):
        counters.take([hour, day])

    for _ in range(5):
        statuses, _ = counters.take([hour, day])
        assert [status.is_refusing for status in statuses] == [False, True]

    assert [status.used for status in counters.peek([hour, day])] == [3, 3]


def test_another_quota_keeps_what_is_used(counters: Counters) -> None:
    low = policy("team-hour", quota=5)
    for _ in range(4):
        counters.take([low])

    raised = Policy(low.name, low.subject, 100, low.window_s)
    lowered = Policy(low.name, low.subject, 2, low.window_s)

    assert counters.peek([raised])[0].remaining == 96
    assert counters.take([lowered])[0][0].is_refusing
    assert counters.take([raised])[0][0].used == 5


def test_window_begins_anew_after_its_end(counters: Counters, redis_url: str) -> None:
    limit = policy(quota=1, window_s=600)
    counters.take([limit])
    assert counters.take([limit])[0][0].is_refusing

    with Redis.from_url(redis_url) as redis:
        assert redis.pexpire(limit.counter, 1)
        wait_until(lambda: not redis.exists(limit.counter))

    again = counters.take([limit])[0][0]
    assert not again.is_refusing
    assert 590 < again.resets_in_s <= 600


def test_last_millisecond_of_a_window_refuses_as_those_before_it(redis_url: str) -> None:
    limit = policy(quota=1, window_s=600)
    # For a millisecond a key is there whose time to live is rounded to 0, which no key can be set with.
    in_last_millisecond = """
        local server = redis
        local redis = {call = function(name, ...)
          return name == 'PTTL' and 0 or server.call(name, ...)
        end}
    """
    with Redis.from_url(redis_url) as redis:
        redis.set(limit.counter, 1, px=600_000)
        answer = redis.eval(
            in_last_millisecond + scripts.TAKE, 1, limit.counter, *scripts.arguments_of([limit])
        )

    (status,), is_first = scripts.taken([limit], answer)
    assert (status.is_refusing, is_first) == (True, True)
    assert status.resets_in_s > 0


def test_first_refusal_of_a_window_is_told_once(counters: Counters) -> None:
    limit = policy(quota=1)
    counters.take([limit])

    assert [counters.take([limit])[1] for _ in range(4)] == [True, False, False, False]


def test_looking_counts_nothing(counters: Counters) -> None:
    limit = policy(quota=2)
    counters.take([limit])

    for _ in range(10):
        assert counters.peek([limit])[0].used == 1


def test_use_is_taken_back_and_the_window_goes_on(counters: Counters) -> None:
    limit, unused = policy(quota=3), policy()
    for _ in range(3):
        counters.take([limit])

    counters.take_back([limit, unused])

    assert [status.used for status in counters.peek([limit, unused])] == [2, 0]
    assert not counters.take([limit])[0][0].is_refusing
    assert counters.take([limit])[0][0].is_refusing
    assert counters.take([unused])[0][0].used == 1


def test_cleared_counter_begins_anew(counters: Counters) -> None:
    limit = policy(quota=1)
    counters.take([limit])

    counters.clear([limit])

    assert not counters.take([limit])[0][0].is_refusing


class TestSlidingLimit:
    """No span of the window's length holds more than the quota, wherever it begins."""

    @pytest.fixture(params=["redis", "process"])
    def processes(self, request: pytest.FixtureRequest, redis_url: str) -> list[Counters]:
        """Return the counters of two processes that share their counts: in Redis, or one process without it."""
        if request.param == "redis":
            return [Counters(client(redis_url)), Counters(client(redis_url))]
        return [Counters(client("redis://127.0.0.1:1/0"))] * 2

    @pytest.fixture
    def pass_time(self, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Policy, float], None]:
        """Return a function that makes all uses older: those in Redis, and by the clock of the process."""
        monotonic, passed_s = time.monotonic, 0.0

        def pass_time(limit: Policy, seconds: float) -> None:
            nonlocal passed_s
            passed_s += seconds
            monkeypatch.setattr(
                process_counters, "time", SimpleNamespace(monotonic=lambda: monotonic() + passed_s)
            )
            with Redis.from_url(redis_url) as redis:
                for place, used_at_ms in enumerate(redis.lrange(limit.counter, 0, -1)):
                    redis.lset(limit.counter, place, int(used_at_ms) - int(seconds * 1000))

        return pass_time

    def test_no_burst_passes_at_the_seam_of_two_windows(
        self, processes: list[Counters], pass_time: Callable[[Policy, float], None]
    ) -> None:
        limit = sliding(quota=10, window_s=900)
        assert not processes[0].take([limit])[0][0].is_refusing
        pass_time(limit, 890)
        for _ in range(9):
            assert not processes[0].take([limit])[0][0].is_refusing
        pass_time(limit, 11)

        answers = [processes[1].take([limit])[0][0] for _ in range(10)]

        assert [answer.is_refusing for answer in answers] == [False] + [True] * 9
        assert 880 < answers[-1].resets_in_s <= 890, "when the first of the late ones leaves"
        assert processes[0].peek([limit])[0].used == 10

    def test_refusals_are_reported_once_in_its_length(
        self, counters: Counters, pass_time: Callable[[Policy, float], None], redis_url: str
    ) -> None:
        """There is room again each time a use leaves; reporting each refusal in between would fill a log."""
        limit = sliding(quota=2, window_s=600)
        counters.take([limit])
        counters.take([limit])
        pass_time(limit, 590)

        assert [counters.take([limit])[1] for _ in range(2)] == [True, False]

        with Redis.from_url(redis_url) as redis:
            assert redis.pttl(f"{limit.counter}:reported") > 500_000, "not only until the next use leaves"

    def test_concurrent_callers_get_the_quota_and_not_one_more(self, processes: list[Counters]) -> None:
        limit = sliding(quota=10)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda number: processes[number % 2].take([limit])[0][0], range(200)))

        assert sum(not answer.is_refusing for answer in answers) == 10

    def test_counts_together_with_windows_all_or_nothing(self, processes: list[Counters]) -> None:
        limit, window = sliding(quota=2), policy(quota=100)
        for _ in range(5):
            statuses, _ = processes[0].take([window, limit])

        assert [status.is_refusing for status in statuses] == [False, True]
        assert [status.used for status in processes[0].peek([window, limit])] == [2, 2]

    def test_uses_are_taken_back_and_cleared(self, processes: list[Counters]) -> None:
        limit, unused = sliding(quota=3), sliding()
        for _ in range(3):
            processes[0].take([limit])

        processes[0].take_back([limit, unused])
        assert [status.used for status in processes[0].peek([limit, unused])] == [2, 0]
        processes[0].clear([limit])
        assert processes[0].peek([limit])[0].used == 0

    def test_lower_quota_refuses_until_enough_uses_left(
        self, processes: list[Counters], pass_time: Callable[[Policy, float], None]
    ) -> None:
        limit = sliding(quota=5, window_s=600)
        for _ in range(4):
            processes[0].take([limit])
            pass_time(limit, 100)

        lowered = replace(limit, quota=2)
        refused = processes[0].take([lowered])[0][0]

        assert (refused.is_refusing, refused.used) == (True, 4)
        assert 390 < refused.resets_in_s <= 400, "when the third of four leaves"


class TestWithoutRedis:
    """No request waits, and every process counts for itself."""

    @pytest.fixture
    def silent(self) -> Iterator[str]:
        """A server that accepts connections and never answers."""
        with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
            yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"

    @pytest.mark.parametrize("kind", ["down", "silent"])
    def test_after_a_failure_redis_is_left_alone_for_a_while(
        self, kind: str, silent: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.modules[Counters.__module__], "_APART_S", 600.0)
        redis = client(silent if kind == "silent" else "redis://127.0.0.1:1/0")
        asked: list[object] = []
        connect = redis.connection_pool.get_connection

        def counting(*names: Any) -> Any:
            asked.append(names)
            return connect(*names)

        monkeypatch.setattr(redis.connection_pool, "get_connection", counting)
        counters = Counters(redis)

        for _ in range(50):
            assert not counters.take([policy(quota=1)])[0][0].is_refusing

        assert len(asked) == 1
        assert counters.is_away

    def test_limits_hold_within_the_process(self, silent: str) -> None:
        counters = Counters(client(silent))
        limit, other = policy(quota=100), policy("key-day", quota=1_000)

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: counters.take([limit, other])[0], range(500)))

        assert sum(not answer[0].is_refusing for answer in answers) == 100
        assert counters.peek([other])[0].used == 100, "all or nothing holds there, too"

    def test_uses_are_taken_back_and_cleared_within_the_process(self) -> None:
        counters = Counters(client("redis://127.0.0.1:1/0"))
        limit = policy(quota=2)
        counters.take([limit])
        counters.take([limit])

        counters.take_back([limit])
        assert counters.peek([limit])[0].used == 1
        counters.clear([limit])
        assert counters.peek([limit])[0].used == 0

    def test_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process_counters, "_COUNTERS_MAX", 10)
        counters = Counters(client("redis://127.0.0.1:1/0"))

        for _ in range(50):
            counters.take([policy()])

        assert len(counters._own) == 10

    def test_counting_goes_on_in_redis_when_it_is_back(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        directory = Path(tmp_path_factory.mktemp("r"))
        server = programs.Redis(directory)
        with programs.running(server):
            counters = Counters(client(server.url))
            limit = policy(quota=10)
            counters.take([limit])
            server.kill()
            assert counters.take([limit])[0][0].used == 1, "counted alone, from nothing"

            server.start()
            wait_until(lambda: not counters.is_away)

            assert counters.take([limit])[0][0].used == 2


def test_threads_share_one_outage(redis_url: str) -> None:
    counters = Counters(client("redis://127.0.0.1:1/0"))
    barrier = threading.Barrier(8)

    def ask(_: int) -> bool:
        barrier.wait()
        return counters.take([policy(quota=1)])[0][0].is_refusing

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(ask, range(8)))
