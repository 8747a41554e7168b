"""Finding deliveries, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from app.db.pages import Condition, Conditions
from app.events.models import Event
from app.events.queries import known_types
from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, ListSpec, PeriodFilter, Search, SearchFilter, StatusFilter, id_of
from app.webhooks.explanations import ERROR_KINDS, words
from app.webhooks.models import Attempt, Delivery, Webhook
from app.webhooks.rules import display_state

STATES = ("pending", "failed", "succeeded", "cancelled")
_STATUSES = (
    ("2xx", "Accepted (2xx)"),
    ("3xx", "Redirected (3xx)"),
    ("4xx", "Refused (4xx)"),
    ("5xx", "Failed (5xx)"),
    ("none", "No answer"),
)
PENDING_COUNT_MAX = 1000
ATTEMPTS_SHOWN_MAX = 50
_WEBHOOK_CHOICES_MAX = 500
_DELIVERIES_OF_EVENT_MAX = 1000

# Spelled out, not bound: SQLite uses a partial index only where it reads the index's own condition.
# Without a type: as a Boolean it would read `… = 1` there, which is another condition again.
UNSUCCESSFUL: ColumnElement[Any] = literal_column("deliveries.state <> 'succeeded'")


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A line of the list. `shown_state` says what a pending delivery waits for."""

    id: str
    state: str
    shown_state: str
    event_id: str
    event_type: str
    webhook_id: str
    webhook_name: str
    is_webhook_deleted: bool
    attempt_count: int
    due_at: datetime | None
    #: `due_at` while that lies ahead.
    next_try_at: datetime | None
    last_status: int | None
    last_error: str | None
    #: The last error in a few words.
    last_words: str | None
    created_at: datetime
    finished_at: datetime | None


def get_delivery(team_id: str, delivery_id: str) -> Delivery:
    """Return a delivery with its event and its webhook loaded. Raises NotFound."""
    query = (
        select(Delivery)
        .where(Delivery.team_id == team_id, Delivery.id == delivery_id)
        .join(Delivery.webhook)
        .options(contains_eager(Delivery.webhook), joinedload(Delivery.event, innerjoin=True))
    )
    delivery = db.session.scalars(query).one_or_none() if is_id(delivery_id, "dlv") else None
    if delivery is None:
        raise NotFound("There is no such delivery in this team.")
    return delivery


def recent_attempts(delivery_id: str) -> tuple[Sequence[Attempt], bool]:
    """Return the attempts of a delivery of the caller's team, newest first, and whether older ones were left out."""
    query = (
        select(Attempt)
        .where(Attempt.delivery_id == delivery_id)
        .order_by(Attempt.id.desc())
        .limit(ATTEMPTS_SHOWN_MAX + 1)
    )
    rows = db.session.scalars(query).all()
    return rows[:ATTEMPTS_SHOWN_MAX], len(rows) > ATTEMPTS_SHOWN_MAX


def count_pending(team_id: str) -> int:
    """Return how many deliveries are pending; counts no further than one above `PENDING_COUNT_MAX`."""
    some = (
        select(Delivery.id)
        .where(Delivery.team_id == team_id, Delivery.state == "pending", UNSUCCESSFUL)
        .limit(PENDING_COUNT_MAX + 1)
        .subquery()
    )
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def webhook_choices(team_id: str) -> list[tuple[str, str]]:
    """Return (id, name) of the team's webhooks for a filter; deleted ones are marked and stand last."""
    query = (
        select(Webhook.id, Webhook.name, Webhook.deleted_at)
        .where(Webhook.team_id == team_id)
        .order_by(Webhook.deleted_at.is_not(None), Webhook.name, Webhook.id)
        .limit(_WEBHOOK_CHOICES_MAX)
    )
    return [
        (webhook_id, f"{name} (deleted)" if deleted_at else name)
        for webhook_id, name, deleted_at in db.session.execute(query)
    ]


def _state(_search: Search, state: str) -> Condition | Conditions:
    if state == "succeeded":
        return Delivery.state == state
    # Few deliveries did not succeed, over all webhooks: their index is better than that of the webhook.
    return Conditions(indexed=(Delivery.state == state, UNSUCCESSFUL))


def _webhook(search: Search, webhook_id: str) -> Conditions:
    condition = (Delivery.webhook_id == webhook_id,)
    has_index = search.values.get("state") in (None, "succeeded")
    return Conditions(indexed=condition) if has_index else Conditions(scanned=condition)


