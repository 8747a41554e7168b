"""The design that is not ours: one RQ job for each delivery, run by RQ's fastest worker (it does not fork).

The job opens an app context, loads the delivery, its event and webhook, opens the secret, signs, sends through
the one door out on a connection of its own, and commits attempt and state through the ORM.
"""

import logging
import time
from typing import Any

from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from app.db.session import reading
from app.extensions import current_settings, db, redis_client, sealer
from app.factory import create_app
from app.lib import clock
from app.lib.ids import new_id
from app.lib.outbound import AllowedNetworks, send
from app.webhooks.dispatch.messages import ClaimedDelivery, request_of
from app.webhooks.dispatch.targets import Target, Targets
from app.webhooks.models import Attempt, Delivery, Webhook
from bench.children import answer, read_settings

_QUEUE = "bench-one-job-each"
app = create_app()


def deliver(delivery_id: str) -> None:
    """Make one attempt of one delivery."""
    with app.app_context():
        settings = current_settings()
        with reading():
            delivery = db.session.get_one(Delivery, delivery_id)
            claimed = ClaimedDelivery(
                id=delivery_id,
                webhook_id=delivery.webhook_id,
                event_id=delivery.event_id,
                attempt_count=0,
                round_attempt_count=0,
                is_manual=False,
                body=delivery.event.body.encode(),
                lease="",
                target=_target(delivery.webhook),
                start_before_s=0.0,
            )
            db.session.rollback()
        request = request_of(claimed, max_body_bytes=settings.response_body_max_bytes)
        result = send(request, allowed=AllowedNetworks.parse(settings.outbound_allowed_networks))
        delivery = db.session.get_one(Delivery, delivery_id)
        delivery.state, delivery.due_at, delivery.finished_at = "succeeded", None, clock.now()
        delivery.attempt_count += 1
        delivery.last_status = result.status_code
        db.session.add(
            Attempt(
                id=new_id("att"),
                delivery_id=delivery_id,
                number=delivery.attempt_count,
                trigger="automatic",
                started_at=result.started_at,
                url=request.url,
                request_headers=claimed.shown_headers,
                response_body=result.body.decode(),
                status_code=result.status_code,
                remote_address=result.remote_address,
                total_ms=result.total_ms,
            )
        )
        db.session.commit()


def _target(webhook: Webhook) -> Target:
    with db.engine.connect() as connection:
        return Targets(sealer()).load(connection, {webhook.id: webhook.updated_at})[webhook.id]


def main(wanted: dict[str, Any]) -> None:
    """Enqueue a job for each delivery and work them off; answer with how long the work took."""
    with app.app_context():
        redis = redis_client()
        queue = Queue(_QUEUE, connection=redis, serializer=JSONSerializer)
        for delivery_id in wanted["delivery_ids"]:
            queue.enqueue_call(f"{__spec__.name}.deliver", args=(delivery_id,))
        worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    start_s = time.monotonic()
    worker.work(burst=True, logging_level=logging.getLevelName(logging.ERROR), with_scheduler=False)
    elapsed_s = time.monotonic() - start_s
    answer(elapsed_s=elapsed_s, failed=len(queue.failed_job_registry))


if __name__ == "__main__":
    main(read_settings())
