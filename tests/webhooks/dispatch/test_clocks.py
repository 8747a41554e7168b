"""Machines whose clocks are wrong: nothing is sent twice for it, nothing is stuck, and operators are notified."""

import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rq.utils
from flask import Flask
from sqlalchemy import text

import worker
from app.clock_skew import CLOCK_WATCH, ClockWatch, skewed_clocks
from app.config import AppEnv, JobQueue, Settings
from app.db.clock import DatabaseNow, read_clock
from app.extensions import db, redis_client
from app.factory import create_app
from app.jobs.heartbeats import ensure_dispatch, heartbeat
from app.lib import clock
from app.web.health import READINESS
from app.webhooks.dispatch.claims import claim, find_due_webhooks, give_back
from app.webhooks.services.deliveries import retry
from tests import slots
from tests.webhooks.dispatch.programs import Worker, running
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply
from tests.webhooks.dispatch.scene import Scene, wait_until

LEASE_S = 60.0
AHEAD_S, BEHIND_S = 120.0, -3600.0

#: Sets the clock of this machine wrong by so many seconds.
SetWrong = Callable[[float], None]


@pytest.fixture(autouse=True)
def own_clock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin and end with the machine's own clock, and with nothing measured."""
    clock.unfollow()
    slots.put(monkeypatch, app, CLOCK_WATCH, ClockWatch("web"))
    app.extensions.pop(READINESS.key, None)
    yield
    app.extensions.pop(READINESS.key, None)
    clock.unfollow()


@pytest.fixture
def set_wrong(monkeypatch: pytest.MonkeyPatch) -> SetWrong:
    real_time = time.time

    def set_wrong(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real_time() + seconds)

    return set_wrong


@pytest.fixture
def apart(scene: Scene) -> Scene:
    """Return the scene of a database that has a machine of its own, as only PostgreSQL can."""
    if scene.settings.is_sqlite:
        pytest.skip("SQLite: the database's clock is the machine's")
    return scene


def take(scene: Scene, webhook_id: str) -> list[str]:
    """Claim what is due of a webhook; return the ids of the deliveries."""
    with scene.app.app_context(), db.engine.begin() as connection:
        return [row[0] for row in claim(connection, {webhook_id: 100}, lease_s=LEASE_S).rows]


# ---- What the database dates


def test_a_clock_ahead_takes_nothing_that_another_is_sending(apart: Scene, set_wrong: SetWrong) -> None:
    hook = apart.add_webhook("http://127.0.0.1:9/")
    apart.emit(3)
    assert len(take(apart, hook.id)) == 3
    set_wrong(10 * LEASE_S)
    with apart.app.app_context(), db.engine.begin() as connection:
        assert find_due_webhooks(connection).due == {}
    assert take(apart, hook.id) == []


def test_a_clock_behind_finds_what_is_due_and_holds_it_for_the_whole_lease(
    apart: Scene, set_wrong: SetWrong
) -> None:
    hook = apart.add_webhook("http://127.0.0.1:9/")
    apart.emit(3)
    set_wrong(BEHIND_S)
    with apart.app.app_context(), db.engine.begin() as connection:
        assert set(find_due_webhooks(connection).due) == {hook.id}
    assert len(take(apart, hook.id)) == 3
    set_wrong(0)
    assert take(apart, hook.id) == []


@pytest.mark.parametrize("seconds", [AHEAD_S, BEHIND_S])
def test_what_a_wrong_clock_emits_gives_back_and_retries_is_due_at_once(
    apart: Scene, set_wrong: SetWrong, seconds: float
) -> None:
    hook = apart.add_webhook("http://127.0.0.1:9/")
    set_wrong(seconds)
    apart.emit()
    set_wrong(0)
    (delivery_id,) = take(apart, hook.id)
    set_wrong(seconds)
    with apart.app.app_context(), db.engine.begin() as connection:
        give_back(connection, [delivery_id], _lease_of(apart, hook.id))
    set_wrong(0)
    assert take(apart, hook.id) == [delivery_id]
    apart.change_deliveries(hook.id, state="failed", due_at=None, lease=None)
    set_wrong(seconds)
    with apart.app.app_context():
        retry(apart.team_id, delivery_id)
    set_wrong(0)
    assert take(apart, hook.id) == [delivery_id]


def _lease_of(scene: Scene, webhook_id: str) -> str:
    lease = scene.delivery(webhook_id).lease
    assert lease is not None
    return lease


