"""`/api/v1/webhooks`."""

from typing import Any, TypeVar

from flask_openapi import Tag

from app.idempotency.api import idempotent
from app.lib.redact import MASK
from app.web.access import principal, require
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, takes
from app.web.openapi.marks import returns_etag, takes_if_match
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api
from app.webhooks.queries import webhooks as queries
from app.webhooks.queries.deliveries import get_delivery
from app.webhooks.queries.webhooks import WEBHOOKS
from app.webhooks.schemas.webhooks import (
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
    WebhookStats,
)
from app.webhooks.services import webhooks as services
from app.webhooks.services.settings import WebhookSettings, webhook_version

_Shown = TypeVar("_Shown", bound=WebhookOut)

webhooks_api = Api(
    "webhooks_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="Webhooks", description="Addresses that receive events.")],
)


@webhooks_api.get("/webhooks", summary="List webhooks", responses={200: WebhookList})
@require("webhooks:read")
@takes(WEBHOOKS)
def list_webhooks(query: ListQuery) -> WebhookList:
    """Return the team's webhooks, newest first."""
    page = WEBHOOKS.find(principal().team_id, query.selection(), size=query.limit)
    shown = [WebhookOut.of(row.webhook, last_24_hours=WebhookStats.of(row.stats)) for row in page.rows]
    return WebhookList.of(page, data=shown)


@webhooks_api.post(
    "/webhooks", summary="Create a webhook", responses={201: WebhookCreated, 409: Problem, 413: Problem}
)
@require("webhooks:manage")
@idempotent(
    WebhookCreated, status=201, replay=lambda webhook_id: _found(WebhookCreated, webhook_id, secret=MASK)
)
def create_webhook(body: WebhookIn) -> tuple[WebhookCreated, int]:
    """Create an active webhook. Only this answer holds its signing secret."""
    values = body.model_dump()
    settings = WebhookSettings(**{**values, "headers": list(body.headers.items())})
    created = services.create_webhook(principal().team_id, settings, created_by_id=_user_id())
    return _found(WebhookCreated, created.webhook_id, secret=created.secret), 201


@webhooks_api.get("/webhooks/<webhook_id>", summary="Get a webhook", responses={200: WebhookOut})
@require("webhooks:read")
@returns_etag
def get_webhook(path: WebhookPath) -> WebhookOut:
    """Return one webhook and how it is doing. `ETag` stands for its settings."""
    return _tagged(path.webhook_id)


@webhooks_api.patch("/webhooks/<webhook_id>", summary="Change a webhook", responses={200: WebhookOut})
@require("webhooks:manage")
@takes_if_match
@returns_etag
def change_webhook(path: WebhookPath, body: WebhookChange) -> WebhookOut:
    """Change settings; fields left out stay as they are. What is due goes by the new settings."""
    changes = body.model_dump(exclude_none=True)
    if body.headers is not None:
        changes["headers"] = list(body.headers.items())
    services.update_webhook(principal().team_id, path.webhook_id, changes, expected=expected_by_caller())
    return _tagged(path.webhook_id)


@webhooks_api.delete("/webhooks/<webhook_id>", summary="Delete a webhook", responses={204: None})
@require("webhooks:manage")
@takes_if_match
def delete_webhook(path: WebhookPath) -> tuple[str, int]:
    """Delete a webhook: what waits for it is cancelled, its history stays."""
    services.delete_webhook(principal().team_id, path.webhook_id, expected=expected_by_caller())
    return "", 204


@webhooks_api.post(
    "/webhooks/<webhook_id>/pause", summary="Pause a webhook", responses={200: WebhookOut, 409: Problem}
)
@require("webhooks:manage")
def pause_webhook(path: WebhookPath) -> WebhookOut:
    """Send nothing until it is resumed; new deliveries wait."""
    services.pause_webhook(principal().team_id, path.webhook_id, by=principal().name)
    return _found(WebhookOut, path.webhook_id)


@webhooks_api.post("/webhooks/<webhook_id>/resume", summary="Resume a webhook", responses={200: Resumed})
@require("webhooks:manage")
def resume_webhook(path: WebhookPath, body: ResumeIn) -> Resumed:
    """Send again, with or without what waited meanwhile."""
    cancelled = services.resume_webhook(principal().team_id, path.webhook_id, backlog=body.backlog)
    return _found(Resumed, path.webhook_id, cancelled_deliveries=cancelled)


@webhooks_api.post(
    "/webhooks/<webhook_id>/test", summary="Send a test event", responses={202: TestSent, 409: Problem}
)
@require("webhooks:manage")
@idempotent(TestSent, status=202, replay=lambda delivery_id: _test_sent_as(delivery_id))
def test_webhook(path: WebhookPath, body: TestIn) -> tuple[TestSent, int]:
    """Send the example of a type to this webhook and no other."""
    sent = services.send_test_event(principal().team_id, path.webhook_id, event_type=body.event_type)
    return TestSent.of(sent), 202


def _test_sent_as(delivery_id: str) -> TestSent:
    delivery = get_delivery(principal().team_id, delivery_id)
    return TestSent.of(delivery, delivery_id=delivery.id)


def _tagged(webhook_id: str) -> WebhookOut:
    tag_response(webhook_version(queries.get_webhook(principal().team_id, webhook_id)))
    return _found(WebhookOut, webhook_id)


def _found(model: type[_Shown], webhook_id: str, **named: Any) -> _Shown:
    team_id = principal().team_id
    webhook = queries.get_webhook(team_id, webhook_id)
    stats = queries.stats_of(team_id, [webhook_id])[webhook_id]
    return model.of(webhook, last_24_hours=WebhookStats.of(stats), **named)


def _user_id() -> str | None:
    return principal().id if principal().kind == "user" else None
