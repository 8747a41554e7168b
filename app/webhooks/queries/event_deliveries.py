"""Who received an event, for the page of the event."""

from app.events.event_deliveries import EventDeliveries, Recipient, SkippedWebhook
from app.events.models import Event
from app.webhooks.explanations import words
from app.webhooks.queries.deliveries import DELIVERIES
from app.webhooks.queries.webhooks import Uninterested, uninterested_in

_RECIPIENTS_MAX = 500


def deliveries_of_event(team_id: str, event: Event) -> EventDeliveries:
    """Return the deliveries of an event and the webhooks that got none, with the reason."""
    deliveries = DELIVERIES.find(team_id, DELIVERIES.select(q=event.id), size=_RECIPIENTS_MAX).rows
    return EventDeliveries(
        recipients=[
            Recipient(
                delivery_id=row.id,
                webhook_id=row.webhook_id,
                webhook_name=row.webhook_name,
                state=row.shown_state,
                attempt_count=row.attempt_count,
                last_status=row.last_status,
                error=words(row.last_error, row.last_status),
                created_at=row.created_at,
            )
            for row in deliveries
        ],
        skipped=[
            SkippedWebhook(webhook.id, webhook.name, _reason(webhook, event.type))
            for webhook in uninterested_in(team_id, event)
        ],
    )


def _reason(webhook: Uninterested, event_type: str) -> str:
    if webhook.is_subscribed:
        return "It was created, or subscribed to this type, after the event."
    subscriptions = ", ".join(webhook.event_types)
    return f"It does not subscribe to {event_type}, only to: {subscriptions}."
