"""Creates, switches and deletes notifications. Each function is one transaction, but for `add_notification`."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.trail import changed, record
from app.extensions import db
from app.idempotency.services import record_outcome
from app.integrations.queries.integrations import get_integration
from app.integrations.services.messages import check_message
from app.lib.errors import Conflict, FieldError, Invalid, NotFound
from app.notifications.models import Notification
from app.notifications.queries import get_notification
from app.notifications.rules import NOTIFICATIONS_MAX, TYPES


def create_notification(
    team_id: str,
    integration_id: str,
    event_types: Sequence[str],
    channel: str = "",
    *,
    created_by_id: str | None = None,
) -> str:
    """Create a notification and return its id. Raises Invalid naming every wrong field, and Conflict."""
    session = db.session()
    notification = add_notification(
        session, team_id, integration_id, event_types, channel, created_by_id=created_by_id
    )
    notification_id = notification.id
    record_outcome(session, notification_id)
    session.commit()
    return notification_id


def add_notification(
    session: Session,
    team_id: str,
    integration_id: str,
    event_types: Sequence[str],
    channel: str = "",
    *,
    created_by_id: str | None = None,
) -> Notification:
    """Add a notification to the caller's transaction. Raises as `create_notification`."""
    try:
        integration = get_integration(team_id, integration_id)
    except NotFound as error:
        # Named in a form or a body: nothing that was asked for is missing.
        raise Invalid.field("integration_id", error.detail) from None
    channel = channel.strip()
    errors: list[FieldError] = []
    try:
        check_message(integration, channel, "x")
    except Conflict as error:
        errors.append(FieldError("integration_id", error.detail))
    except Invalid as error:
        errors += error.errors
    unknown = [name for name in event_types if name not in TYPES]
    if unknown:
        errors.append(FieldError("event_types", f"{unknown[0][:60]!r} is none of: {', '.join(TYPES)}."))
    elif not event_types:
        errors.append(FieldError("event_types", "Choose at least one."))
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    count = session.scalar(
        select(func.count()).select_from(Notification).where(Notification.team_id == team_id)
    )
    if (count or 0) >= NOTIFICATIONS_MAX:
        raise Conflict(f"A team can have {NOTIFICATIONS_MAX} notifications. Delete one that is not needed.")
    notification = Notification(
        team_id=team_id,
        integration_id=integration_id,
        event_types=[name for name in TYPES if name in event_types],
        channel=channel,
        created_by_id=created_by_id,
    )
    session.add(notification)
    session.flush()
    values = {
        "integration": integration.name,
        "event_types": notification.event_types,
        "channel": notification.channel,
    }
    _record(session, "notification.created", notification, changes=changed({}, values))
    return notification


def set_notification_enabled(team_id: str, notification_id: str, *, is_enabled: bool) -> None:
    """Switch a notification on or off; what happens while it is off is posted never. Raises NotFound."""
    session = db.session()
    notification = get_notification(team_id, notification_id)
    if notification.is_enabled != is_enabled:
        action = "notification.enabled" if is_enabled else "notification.disabled"
        notification.is_enabled = is_enabled
        _record(session, action, notification, changes={"is_enabled": (not is_enabled, is_enabled)})
    session.commit()


def delete_notification(team_id: str, notification_id: str) -> None:
    """Delete a notification with its messages that were not posted yet. Raises NotFound."""
    session = db.session()
    notification = get_notification(team_id, notification_id)
    _record(session, "notification.deleted", notification)
    session.delete(notification)
    session.commit()


def _record(
    session: Session,
    action: str,
    notification: Notification,
    *,
    changes: dict[str, tuple[object, object]] | None = None,
) -> None:
    record(
        session,
        action,
        team_id=notification.team_id,
        object_type="notification",
        object_id=notification.id,
        object_name=", ".join(notification.event_types),
        changes=changes,
    )