def _text(search: Search, text: str) -> Condition | Conditions:
    if is_id(text, "dlv"):
        return Conditions(indexed=(Delivery.id == text,))
    if is_id(text, "evt"):
        # Looked up in a query of its own: with the order by id, planners prefer to read all of the team's deliveries.
        query = select(Delivery.id).where(Delivery.event_id == text).limit(_DELIVERIES_OF_EVENT_MAX)
        return Conditions(indexed=(Delivery.id.in_(search.session.scalars(query).all()),))
    return _contains(search, text)


def _contains(search: Search, text: str) -> Condition:
    """Return the condition for text within an event, its key, the error or the URL, in either case of letters."""
    # There are few kinds of errors and few webhooks: looked up first, they cost nothing per delivery.
    kinds = [kind for kind in ERROR_KINDS if text.lower() in kind]
    webhooks = select(Webhook.id).where(
        Webhook.team_id == search.team_id, Webhook.url.icontains(text, autoescape=True)
    )
    webhook_ids = search.session.scalars(webhooks).all()
    found = [_has(column, text) for column in (Event.body, Event.idempotency_key)]
    if kinds:
        found.append(Delivery.last_error.in_(kinds))
    if webhook_ids:
        found.append(Delivery.webhook_id.in_(webhook_ids))
    return or_(*found)


def _has(column: InstrumentedAttribute[Any], text: str) -> Condition:
    # LIKE of SQLite ignores case by itself; lower() around it would copy every body.
    if db.engine.dialect.name == "sqlite":
        return column.contains(text, autoescape=True)
    return column.icontains(text, autoescape=True)


def _rows(search: Search) -> "Select[Delivery, str, str, datetime | None]":
    query = select(Delivery, Webhook.name, Webhook.status, Webhook.deleted_at).join(
        Webhook, Webhook.id == Delivery.webhook_id
    )
    text = search.values.get("q")
    if text and not is_id(text, "dlv") and not is_id(text, "evt"):
        return query.join(Event, Event.id == Delivery.event_id)
    return query


def _shaped(row: "Row[Delivery, str, str, datetime | None]", now: datetime) -> DeliveryRow:
    delivery, webhook_name, webhook_status, deleted_at = row
    return DeliveryRow(
        id=delivery.id,
        state=delivery.state,
        shown_state=shown_state(delivery, webhook_status=webhook_status, now=now),
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        webhook_id=delivery.webhook_id,
        webhook_name=webhook_name,
        is_webhook_deleted=deleted_at is not None,
        attempt_count=delivery.attempt_count,
        due_at=delivery.due_at,
        next_try_at=delivery.due_at if delivery.due_at is not None and delivery.due_at > now else None,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
        last_words=words(delivery.last_error, delivery.last_status),
        created_at=delivery.created_at,
        finished_at=delivery.finished_at,
    )


def shown_state(delivery: Delivery, *, webhook_status: str, now: datetime) -> str:
    """Return the word for a delivery's state; a lease that has ended no longer means that it is being sent."""
    return display_state(
        delivery.state,
        is_webhook_active=webhook_status == "active",
        is_being_sent=delivery.lease is not None and delivery.due_at is not None and delivery.due_at > now,
        round_attempt_count=delivery.round_attempt_count,
    )


def _shapes(_search: Search, rows: "Sequence[Any]") -> list[DeliveryRow]:
    now = clock.now()
    return [_shaped(row, now) for row in rows]


DELIVERIES = ListSpec[DeliveryRow](
    key=Delivery.id,
    prefix="dlv",
    thing="a delivery",
    scope=lambda team_id: (Delivery.team_id == team_id,),
    rows=_rows,
    shape=_shapes,
    filters=(
        SearchFilter(
            condition=_text,
            placeholder="Text in the event, or an id",
            description="An event or delivery id, or text in the event, its idempotency key, the error or the URL.",
        ),
        ChoiceFilter(
            field="state",
            label="State",
            choices=[(state, state.capitalize()) for state in STATES],
            condition=_state,
            description="Only deliveries in this state.",
        ),
        StatusFilter(
            field="status",
            label="HTTP status",
            choices=_STATUSES,
            column=Delivery.last_status,
            placeholder="2xx, 404 or none",
            description="The HTTP status of the last answer: `2xx`, `3xx`, `4xx`, `5xx`, a number, or `none` where"
            " nothing was answered yet.",
            examples=("5xx",),
        ),
        ChoiceFilter(
            field="event_type",
            label="Event type",
            choices=lambda team_id: [(known.name, known.name) for known in known_types(team_id)],
            column=Delivery.event_type,
            description="Only deliveries of events of this type.",
        ),
        ChoiceFilter(
            field="webhook_id",
            label="Webhook",
            choices=webhook_choices,
            check=id_of("wh", "a webhook"),
            condition=_webhook,
            description="Only deliveries to this webhook.",
        ),
        PeriodFilter(what="Accepted"),
    ),
)
