"""Which queues a worker serves, and that slow jobs do not delay urgent ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from app.accounts.services import users
from app.config import ConfigError, JobQueue, WorkerGroup, load_settings
from app.extensions import db
from app.jobs.table import Job, declare
from tests.people import People
from tests.webhooks.dispatch.programs import Worker, running, wait_until_dead
from tests.webhooks.dispatch.scene import wait_until

DISPATCH, MAIL, DEFAULT, SLOW = JobQueue


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def groups_of(text: str) -> tuple[WorkerGroup, ...]:
    return load_settings(
        worker_queues=text,
        dispatch_workers=2,
        secret_key="0123456789abcdef" * 2,
        encryption_key="fedcba9876543210" * 2,
    ).worker_groups


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("dispatch", [WorkerGroup((DISPATCH,), 2)]),
        ("dispatch:3", [WorkerGroup((DISPATCH,), 3)]),
        (" mail + default : 2 , slow", [WorkerGroup((MAIL, DEFAULT), 2), WorkerGroup((SLOW,), 1)]),
        ("mail,mail+slow", [WorkerGroup((MAIL,), 1), WorkerGroup((MAIL, SLOW), 1)]),
    ],
)
def test_worker_queues_say_how_many_processes_serve_what(text: str, groups: list[WorkerGroup]) -> None:
    assert groups_of(text) == tuple(groups)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must name a queue"),
        (" , ", "must name a queue"),
        ("post", "is none of dispatch, mail, default, slow"),
        ("dispatch+mail", "serve no other queue"),
        ("mail:0", "from 1 to 64"),
        ("mail:65", "from 1 to 64"),
        ("mail:0640", "from 1 to 64"),
        ("mail:", "from 1 to 64"),
        ("mail:many", "from 1 to 64"),
    ],
)
def test_a_worker_does_not_start_with_queues_that_do_not_exist(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        groups_of(text)


def test_a_job_that_may_take_minutes_is_not_for_the_default_queue() -> None:
    with pytest.raises(ValueError, match="declare it for the queue slow"):
        declare([Job(name="planted.sync", path="app.planted.jobs.sync", timeout_s=600)])


def test_a_job_of_ten_minutes_delays_no_password_reset(
    app: Flask, people: People, redis: Redis, tmp_path: Path
) -> None:
    worker = Worker(app.config["SETTINGS"], tmp_path, worker_queues="mail+default,slow")
    with running(worker):
        slow = Queue(SLOW, connection=redis, serializer=JSONSerializer)
        job = slow.enqueue_call("time.sleep", args=(600,), timeout=600)
        wait_until(lambda: StartedJobRegistry(queue=slow).count)

        with app.app_context():
            users.request_password_reset(people.mel.email)
            db.session.remove()

        wait_until(lambda: f"Mail to {people.mel.email}" in worker.output)
        assert job.get_status() == "started"
        family = worker.family()
        worker.kill()
        wait_until_dead(family)


def test_a_worker_leaves_the_queues_of_others_alone(app: Flask, redis: Redis, tmp_path: Path) -> None:
    with running(Worker(app.config["SETTINGS"], tmp_path, worker_queues="mail")):
        queues = {name: Queue(name, connection=redis, serializer=JSONSerializer) for name in JobQueue}
        for queue in queues.values():
            queue.empty()  # type: ignore[no-untyped-call]
        for name in (SLOW, MAIL):
            queues[name].enqueue_call("time.sleep", args=(0,))

        wait_until(lambda: queues[MAIL].count == 0)
        assert queues[SLOW].count >= 1
