"""Finding who received an event and who did not, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.events.models import Event
from app.extensions import db
from app.webhooks.models import Delivery, Webhook
from app.webhooks.queries.deliveries import DELIVERIES, DeliveryRow
from app.webhooks.rules import wants

_DELIVERIES_MAX = 500
_SKIPPED_MAX = 100


@dataclass(frozen=True, slots=True)
class SkippedWebhook:
    """A webhook that did not get an event, and why."""

    id: str
    name: str
    reason: str


def deliveries_of_event(team_id: str, event: Event) -> Sequence[DeliveryRow]:
    """Return the deliveries of an event, the newest first; of very many, the newest."""
    return DELIVERIES.find(team_id, DELIVERIES.select(q=event.id), size=_DELIVERIES_MAX).rows


def skipped_webhooks(team_id: str, event: Event) -> list[SkippedWebhook]:
    """Return the webhooks that got no delivery of the event, by name: they do not subscribe to it, or came after it."""
    has_delivery = select(Delivery.id).where(Delivery.event_id == event.id, Delivery.webhook_id == Webhook.id)
    rows = db.session.execute(
        select(Webhook.id, Webhook.name, Webhook.event_types)
        .where(Webhook.team_id == team_id, Webhook.deleted_at.is_(None), ~has_delivery.exists())
        .order_by(Webhook.name, Webhook.id)
        .limit(_SKIPPED_MAX)
    ).all()
    return [SkippedWebhook(row.id, row.name, _reason(row.event_types, event.type)) for row in rows]


def _reason(patterns: Sequence[str], event_type: str) -> str:
    if wants(patterns, event_type):
        return "It was created, or subscribed to this type, after the event."
    return f"It does not subscribe to {event_type}, only to: {', '.join(patterns)}."
