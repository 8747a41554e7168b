"""The real `worker.py`: what it delivers, what it survives, what it leaves behind."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from app.extensions import REDIS
from tests import slots
from tests.webhooks.dispatch.programs import Redis, Worker, is_alive, running, wait_until_dead
from tests.webhooks.dispatch.receivers import Receiver, always
from tests.webhooks.dispatch.scene import Scene, wait_until

pytestmark = pytest.mark.postgresql

LEASE_S = 6.0


@pytest.fixture
def redis(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """Yield a running Redis that the test may stop; the scene uses it as well."""
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp", ignore_cleanup_errors=True) as name:
        server = Redis(Path(name))
        client = redis_py.Redis.from_url(server.url, socket_connect_timeout=1, socket_timeout=5)
        slots.put(monkeypatch, scene.app, REDIS, client)
        with running(server):
            yield server
        client.close()


@pytest.fixture
def worker(scene: Scene, redis: Redis, tmp_path: Path) -> Iterator[Worker]:
    """Yield a worker that has delivered its first event."""
    program = Worker(
        scene.settings,
        tmp_path,
        redis_url=redis.url,
        dispatch_slice_s=1.0,
        dispatch_lease_s=LEASE_S,
    )
    with running(program), Receiver() as first:
        hook = scene.add_webhook(first.url, event_types=["post.failed"])
        scene.emit(event_type="post.failed")
        scene.wait_until_settled(hook.id)
        yield program


def _deliver_one(scene: Scene, receiver: Receiver) -> None:
    before = len(receiver.received)
    scene.emit()
    wait_until(lambda: len(receiver.received) > before)


def test_events_are_delivered_until_kill_9_ends_all_its_processes(
    scene: Scene, worker: Worker, receiver: Receiver
) -> None:
    scene.add_webhook(receiver.url)
    for _ in range(10):
        _deliver_one(scene, receiver)
    family = worker.family()
    assert len(family) >= 2, "one to dispatch, one for jobs, and whatever job runs"
    worker.kill()
    wait_until_dead(family)


def test_a_dispatcher_killed_while_sending_is_started_again_and_loses_nothing(
    scene: Scene, worker: Worker, receiver: Receiver
) -> None:
    receiver.behaviour = always(delay_s=0.3)
    hook = scene.add_webhook(receiver.url, timeout_s=2, max_retries=5)
    event_ids = scene.emit(100)
    wait_until(lambda: len(receiver.received) > 20)
    victim = worker.dispatch_pid()
    os.kill(victim, signal.SIGKILL)
    scene.wait_until_settled()
    assert set(receiver.event_ids) == set(event_ids)
    assert scene.states(hook.id) == {"succeeded": 100}
    assert worker.dispatch_pid() != victim
    assert [entry["queue"] for entry in worker.entries if entry["event"] == "worker_process_died"] == [
        "dispatch"
    ]


def test_sigterm_ends_all_its_processes_soon_and_loses_nothing(
    scene: Scene, worker: Worker, receiver: Receiver
) -> None:
    receiver.behaviour = always(delay_s=1.0)
    hook = scene.add_webhook(receiver.url)
    scene.emit(400)
    wait_until(lambda: len(receiver.received) > 30)
    family = worker.family()
    assert len(family) >= 2, "one to dispatch, one for jobs, and whatever job runs"
    assert worker.stop() == 0
    assert not any(is_alive(pid) for pid in family)
    states = scene.states(hook.id)
    assert states["succeeded"] == len(receiver.received), "what was under way ended and was recorded"
    assert states["succeeded"] + states["pending"] == 400
    assert all(d.lease is None for d in scene.deliveries(hook.id)), "the rest is due at once"
    assert "Traceback" not in worker.output


def test_deliveries_go_on_without_redis_and_with_a_new_and_empty_one(
    scene: Scene, worker: Worker, redis: Redis, receiver: Receiver
) -> None:
    hook = scene.add_webhook(receiver.url)
    redis.kill()
    for _ in range(3):
        _deliver_one(scene, receiver)
    pid = worker.dispatch_pid()
    redis.start()
    with redis_py.Redis.from_url(redis.url) as client:
        client.flushall()
        for _ in range(3):
            _deliver_one(scene, receiver)
        wait_until(lambda: client.zcard("signalbox:slices") == 1)
        # Slices come by RQ again: each has its own id.
        before = client.zrange("signalbox:slices", 0, -1)
        wait_until(lambda: client.zrange("signalbox:slices", 0, -1) not in ([], before))
    assert worker.dispatch_pid() == pid, "nothing had to be started anew"
    scene.wait_until_settled()
    assert scene.states(hook.id) == {"succeeded": 6}
    assert worker.output.count("redis_unreachable") <= 1
    assert worker.output.count("Traceback") <= 1


def test_a_worker_started_without_redis_delivers(
    scene: Scene, worker: Worker, redis: Redis, receiver: Receiver
) -> None:
    scene.add_webhook(receiver.url)
    redis.kill()
    os.kill(worker.dispatch_pid(), signal.SIGKILL)
    _deliver_one(scene, receiver)
    family = worker.family()
    assert worker.stop() == 0
    wait_until_dead(family)
