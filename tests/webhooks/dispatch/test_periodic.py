"""Jobs that run by themselves."""

import pytest
from redis import Redis
from rq import Queue

from app.config import JobQueue
from app.extensions import db
from app.jobs.periodic import enqueue_periodic
from app.jobs.table import declared_jobs
from app.lib import clock
from app.webhooks.jobs import cancel_leftovers
from tests.webhooks.dispatch.scene import Scene

pytestmark = pytest.mark.postgresql


def test_a_periodic_job_is_enqueued_once_for_all_tickers(scene: Scene, redis_url: str) -> None:
    with scene.app.app_context(), Redis.from_url(redis_url) as redis:
        for _ in range(3):
            enqueue_periodic()

        assert sum(Queue(queue, connection=redis).count for queue in JobQueue) == len(
            [job for job in declared_jobs() if job.every_s]
        )


def test_pending_deliveries_of_a_deleted_webhook_are_cancelled(scene: Scene) -> None:
    kept, deleted = (scene.add_webhook(f"http://127.0.0.1:9/{name}") for name in ("kept", "deleted"))
    scene.emit(1)
    scene.change_webhook(deleted.id, deleted_at=clock.now())

    with scene.app.app_context():
        cancel_leftovers()
        db.session.remove()

    assert scene.states(kept.id) == {"pending": 1}
    assert scene.states(deleted.id) == {"cancelled": 1}
