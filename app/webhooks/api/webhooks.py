"""`/api/v1/webhooks`."""

from dataclasses import asdict
from typing import Any

from flask_openapi import Tag

from app.idempotency.api import idempotent
from app.web.access import principal, require
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api
from app.webhooks.models import Webhook
from app.webhooks.queries import webhooks as queries
from app.webhooks.queries.deliveries import get_delivery
from app.webhooks.queries.webhooks import Stats
from app.webhooks.schemas import (
    Resumed,
    ResumeIn,
    TestIn,
    TestSent,
    WebhookChange,
    WebhookCreated,
    WebhookIn,
    WebhookList,
    WebhookOut,
    WebhookPath,
    WebhookQuery,
)
from app.webhooks.services import webhooks as services
from app.webhooks.services.settings import WebhookSettings, settings_of

webhooks_api = Api(
    "webhooks_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="Webhooks", description="Addresses that receive events.")],
)


@webhooks_api.get("/webhooks", summary="List webhooks", responses={200: WebhookList})
@require("webhooks:read")
def list_webhooks(query: WebhookQuery) -> dict[str, Any]:
    """Return the team's webhooks, newest first."""
    page = queries.list_webhooks(
        principal().team_id, limit=query.limit, cursor=query.cursor, status=query.status
    )
    return {"data": [_shown(row.webhook, row.stats) for row in page.rows], "next_cursor": page.next_cursor}


@webhooks_api.post(
    "/webhooks", summary="Create a webhook", responses={201: WebhookCreated, 409: Problem, 413: Problem}
)
@require("webhooks:manage")
@idempotent(WebhookCreated, status=201, replay=lambda webhook_id: _found(webhook_id))
def create_webhook(body: WebhookIn) -> tuple[dict[str, Any], int]:
    """Create an active webhook. Only this answer holds its signing secret."""
    values = body.model_dump()
    settings = WebhookSettings(**{**values, "headers": list(body.headers.items())})
    created = services.create_webhook(principal().team_id, settings, created_by_id=_user_id())
    return {**_found(created.webhook_id), "secret": created.secret}, 201


@webhooks_api.get("/webhooks/<webhook_id>", summary="Get a webhook", responses={200: WebhookOut})
@require("webhooks:read")
def get_webhook(path: WebhookPath) -> dict[str, Any]:
    """Return one webhook and how it is doing."""
    return _found(path.webhook_id)


@webhooks_api.patch("/webhooks/<webhook_id>", summary="Change a webhook", responses={200: WebhookOut})
@require("webhooks:manage")
def change_webhook(path: WebhookPath, body: WebhookChange) -> dict[str, Any]:
    """Change settings; fields left out stay as they are. What is due goes by the new settings."""
    changes = body.model_dump(exclude_none=True)
    if body.headers is not None:
        changes["headers"] = list(body.headers.items())
    services.update_webhook(principal().team_id, path.webhook_id, changes)
    return _found(path.webhook_id)


@webhooks_api.delete("/webhooks/<webhook_id>", summary="Delete a webhook", responses={204: None})
@require("webhooks:manage")
def delete_webhook(path: WebhookPath) -> tuple[str, int]:
    """Delete a webhook: what waits for it is cancelled, its history stays."""
    services.delete_webhook(principal().team_id, path.webhook_id)
    return "", 204


@webhooks_api.post(
    "/webhooks/<webhook_id>/pause", summary="Pause a webhook", responses={200: WebhookOut, 409: Problem}
)
@require("webhooks:manage")
def pause_webhook(path: WebhookPath) -> dict[str, Any]:
    """Send nothing until it is resumed; new deliveries wait."""
    services.pause_webhook(principal().team_id, path.webhook_id, by=principal().name)
    return _found(path.webhook_id)


@webhooks_api.post("/webhooks/<webhook_id>/resume", summary="Resume a webhook", responses={200: Resumed})
@require("webhooks:manage")
def resume_webhook(path: WebhookPath, body: ResumeIn) -> dict[str, Any]:
    """Send again, with or without what waited meanwhile."""
    cancelled = services.resume_webhook(principal().team_id, path.webhook_id, backlog=body.backlog)
    return {**_found(path.webhook_id), "cancelled_deliveries": cancelled}


@webhooks_api.post(
    "/webhooks/<webhook_id>/test", summary="Send a test event", responses={202: TestSent, 409: Problem}
)
@require("webhooks:manage")
@idempotent(TestSent, status=202, replay=lambda delivery_id: _test_sent_as(delivery_id))
def test_webhook(path: WebhookPath, body: TestIn) -> tuple[dict[str, Any], int]:
    """Send the example of a type to this webhook and no other."""
    sent = services.send_test_event(principal().team_id, path.webhook_id, event_type=body.event_type)
    return {"event_id": sent.event_id, "delivery_id": sent.delivery_id}, 202


def _test_sent_as(delivery_id: str) -> dict[str, Any]:
    delivery = get_delivery(principal().team_id, delivery_id)
    return {"event_id": delivery.event_id, "delivery_id": delivery.id}


def _found(webhook_id: str) -> dict[str, Any]:
    team_id = principal().team_id
    webhook = queries.get_webhook(team_id, webhook_id)
    return _shown(webhook, queries.stats_of(team_id, [webhook_id])[webhook_id])


def _shown(webhook: Webhook, stats: Stats) -> dict[str, Any]:
    settings = settings_of(webhook)
    return asdict(settings) | {
        "id": webhook.id,
        "headers": dict(settings.headers),
        "status": webhook.status,
        "status_reason": webhook.status_reason,
        "status_changed_at": webhook.status_changed_at,
        "consecutive_failures": webhook.consecutive_failures,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
        "last_24_hours": {
            "succeeded": stats.succeeded,
            "failed": stats.failed,
            "attempts": stats.attempts,
            "average_ms": stats.average_ms,
            "backlog": stats.backlog,
        },
    }


def _user_id() -> str | None:
    return principal().id if principal().kind == "user" else None