def test_a_retry_is_scheduled_by_the_databases_clock(
    apart: Scene, receiver: Receiver, set_wrong: SetWrong
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    hook = apart.add_webhook(receiver.url, max_retries=1, first_retry_s=1000, retry_multiplier=1.0)
    apart.emit()
    set_wrong(BEHIND_S)
    with apart.dispatching():
        wait_until(lambda: apart.attempts(hook.id))
    with apart.app.app_context(), db.engine.connect() as connection:
        left_s = connection.scalar(
            text("SELECT CAST(EXTRACT(EPOCH FROM due_at - clock_timestamp()) AS float8) FROM deliveries")
        )
    # The wait varies by a tenth; a clock an hour behind would have it due long ago.
    assert left_s is not None
    assert 600 < left_s <= 1200


def test_the_databases_time_is_read_once_per_statement_on_both_databases(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        for _ in range(2):
            before = clock.now() - timedelta(seconds=1)
            moment = connection.scalar(db.select(DatabaseNow()))
            assert moment is not None
            assert before <= moment <= clock.now() + timedelta(seconds=1)
            time.sleep(0.002)
        first, second = (connection.scalar(db.select(DatabaseNow())) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first < second, "not the time at which the transaction began, nor that of the first statement"


# ---- Following the database's clock


def test_a_process_that_follows_returns_the_databases_time_whatever_its_own_clock_does(
    apart: Scene, set_wrong: SetWrong
) -> None:
    set_wrong(BEHIND_S)
    with apart.app.app_context():
        ClockWatch("web").check_if_due()
    set_wrong(AHEAD_S)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1.0


def test_a_web_process_follows_from_its_first_request_on(apart: Scene, set_wrong: SetWrong) -> None:
    app = create_app(apart.settings.model_copy(update={"app_env": AppEnv.DEVELOPMENT}))
    set_wrong(BEHIND_S)
    app.test_client().get("/healthz")
    assert clock.now() < datetime.now(UTC) - timedelta(minutes=59), "that asks no database"
    app.test_client().get("/sign-in")
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1.0
    with app.app_context():
        db.engine.dispose()
    slots.close_redis(app)


def test_rq_goes_by_the_same_clock(set_wrong: SetWrong, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own, a worker that is ahead would move the running jobs of others to the failed ones."""
    monkeypatch.setattr(rq.utils, "now", rq.utils.now)
    worker._let_rq_follow()
    clock.follow(time.time() + AHEAD_S, at_steady_s=clock.steady_s())
    assert abs(rq.utils.current_timestamp() - time.time() - AHEAD_S) < 30


def test_who_is_alive_is_counted_by_the_clock_of_redis(app: Flask, set_wrong: SetWrong) -> None:
    with app.app_context():
        redis = redis_client()
        set_wrong(BEHIND_S)
        heartbeat(redis, dispatcher_ids=["behind-1"])
        set_wrong(AHEAD_S)
        heartbeat(redis, dispatcher_ids=["ahead-1"])
        assert ensure_dispatch()
        assert ensure_dispatch()
        assert redis.llen(f"rq:queue:{JobQueue.DISPATCH}") == 2


def test_a_clock_that_is_right_is_not_called_wrong(apart: Scene) -> None:
    with apart.app.app_context(), db.engine.connect() as connection:
        reading = read_clock(connection)
    assert abs(reading.skew_s) < 1.0
    with apart.app.app_context():
        ClockWatch("web").check_if_due()
        assert skewed_clocks() == []


def test_a_wrong_clock_is_reported_until_it_is_right(
    apart: Scene, set_wrong: SetWrong, capsys: pytest.CaptureFixture[str]
) -> None:
    with apart.app.app_context():
        set_wrong(AHEAD_S)
        ClockWatch("worker").check_if_due()
        (found,) = skewed_clocks()
        assert (found.process_kind, round(found.skew_s), found.words) == ("worker", 120, "2 min ahead")
        answer = apart.app.test_client().get("/readyz")
        assert answer.status_code == 200
        assert round(answer.get_json()["clock_skew_s"]["web"]) == 120
        set_wrong(0)
        ClockWatch("worker").check_if_due()
        assert skewed_clocks() == []


def test_sqlite_has_the_clock_of_its_machine(scene: Scene, set_wrong: SetWrong) -> None:
    if not scene.settings.is_sqlite:
        pytest.skip("PostgreSQL has a clock of its own")
    set_wrong(AHEAD_S)
    with scene.app.app_context():
        ClockWatch("worker").check_if_due()
        assert skewed_clocks() == []
        with db.engine.connect() as connection:
            assert read_clock(connection).skew_s == 0.0


def test_a_wall_clock_that_jumps_stops_no_loop(scene: Scene, receiver: Receiver, set_wrong: SetWrong) -> None:
    hook = scene.add_webhook(receiver.url)
    count = 0
    with scene.dispatching():
        for seconds in (0.0, 3600.0, -3600.0, 0.0):
            set_wrong(seconds)
            scene.emit(3)
            count += 3
            if scene.settings.is_sqlite:
                # There a lease is over when the machine's clock says so: let none be under way at the jump.
                scene.wait_until_settled()
            wait_until(lambda: len(receiver.received) >= count)  # noqa: B023
        scene.wait_until_settled()
    assert len(receiver.received) == count
    assert scene.states(hook.id) == {"succeeded": count}


# ---- Real workers


class SkewedWorker(Worker):
    """`worker.py` on a machine whose clock is wrong by `skew_s`."""

    def __init__(self, settings: Settings, directory: Path, *, skew_s: float) -> None:
        super().__init__(settings, directory, dispatch_lease_s=LEASE_S, dispatch_slice_s=1.0)
        self.skew_s = skew_s
        self.log = directory / f"worker{skew_s:+.0f}.log"
        library = _faketime_library()
        offset_s = 0.0 if library else skew_s
        self._argv = (sys.executable, "-m", "tests.webhooks.dispatch.skewed_worker", str(offset_s))
        if library and skew_s:
            self._env |= {
                "LD_PRELOAD": library,
                "FAKETIME": f"{skew_s:+.0f}s",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }


def _faketime_library() -> str | None:
    """Return what gives a program another clock when it is loaded first; None where it is not installed."""
    program = shutil.which("faketime")
    if program is None:
        return None
    argv = (program, "-f", "+0s", "printenv", "LD_PRELOAD")
    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip() or None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_with_clocks_two_minutes_ahead_and_an_hour_behind_send_each_delivery_once(
    apart: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it with requests that take long enough for another worker to take them for abandoned."""
    workers = [SkewedWorker(apart.settings, tmp_path, skew_s=skew_s) for skew_s in (0.0, AHEAD_S, BEHIND_S)]
    failed_once: set[str] = set()
    guard = threading.Lock()
    arrived_at_s: list[float] = []

    def slowly_and_the_second_time(received: Received) -> Reply:
        arrived_at_s.append(time.time() - float(received.headers["webhook-timestamp"]))
        with guard:
            is_first = received.event_id not in failed_once
            failed_once.add(received.event_id)
        return Reply(503 if is_first else 200, delay_s=0.0 if is_first else 1.0)

    with Receiver(slowly_and_the_second_time) as receiver:
        hooks = [
            apart.add_webhook(receiver.url, max_retries=5, first_retry_s=1, retry_multiplier=1.0)
            for _ in range(4)
        ]
        with running(*workers):
            wait_until(lambda: all("worker_process_started" in one.output for one in workers))
            event_ids = [event_id for _ in range(10) for event_id in _emit_slowly(apart)]
            apart.wait_until_settled(within_s=120)
            wait_until(lambda: len(_skewed(apart)) == 2, within_s=60)
            told = _skewed(apart)
            with apart.app.app_context():
                answer = apart.app.test_client().get("/readyz")
        receipts = Counter(receiver.event_ids)
    attempts = [attempt for hook in hooks for attempt in apart.attempts(hook.id)]
    logged = [entry for one in workers for entry in one.entries if entry.get("event") == "clock_skewed"]
    with capsys.disabled():
        print(
            f"\nworkers 0, {AHEAD_S:+g} and {BEHIND_S:+g} s, lease {LEASE_S:g} s:"
            f" {len(event_ids)} events x {len(hooks)} webhooks, {receipts.total()} requests,"
            f" {len(attempts)} attempts, superseded {sum(one.is_superseded for one in attempts)};"
            f" signed at most {max(map(abs, arrived_at_s)):.1f} s off;"
            f" told {sorted(told)}, /readyz {answer.get_json()}, in logs {len(logged)}"
        )
    assert sum(receipts.values()) == len(attempts), "no request that is not an attempt on record"
    for hook in hooks:
        assert apart.states(hook.id) == {"succeeded": len(event_ids)}
    by_delivery = Counter(attempt.delivery_id for attempt in attempts if attempt.error_kind is None)
    assert set(by_delivery.values()) == {1}, "each was delivered once"
    assert not any(attempt.is_superseded for attempt in attempts)
    assert max(map(abs, arrived_at_s)) < 60, "receivers take what was signed"
    assert sorted(round(skew_s, -1) for skew_s in told) == [BEHIND_S, AHEAD_S]
    assert {round(float(str(entry["skew_s"])), -1) for entry in logged} == {BEHIND_S, AHEAD_S}
    assert not any("AbandonedJobError" in one.output for one in workers)
    assert answer.status_code == 200
    assert round(answer.get_json()["clock_skew_s"]["worker"], -1) == BEHIND_S


def _emit_slowly(scene: Scene) -> list[str]:
    time.sleep(0.2)
    return scene.emit(3)


def _skewed(scene: Scene) -> list[float]:
    with scene.app.app_context():
        return [one.skew_s for one in skewed_clocks()]
