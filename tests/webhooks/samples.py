"""Values for the parameters of the routes of webhooks."""

from collections.abc import Mapping

from app.extensions import db
from app.lib.ids import new_id
from app.webhooks.models import Delivery, Webhook
from tests.people import People


def add_samples(people: People, known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    team_id = people.acme.id
    webhook = Webhook(
        team_id=team_id, name="Sample", url="https://example.com/", event_types=["*"], secret_sealed="x"
    )
    db.session.add(webhook)
    db.session.flush()
    delivery = Delivery(
        team_id=team_id,
        event_id=known["event_id"],
        webhook_id=webhook.id,
        event_type="post.published",
        state="failed",
    )
    db.session.add(delivery)
    db.session.flush()
    return {"webhook_id": webhook.id, "delivery_id": delivery.id, "attempt_id": new_id("att")}
