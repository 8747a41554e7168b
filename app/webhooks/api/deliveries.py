"""`/api/v1/deliveries`."""

import orjson
from flask_openapi import Tag

from app.web.access import principal, require
from app.web.lists import ListQuery, takes
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api
from app.webhooks.queries import deliveries as queries
from app.webhooks.queries.deliveries import DELIVERIES
from app.webhooks.schemas.deliveries import (
    AttemptOut,
    DeliveryDetailOut,
    DeliveryListOut,
    DeliveryOut,
    DeliveryPath,
    RetriedOut,
)
from app.webhooks.services import deliveries as services

deliveries_api = Api(
    "deliveries_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="Deliveries", description="What was sent, what is waiting, what failed and why.")],
    abp_responses={**PROBLEMS},
)


@deliveries_api.get("/deliveries", summary="List deliveries", responses={200: DeliveryListOut})
@require("events:read")
@takes(DELIVERIES)
def list_deliveries(query: ListQuery) -> DeliveryListOut:
    """Return deliveries, newest first. A search looks back so far at a time: `searched_back_to` says how far."""
    page = DELIVERIES.find(principal().team_id, query.selection(), size=query.limit)
    return DeliveryListOut.of(page, data=[DeliveryOut.of(row) for row in page.rows])


@deliveries_api.get("/deliveries/<delivery_id>", summary="Get a delivery", responses={200: DeliveryDetailOut})
@require("events:read")
def get_delivery(path: DeliveryPath) -> DeliveryDetailOut:
    """Return the delivery with its event and its newest attempts, each with headers, body and timings."""
    delivery = queries.get_delivery(principal().team_id, path.delivery_id)
    attempts, has_more = queries.recent_attempts(delivery.id)
    return DeliveryDetailOut.of(
        delivery,
        event=orjson.loads(delivery.event.body),
        attempts=[AttemptOut.of(attempt) for attempt in attempts],
        attempts_truncated=has_more,
    )


@deliveries_api.post(
    "/deliveries/<delivery_id>/retry",
    summary="Send a delivery again",
    responses={202: RetriedOut, 409: Problem},
)
@require("events:write")
def retry_delivery(path: DeliveryPath) -> tuple[RetriedOut, int]:
    """Make it due at once, whatever became of it before, with all its retries ahead of it again.

    409 while it is being sent, and when its webhook was deleted.
    """
    retried = services.retry(principal().team_id, path.delivery_id)
    return RetriedOut(id=retried.delivery_id, state="pending", detail=retried.message), 202
