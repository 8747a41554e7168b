"""Turns new events into deliveries, in the transaction that stores the events."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection, Table, bindparam, insert, select

from app.db.clock import DatabaseNow
from app.events.fanout import NewEvent
from app.lib import clock
from app.lib.ids import new_id
from app.webhooks.models import Delivery, Webhook
from app.webhooks.rules import wants

_SUBSCRIPTIONS = select(Webhook.id, Webhook.event_types).where(
    Webhook.team_id == bindparam("team_id"), Webhook.deleted_at.is_(None)
)
#: What `new_delivery` leaves to the database: its clock dates what is due.
INSERT_DUE = insert(cast(Table, Delivery.__table__)).values(due_at=DatabaseNow())


def add_deliveries(connection: Connection, team_id: str, events: Sequence[NewEvent]) -> dict[str, int]:
    """Add a delivery for every webhook that wants one of the events; returns how many, by event id.

    Paused and disabled webhooks get theirs too: they wait until the webhook is resumed.
    """
    subscriptions = connection.execute(_SUBSCRIPTIONS, {"team_id": team_id}).all()
    counts: dict[str, int] = {}
    rows = []
    for event in events:
        wanting = [webhook_id for webhook_id, patterns in subscriptions if wants(patterns, event.type)]
        rows += [new_delivery(event, webhook_id) for webhook_id in wanting]
        if wanting:
            counts[event.id] = len(wanting)
    if rows:
        connection.execute(INSERT_DUE, rows)
    return counts


def new_delivery(event: NewEvent, webhook_id: str) -> dict[str, object]:
    """Return the values of a delivery that is due at once, to be inserted with `INSERT_DUE`."""
    return {
        "id": new_id("dlv"),
        "team_id": event.team_id,
        "event_id": event.id,
        "webhook_id": webhook_id,
        "event_type": event.type,
        "state": "pending",
        "attempt_count": 0,
        "round_attempt_count": 0,
        "is_manual": False,
        "created_at": clock.now(),
    }
