"""Puts webhooks, events, deliveries and attempts into the database, many at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from app.api_keys.services import create_key
from app.events.models import Event
from app.extensions import db, sealer
from app.lib import clock, signing
from app.lib.ids import lowest_id_at, new_id
from app.web.permissions import Role, permissions_of
from app.webhooks.models import Attempt, Delivery, DeliveryCount, Webhook
from tests.people import People

_BATCH_ROWS = 2000


class Factories:
    """What a team has stored."""

    def __init__(self, app: Flask, team_id: str) -> None:
        self.app = app
        self.team_id = team_id

    def webhook(self, name: str = "Orders", **values: Any) -> str:
        """Add a webhook and return its id."""
        webhook_id = new_id("wh")
        secret = sealer_of(self.app).seal(
            signing.new_secret().encode(), table="webhooks", column="secret", row_id=webhook_id
        )
        self._insert(
            Webhook,
            [
                {
                    "id": webhook_id,
                    "team_id": self.team_id,
                    "name": name,
                    "url": "https://orders.example.com/hooks",
                    "event_types": ["*"],
                    "secret_sealed": secret,
                    "status": "active",
                    **values,
                }
            ],
        )
        return webhook_id

    def deliveries(
        self,
        webhook_id: str,
        count: int = 1,
        *,
        at: datetime | None = None,
        body: str = '{"id":"x","type":"post.published","timestamp":"2026-01-01T00:00:00.000Z","data":{}}',
        apart: timedelta = timedelta(seconds=1),
        idempotency_key: str | None = None,
        **values: Any,
    ) -> list[str]:
        """Add deliveries with an event each, the last one accepted at `at`; returns their ids, oldest first."""
        last = at or clock.now()
        events, rows = [], []
        event_type = values.pop("event_type", "post.published")
        defaults = _defaults(values.get("state", "succeeded"), last)
        for index in range(count):
            moment = last - apart * (count - 1 - index)
            event_id = _id_at("evt", moment, index)
            events.append(
                {
                    "id": event_id,
                    "team_id": self.team_id,
                    "type": event_type,
                    "body": body,
                    "idempotency_key": idempotency_key,
                    "request_digest": "0" * 64,
                    "is_test": False,
                    "created_at": moment,
                }
            )
            rows.append(
                defaults
                | {
                    "id": _id_at("dlv", moment, index),
                    "team_id": self.team_id,
                    "event_id": event_id,
                    "webhook_id": webhook_id,
                    "event_type": event_type,
                    "created_at": moment,
                }
                | values
            )
        self._insert(Event, events)
        self._insert(Delivery, rows)
        return [str(row["id"]) for row in rows]

    def attempt(self, delivery_id: str, number: int = 1, **values: Any) -> str:
        """Add an attempt and return its id."""
        row = {
            "delivery_id": delivery_id,
            "id": new_id("att"),
            "number": number,
            "trigger": "automatic",
            "started_at": clock.now(),
            "url": "https://orders.example.com/hooks",
            "request_headers": '[["webhook-id","evt_1"],["authorization","••••••"]]',
            "response_headers": '[["content-type","application/json"]]',
            "response_body": '{"ok":true}',
            "response_truncated": False,
            "status_code": 200,
            "error_kind": None,
            "error_detail": None,
            "remote_address": "203.0.113.9",
            "dns_ms": 2.0,
            "connect_ms": 10.0,
            "tls_ms": 20.0,
            "first_byte_ms": 60.0,
            "total_ms": 100.0,
        } | values
        self._insert(Attempt, [row])
        return str(row["id"])

    def count(self, webhook_id: str, hour: datetime, **values: Any) -> None:
        """Add what one webhook did in one hour."""
        row = {"webhook_id": webhook_id, "team_id": self.team_id, "hour": hour} | values
        self._insert(DeliveryCount, [row])

    def change(self, delivery_id: str, **values: Any) -> None:
        """Change a delivery, as a dispatcher would."""
        with self.app.app_context():
            db.session.execute(update(Delivery).where(Delivery.id == delivery_id).values(**values))
            db.session.commit()

    def read(self, delivery_id: str) -> Any:
        """Return a delivery's row."""
        with self.app.app_context():
            return db.session.execute(
                select(Delivery.__table__).where(Delivery.__table__.c.id == delivery_id)
            ).one()

    def api(self, *scopes: str) -> dict[str, str]:
        """Return the headers of a request with a new API key."""
        with self.app.app_context():
            created = create_key(self.team_id, "test", scopes=scopes, granted_by=permissions_of(Role.OWNER))
            db.session.remove()
        return {"Authorization": f"Bearer {created.token}"}

    def _insert(self, table: Any, rows: list[dict[str, Any]]) -> None:
        with self.app.app_context():
            for start in range(0, len(rows), _BATCH_ROWS):
                db.session.execute(insert(table), rows[start : start + _BATCH_ROWS])
            db.session.commit()


@pytest.fixture
def factories(app: Flask, people: People) -> Factories:
    """Return what team acme has stored."""
    return Factories(app, people.acme.id)


@pytest.fixture
def other_factories(app: Flask, people: People) -> Factories:
    """Return what the other team has stored."""
    return Factories(app, people.other.id)


def sealer_of(app: Flask) -> Any:
    """Return the app's sealer."""
    with app.app_context():
        return sealer()


def _id_at(prefix: str, moment: datetime, index: int) -> str:
    return lowest_id_at(prefix, moment)[:-8] + new_id("x")[-8:]


def _defaults(state: str, moment: datetime) -> dict[str, Any]:
    is_tried = state in ("succeeded", "failed")
    return {
        "state": state,
        "due_at": moment if state == "pending" else None,
        "lease": None,
        "attempt_count": int(is_tried),
        "round_attempt_count": int(is_tried),
        "is_manual": False,
        "last_status": {"succeeded": 200, "failed": 503}.get(state),
        "last_error": "http_5xx" if state == "failed" else None,
        "finished_at": None if state == "pending" else moment,
    }
