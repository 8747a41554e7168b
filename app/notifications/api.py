"""`/api/v1/notifications`: what a chat is told about."""

from flask_openapi import Tag

from app.idempotency.api import idempotent
from app.notifications.queries import get_notification, notifications_of
from app.notifications.schemas import (
    NotificationIn,
    NotificationList,
    NotificationOut,
    NotificationPath,
    NotificationStatusIn,
)
from app.notifications.services import notifications as services
from app.web.access import principal, require
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api

notifications_api = Api(
    "notifications_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="Notifications", description="What a chat is told about.")],
)


@notifications_api.get("/notifications", summary="Get the notifications", responses={200: NotificationList})
@require("integrations:read")
def get_notifications() -> NotificationList:
    """Return the team's notifications, and what became of the last message of each."""
    found = notifications_of(principal().team_id)
    return NotificationList(data=[NotificationOut.of(notification) for notification, _ in found])


@notifications_api.post(
    "/notifications",
    summary="Create a notification",
    responses={201: NotificationOut, 409: Problem},
)
@require("integrations:write")
@idempotent(NotificationOut, status=201, replay=lambda notification_id: _shown(notification_id))
def create_notification(body: NotificationIn) -> tuple[NotificationOut, int]:
    """Have a message posted through an integration with Slack when Signalbox announces one of these events."""
    caller = principal()
    notification_id = services.create_notification(
        caller.team_id,
        body.integration_id,
        body.event_types,
        body.channel,
        created_by_id=caller.id if caller.kind == "user" else None,
    )
    return _shown(notification_id), 201


@notifications_api.put(
    "/notifications/<notification_id>/status",
    summary="Switch a notification on or off",
    responses={200: NotificationOut},
)
@require("integrations:write")
def set_notification_status(path: NotificationPath, body: NotificationStatusIn) -> NotificationOut:
    """Post messages, or none. What happens while it is off is not posted later."""
    services.set_notification_enabled(principal().team_id, path.notification_id, is_enabled=body.is_enabled)
    return _shown(path.notification_id)


@notifications_api.delete(
    "/notifications/<notification_id>", summary="Delete a notification", responses={204: None}
)
@require("integrations:write")
def delete_notification(path: NotificationPath) -> tuple[str, int]:
    """Delete a notification with its messages that were not posted yet."""
    services.delete_notification(principal().team_id, path.notification_id)
    return "", 204


def _shown(notification_id: str) -> NotificationOut:
    return NotificationOut.of(get_notification(principal().team_id, notification_id))
