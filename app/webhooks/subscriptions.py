"""Turns new events into deliveries, in the transaction that stores the events."""

from collections.abc import Sequence
from typing import cast

import orjson
from sqlalchemy import Connection, Table, bindparam, insert, select, text

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
_INSERT_DUE = insert(cast(Table, Delivery.__table__)).values(due_at=DatabaseNow())
#: One statement for all rows: one for each costs a tenth of what an event costs the web process in all.
_INSERT_DUE_POSTGRESQL = text(
    """
    INSERT INTO deliveries (id, team_id, event_id, webhook_id, event_type, state, due_at, attempt_count,
        round_attempt_count, is_manual, created_at)
    SELECT id, team_id, event_id, webhook_id, event_type, state, statement_timestamp(), attempt_count,
        round_attempt_count, is_manual, created_at
    FROM json_to_recordset(CAST(:rows AS json)) AS r(id text, team_id text, event_id text, webhook_id text,
        event_type text, state text, attempt_count int, round_attempt_count int, is_manual bool,
        created_at timestamptz)
    """
)


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
        insert_due(connection, rows)
    return counts


def insert_due(connection: Connection, deliveries: Sequence[dict[str, object]]) -> None:
    """Insert deliveries as `new_delivery` returns them, due at once by the database's clock."""
    if connection.dialect.name == "postgresql":
        connection.execute(_INSERT_DUE_POSTGRESQL, {"rows": orjson.dumps(deliveries).decode()})
    else:
        connection.execute(_INSERT_DUE, deliveries)


def new_delivery(event: NewEvent, webhook_id: str) -> dict[str, object]:
    """Return the values of a delivery that is due at once, to be inserted with `insert_due`."""
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
