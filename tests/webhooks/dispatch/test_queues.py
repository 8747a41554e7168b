"""The job table, and what stays behind in Redis."""

import importlib
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from app.config import JobQueue
from app.extensions import QUICK_REDIS, REDIS, AppSlot, redis_client
from app.jobs import heartbeats
from app.jobs.heartbeats import end_slice, ensure_dispatch, heartbeat, nudge_dispatch
from app.jobs.table import Job, enqueue
from app.lib.errors import Unavailable
from app.webhooks.jobs import close_dispatcher, dispatch, stopping_event
from app.wiring import FEATURES
from app.worker.processes import DispatchWorker
from tests import slots
from tests.webhooks.dispatch.receivers import Receiver
from tests.webhooks.dispatch.scene import Scene, wait_until


@pytest.fixture
def redis(redis_url: str) -> Iterator["Redis"]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.mark.parametrize(
    "job", [job for feature in FEATURES for job in feature.jobs], ids=lambda job: job.name
)
def test_every_job_of_the_table_can_be_found(job: Job) -> None:
    module, _, function = job.path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))
    assert job.queue in JobQueue


def test_a_job_carries_its_arguments_as_json(scene: Scene, redis: "Redis") -> None:
    with scene.app.app_context():
        enqueue("accounts.note_failed_sign_in", "usr_1", None)
    (job,) = Queue(JobQueue.DEFAULT, connection=redis, serializer=JSONSerializer).jobs
    assert (job.func_name, list(job.args), job.kwargs) == (
        "app.accounts.jobs.note_failed_sign_in",
        ["usr_1", None],
        {},
    )
    assert job.timeout == 60
    raw = redis.hget(job.key, "data")
    assert isinstance(raw, bytes)
    assert orjson.loads(zlib.decompress(raw))[0] == "app.accounts.jobs.note_failed_sign_in"


def test_an_unknown_job_is_refused(scene: Scene) -> None:
    with scene.app.app_context(), pytest.raises(KeyError):
        enqueue("accounts.no_such_job")


def test_slices_are_enqueued_for_idle_dispatchers_only(scene: Scene, redis: "Redis") -> None:
    def waiting() -> int:
        return int(redis.llen(f"rq:queue:{JobQueue.DISPATCH}"))  # type: ignore[arg-type]

    with scene.app.app_context():
        assert ensure_dispatch()
        assert waiting() == 0, "nobody would run it"
        heartbeat(redis, dispatcher_ids=["a-1", "a-2"])
        for _ in range(5):
            assert ensure_dispatch()
        assert waiting() == 2
        redis.delete(f"rq:queue:{JobQueue.DISPATCH}")
        heartbeat(redis, slice_id="slice_1")
        assert ensure_dispatch()
        assert waiting() == 1
        assert ensure_dispatch(besides="slice_1")
        assert waiting() == 2, "the slice that is about to end no longer counts"
        end_slice("slice_1")


def test_without_redis_nothing_raises_but_a_job_that_must_run(
    scene: Scene, monkeypatch: Any, tmp_path: Any
) -> None:
    nobody = Redis.from_url(f"unix://{tmp_path / 'none.sock'}")
    slots.put(monkeypatch, scene.app, REDIS, nobody)
    with scene.app.app_context():
        began_s = time.monotonic()
        nudge_dispatch()
        assert not ensure_dispatch()
        end_slice("slice_1")
        with pytest.raises(Unavailable):
            enqueue("accounts.note_failed_sign_in", "usr_1", None)
        assert time.monotonic() - began_s < 20
    nobody.close()


def test_nobody_who_emits_waits_for_a_silent_redis(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_APART_S", 600.0)
    asked: list[AppSlot[Redis]] = []

    def silent_client(slot: AppSlot[Redis], url: str) -> Redis:
        client = Redis.from_url(url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
        connect = client.connection_pool.get_connection

        def counting(*names: Any) -> Any:
            asked.append(slot)
            return connect(*names)

        monkeypatch.setattr(client.connection_pool, "get_connection", counting)
        return client

    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        for slot in (REDIS, QUICK_REDIS):
            slots.put(monkeypatch, app, slot, silent_client(slot, url))
        with app.app_context():
            for _ in range(20):
                nudge_dispatch()

    assert asked == [QUICK_REDIS], "asked once, by the client that does not wait long, and then left alone"


def test_slices_leave_nothing_growing_in_redis(scene: Scene, receiver: Receiver, redis: "Redis") -> None:
    settings = scene.app.config["SETTINGS"]
    scene.add_webhook(receiver.url)
    scene.app.config["SETTINGS"] = settings.model_copy(update={"dispatch_slice_s": 0.05})
    keys: list[set[bytes]] = []
    try:
        with scene.app.app_context():
            heartbeat(redis_client(), dispatcher_ids=["test-1"])
            ensure_dispatch()
            queue = Queue(JobQueue.DISPATCH, connection=redis_client(), serializer=JSONSerializer)
            rq_worker = DispatchWorker([queue], connection=redis_client(), serializer=JSONSerializer)
            rq_worker.app = scene.app
            for _ in range(2):
                for _ in range(11):
                    scene.emit()
                    heartbeat(redis_client(), dispatcher_ids=["test-1"])
                    ensure_dispatch()
                    rq_worker.work(burst=True, max_jobs=1, logging_level="WARNING")
                keys.append({key for key in redis.scan_iter() if not key.startswith(b"rq:job:")})
            assert keys[0] == keys[1]
            assert len(list(redis.scan_iter("rq:job:*"))) <= 1, "the next slice, and no other"
            for key in keys[1]:
                assert _size(redis, key) <= 12, key
    finally:
        scene.app.config["SETTINGS"] = settings
        with scene.app.app_context():
            close_dispatcher()
    wait_until(lambda: scene.is_settled())
    assert len(receiver.received) == 22


def _size(redis: "Redis", key: bytes) -> int:
    kind: Any = redis.type(key)
    sizes: dict[bytes, Any] = {
        b"list": redis.llen,
        b"set": redis.scard,
        b"zset": redis.zcard,
        b"hash": lambda _: 1,
        b"string": lambda _: 1,
    }
    return int(sizes[kind](key))


def test_a_slice_goes_on_while_redis_is_away(
    scene: Scene, receiver: Receiver, monkeypatch: Any, tmp_path: Any
) -> None:
    """Nobody would enqueue the next slice, so this one does not end; deliveries continue."""
    nobody = Redis.from_url(f"unix://{tmp_path / 'none.sock'}")
    settings = scene.app.config["SETTINGS"]
    with scene.app.app_context():
        real_redis = REDIS.get()
    slots.put(monkeypatch, scene.app, REDIS, nobody)
    monkeypatch.setitem(scene.app.config, "SETTINGS", settings.model_copy(update={"dispatch_slice_s": 0.1}))
    hook = scene.add_webhook(receiver.url)

    def run() -> None:
        with scene.app.app_context():
            dispatch()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        for _ in range(3):
            scene.emit()
            time.sleep(0.15)
        scene.wait_until_settled()
        assert thread.is_alive()
    finally:
        REDIS.put(scene.app, real_redis)
        thread.join(60)
        with scene.app.app_context():
            close_dispatcher()
            stopping_event().clear()
    assert not thread.is_alive(), "with Redis back, the slice ends and the next one is enqueued"
    assert scene.states(hook.id) == {"succeeded": 3}
    nobody.close()
