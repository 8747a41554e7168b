"""What there is to send: a team, its webhooks and key, and deliveries that are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, text

from app.accounts.models import Team
from app.api_keys.rules import PER_WINDOW_MAX
from app.api_keys.services import create_key
from app.events.models import Event
from app.events.rules import encode_event
from app.extensions import db
from app.lib import clock
from app.lib.ids import new_id
from app.web.permissions import FULL
from app.webhooks.models import Delivery
from app.webhooks.services.settings import WebhookSettings
from app.webhooks.services.webhooks import create_webhook

EVENT_TYPE = "post.published"
_BODY_BYTES = 1024
_ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Seeded:
    """A team with webhooks, and a key that may emit its events."""

    team_id: str
    webhook_ids: list[str]
    token: str


def new_team(urls: Sequence[str], *, timeout_s: int = 15, max_retries: int = 3) -> Seeded:
    """Add a team with one active webhook for each URL, subscribed to everything."""
    # No limit is to be reached: what limits cost is measured, not what they refuse.
    team = Team(slug=new_id("t").replace("_", "-"), name="Benchmark", per_hour=PER_WINDOW_MAX)
    db.session.add(team)
    db.session.commit()
    team_id = team.id
    webhook_ids = [
        create_webhook(
            team_id,
            WebhookSettings(
                name=f"Receiver {number}",
                url=url,
                event_types=["*"],
                timeout_s=timeout_s,
                max_retries=max_retries,
            ),
        ).webhook_id
        for number, url in enumerate(urls, 1)
    ]
    key = create_key(
        team_id,
        "benchmark",
        scopes=["events:write"],
        granted_by=frozenset({FULL}),
        per_hour=PER_WINDOW_MAX,
        per_day=PER_WINDOW_MAX,
    )
    db.session.remove()
    return Seeded(team_id, webhook_ids, key.token)


def event_data() -> dict[str, Any]:
    """Return data that makes the body of an event 1 KB long."""
    envelope = encode_event(new_id("evt"), EVENT_TYPE, {"text": ""}, moment=clock.now())
    return {"text": "x" * (_BODY_BYTES - len(envelope.body))}


def fill(team_id: str, webhook_ids: Sequence[str], event_count: int) -> int:
    """Replace all events by new ones with a due delivery for each webhook; returns how many deliveries."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    data, events, deliveries = event_data(), [], []
    for _ in range(event_count):
        now = clock.now()
        event_id = new_id("evt")
        envelope = encode_event(event_id, EVENT_TYPE, data, moment=now)
        common = {"team_id": team_id, "created_at": now}
        events.append(
            common
            | {"id": event_id, "type": EVENT_TYPE, "body": envelope.body, "request_digest": envelope.digest}
        )
        deliveries += [
            common
            | {
                "id": new_id("dlv"),
                "event_id": event_id,
                "webhook_id": webhook_id,
                "event_type": EVENT_TYPE,
                "state": "pending",
                "due_at": now,
            }
            for webhook_id in webhook_ids
        ]
    with db.engine.begin() as connection:
        for table in ("attempts", "deliveries", "delivery_counts", "events"):
            connection.execute(text(f"DELETE FROM {table}" if is_sqlite else f"TRUNCATE {table} CASCADE"))
        for model, rows in ((Event, events), (Delivery, deliveries)):
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(insert(model), rows[start : start + _ROWS_AT_ONCE])
    settle()
    return len(deliveries)


def settle() -> None:
    """Give the planner its statistics and the disk its pages, which a database that runs for a while has."""
    if db.engine.dialect.name == "sqlite":
        raw = db.engine.raw_connection()
        for pragma in ("wal_checkpoint(TRUNCATE)", "optimize"):
            raw.cursor().execute(f"PRAGMA {pragma}")
        raw.close()
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for command in ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.exec_driver_sql(command)


def recorded(webhook_ids: Sequence[str]) -> tuple[int, int]:
    """Return how many deliveries to these webhooks succeeded, and how many attempts of them are stored."""
    marks = ", ".join(f":id{index}" for index in range(len(webhook_ids)))
    values = {f"id{index}": webhook_id for index, webhook_id in enumerate(webhook_ids)}
    where = f"d.webhook_id IN ({marks}) AND d.state = 'succeeded'"
    with db.engine.connect() as connection:
        succeeded = connection.execute(text(f"SELECT count(*) FROM deliveries d WHERE {where}"), values)
        attempts = connection.execute(
            text(f"SELECT count(*) FROM attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE {where}"),
            values,
        )
        return int(succeeded.scalar_one()), int(attempts.scalar_one())
