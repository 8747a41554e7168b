"""Values for the parameters of the routes of notifications."""

from collections.abc import Mapping

from app.extensions import db
from app.notifications.models import Notification
from tests.people import People


def add_samples(people: People, known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    notification = Notification(
        team_id=people.acme.id,
        integration_id=known["integration_id"],
        event_types=["signalbox.webhook.disabled"],
    )
    db.session.add(notification)
    db.session.flush()
    return {"notification_id": notification.id}
