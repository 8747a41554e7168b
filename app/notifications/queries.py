"""Finding notifications, always within a team."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.extensions import db
from app.integrations.models import Integration
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.notifications.models import Notification


def notifications_of(team_id: str) -> Sequence[tuple[Notification, Integration]]:
    """Return the team's notifications with their integrations, newest first."""
    rows = db.session.execute(
        select(Notification, Integration)
        .join(Integration, Integration.id == Notification.integration_id)
        .where(Notification.team_id == team_id)
        .order_by(Notification.id.desc())
    )
    return [(notification, integration) for notification, integration in rows]


def get_notification(team_id: str, notification_id: str) -> Notification:
    """Return a notification of the team. Raises NotFound."""
    query = select(Notification).where(Notification.team_id == team_id, Notification.id == notification_id)
    found = db.session.scalars(query).one_or_none() if is_id(notification_id, "ntf") else None
    if found is None:
        raise NotFound("There is no such notification in this team. It may have been deleted.")
    return found


def integrations_for_messages(team_id: str) -> Sequence[Integration]:
    """Return the team's integrations that messages can be posted through, by name."""
    query = select(Integration).where(Integration.team_id == team_id, Integration.provider == "slack")
    return db.session.scalars(query.order_by(Integration.name)).all()


def words_of_dependents(team_id: str, integration_id: str) -> list[str]:
    """Return what becomes of notifications when an integration is deleted."""
    count = db.session.scalar(
        select(func.count())
        .select_from(Notification)
        .where(Notification.team_id == team_id, Notification.integration_id == integration_id)
    )
    if not count:
        return []
    return [
        "1 notification is deleted with it." if count == 1 else f"{count} notifications are deleted with it."
    ]
