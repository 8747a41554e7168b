"""`/api/v1/deliveries`."""

from datetime import datetime
from typing import Any

import orjson
from flask import Response, jsonify
from flask_openapi import Tag

from app.web.access import principal, require
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api
from app.webhooks.delivery_schemas import (
    AttemptOut,
    DeliveryDetailOut,
    DeliveryListOut,
    DeliveryListQuery,
    DeliveryOut,
    DeliveryPath,
    RetriedOut,
)
from app.webhooks.models import Attempt
from app.webhooks.presentation import read_headers
from app.webhooks.queries import deliveries as queries
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
def list_deliveries(query: DeliveryListQuery) -> Response:
    """Return deliveries, newest first. A search looks back so far at a time: `searched_back_to` says how far."""
    page = queries.list_deliveries(principal().team_id, query.wanted(), size=query.limit)
    searched = datetime.fromisoformat(page.searched_back_to) if page.searched_back_to else None
    listed = DeliveryListOut(
        data=[DeliveryOut.model_validate(row) for row in page.rows],
        next_cursor=page.next_cursor,
        searched_back_to=searched,
    )
    return jsonify(listed.model_dump(mode="json"))


@deliveries_api.get("/deliveries/<delivery_id>", summary="Get a delivery", responses={200: DeliveryDetailOut})
@require("events:read")
def get_delivery(path: DeliveryPath) -> Response:
    """Return the delivery with its event and its newest attempts, each with headers, body and timings."""
    delivery = queries.get_delivery(principal().team_id, path.delivery_id)
    attempts, has_more = queries.recent_attempts(delivery.id)
    shown = DeliveryDetailOut(
        **DeliveryOut.model_validate(delivery).model_dump(),
        event=orjson.loads(delivery.event.body),
        attempts=[_attempt(attempt) for attempt in attempts],
        attempts_truncated=has_more,
    )
    return jsonify(shown.model_dump(mode="json"))


@deliveries_api.post(
    "/deliveries/<delivery_id>/retry",
    summary="Send a delivery again",
    responses={202: RetriedOut, 409: Problem},
)
@require("events:write")
def retry_delivery(path: DeliveryPath) -> tuple[Response, int]:
    """Make it due at once, whatever became of it before, with all its retries ahead of it again.

    409 while it is being sent, and when its webhook was deleted.
    """
    retried = services.retry(principal().team_id, path.delivery_id)
    answer = RetriedOut(id=retried.delivery_id, state="pending", detail=retried.message)
    return jsonify(answer.model_dump(mode="json")), 202


def _attempt(attempt: Attempt) -> AttemptOut:
    values: dict[str, Any] = {
        name: getattr(attempt, name) for name in AttemptOut.model_fields if not name.endswith("_headers")
    }
    return AttemptOut(
        **values,
        request_headers=_pairs(attempt.request_headers),
        response_headers=_pairs(attempt.response_headers) if attempt.response_headers else None,
    )


def _pairs(stored: str) -> list[list[str]]:
    return [[name, value] for name, value in read_headers(stored)]
