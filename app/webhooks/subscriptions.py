"""Turns new events into deliveries, in the transaction that stores the events."""

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, bindparam, select, text

from app.db.types import UtcDateTime
from app.events.fanout import NewEvent
from app.lib import clock
from app.lib.ids import new_id
from app.webhooks.models import Webhook
from app.webhooks.rules import wants

_SUBSCRIPTIONS = select(Webhook.id, Webhook.event_types).where(
    Webhook.team_id == bindparam("team_id"), Webhook.deleted_at.is_(None)
)
#: One statement for all rows: one for each costs a tenth of what an event costs the web process in all. The database's clock
#: dates what is due.
_INSERT_DUE = {
    "postgresql": text(
        """
        INSERT INTO deliveries (id, team_id, event_id, webhook_id, event_type, state, due_at, attempt_count,
            round_attempt_count, is_manual, created_at)
        SELECT id, team_id, event_id, webhook_id, event_type, 'pending', statement_timestamp(), 0, 0, false, :now
        FROM json_to_recordset(CAST(:rows AS json)) AS r(id text, team_id text, event_id text, webhook_id text,
            event_type text)
        """
    ).bindparams(bindparam("now", type_=UtcDateTime())),
    "sqlite": text(
        """
        INSERT INTO deliveries (id, team_id, event_id, webhook_id, event_type, state, due_at, attempt_count,
            round_attempt_count, is_manual, created_at)
        SELECT json_extract(value, '$.id'), json_extract(value, '$.team_id'), json_extract(value, '$.event_id'), json_extract(value, '$.webhook_id'),
            json_extract(value, '$.event_type'), 'pending', :now, 0, 0, 0, :now
        FROM json_each(:rows)
        """
    ).bindparams(bindparam("now", type_=UtcDateTime())),
}


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


def insert_due(connection: Connection, deliveries: Sequence[dict[str, str]]) -> None:
    """Insert deliveries as `new_delivery` returns them, due at once by the database's clock."""
    parameters = {"rows": orjson.dumps(deliveries).decode(), "now": clock.now()}
    connection.execute(_INSERT_DUE[connection.dialect.name], parameters)


def new_delivery(event: NewEvent, webhook_id: str) -> dict[str, str]:
    """Return the values of a delivery that tell it from others, to be inserted with `insert_due`."""
    return {
        "id": new_id("dlv"),
        "team_id": event.team_id,
        "event_id": event.id,
        "webhook_id": webhook_id,
        "event_type": event.type,
    }
