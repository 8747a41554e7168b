"""Finding deliveries, always within a team.

A page costs the same with a thousand and with ten million rows: the filters that have an index choose it, the
others look at most at `WINDOW` deliveries per page and say how far back they came.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from app.events.models import Event
from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound
from app.lib.ids import born_at, is_id, lowest_id_at
from app.lib.paging import PAGE_SIZE, Page, page_of
from app.webhooks.explanations import ERROR_KINDS, words
from app.webhooks.models import Attempt, Delivery, Webhook
from app.webhooks.rules import display_state

#: How many deliveries a filter without an index looks at for one page.
WINDOW = 20_000
PENDING_COUNT_MAX = 1000
ATTEMPTS_SHOWN_MAX = 50
_WEBHOOK_CHOICES_MAX = 500
_DELIVERIES_OF_EVENT_MAX = 1000

# Spelled out, not bound: SQLite uses a partial index only where it reads the index's own condition.
# Without a type: as a Boolean it would read `… = 1` there, which is another condition again.
_UNSUCCESSFUL: ColumnElement[Any] = literal_column("deliveries.state <> 'succeeded'")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries are wanted; None wants all. `cursor`: only those older than this id."""

    state: str | None = None
    event_type: str | None = None
    webhook_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: An event's or a delivery's id, or a part of the event, its idempotency key, the error kind or the URL.
    text: str | None = None
    cursor: str | None = None

    @property
    def is_filtering(self) -> bool:
        """Whether anything but the position of the page is asked for."""
        return any((self.state, self.event_type, self.webhook_id, self.since, self.until, self.text))


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


def list_deliveries(
    team_id: str,
    wanted: DeliveryFilter,
    *,
    size: int = PAGE_SIZE,
    oldest_id: str | None = None,
    newest_id: str | None = None,
) -> Page[DeliveryRow]:
    """Return a page of deliveries, newest first, before `wanted.cursor`.

    `oldest_id` and `newest_id` limit it to the deliveries between them, both included: what a page showed before.
    `searched_back_to` (ISO time) is set when the search stopped at its bound; `next_cursor` then goes on from there.
    """
    indexed, other = _conditions(team_id, wanted)
    if oldest_id is not None:
        indexed.append(Delivery.id >= oldest_id)
    if newest_id is not None:
        indexed.append(Delivery.id <= newest_id)
    bound = _window_bound(indexed) if other else None
    query = _with_event(_rows(), wanted).where(*indexed, *other).order_by(Delivery.id.desc()).limit(size + 1)
    if bound is not None:
        query = query.where(Delivery.id >= bound)
    now = clock.now()
    page = page_of([_shaped(row, now) for row in db.session.execute(query)], size=size)
    if page.next_cursor is None and bound is not None:
        return replace(page, next_cursor=bound, searched_back_to=born_at(bound).isoformat(timespec="seconds"))
    return page


def find_newer(team_id: str, wanted: DeliveryFilter, newest_id: str) -> bool:
    """Return whether deliveries of the same list came after `newest_id`. Looks at a few hundred at most."""
    indexed, other = _conditions(team_id, replace(wanted, cursor=None))
    recent = (
        select(Delivery.id).where(*indexed, Delivery.id > newest_id).order_by(Delivery.id.desc()).limit(500)
    )
    query = _with_event(_rows(), wanted).where(Delivery.id.in_(recent.scalar_subquery()), *other).limit(1)
    return db.session.execute(query).first() is not None


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
        .where(Delivery.team_id == team_id, Delivery.state == "pending", _UNSUCCESSFUL)
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


def _conditions(
    team_id: str, wanted: DeliveryFilter
) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Return the conditions that an index answers in the order of ids, and those that need each row."""
    indexed: list[ColumnElement[bool]] = [Delivery.team_id == team_id]
    other: list[ColumnElement[bool]] = []
    if wanted.state and wanted.state != "succeeded":
        # What did not succeed is little, across all webhooks: its index serves better than that of the webhook.
        indexed += [Delivery.state == wanted.state, _UNSUCCESSFUL]
        if wanted.webhook_id:
            other.append(Delivery.webhook_id == wanted.webhook_id)
    else:
        if wanted.webhook_id:
            indexed.append(Delivery.webhook_id == wanted.webhook_id)
        if wanted.state:
            other.append(Delivery.state == wanted.state)
    indexed += _id_bounds(wanted)
    if wanted.event_type:
        other.append(Delivery.event_type == wanted.event_type)
    if wanted.text:
        exact = _exact(wanted.text)
        if exact is not None:
            indexed.append(exact)
        else:
            other.append(_contains(team_id, wanted.text))
    return indexed, other


def _id_bounds(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if wanted.cursor:
        bounds.append(Delivery.id < wanted.cursor)
    if wanted.since:
        bounds.append(Delivery.id >= lowest_id_at("dlv", wanted.since))
    if wanted.until:
        bounds.append(Delivery.id < lowest_id_at("dlv", wanted.until))
    return bounds


def _is_exact(text: str) -> bool:
    return is_id(text, "dlv") or is_id(text, "evt")


def _exact(text: str) -> ColumnElement[bool] | None:
    if is_id(text, "dlv"):
        return Delivery.id == text
    if is_id(text, "evt"):
        # Looked up apart: beside the order by id, planners prefer to walk all of the team's deliveries.
        query = select(Delivery.id).where(Delivery.event_id == text).limit(_DELIVERIES_OF_EVENT_MAX)
        return Delivery.id.in_(db.session.scalars(query).all())
    return None


def _contains(team_id: str, text: str) -> ColumnElement[bool]:
    """Return the condition for text within an event, its key, the error or the URL, in either case of letters."""
    # Errors and webhooks are few: looked up first, they cost nothing per delivery.
    kinds = [kind for kind in ERROR_KINDS if text.lower() in kind]
    webhooks = select(Webhook.id).where(
        Webhook.team_id == team_id, Webhook.url.icontains(text, autoescape=True)
    )
    webhook_ids = db.session.scalars(webhooks).all()
    found = [_has(column, text) for column in (Event.body, Event.idempotency_key)]
    if kinds:
        found.append(Delivery.last_error.in_(kinds))
    if webhook_ids:
        found.append(Delivery.webhook_id.in_(webhook_ids))
    return or_(*found)


def _has(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    # LIKE of SQLite ignores case by itself; lower() around it would copy every body.
    if db.engine.dialect.name == "sqlite":
        return column.contains(text, autoescape=True)
    return column.icontains(text, autoescape=True)


def _window_bound(indexed: Sequence[ColumnElement[bool]]) -> str | None:
    """Return the oldest id of the window; None where the window holds all there is."""
    # An index alone answers this, so it costs little beside reading the rows.
    query = select(Delivery.id).where(*indexed).order_by(Delivery.id.desc()).offset(WINDOW - 1).limit(1)
    return db.session.scalar(query)


def _rows() -> "Select[Delivery, str, str, datetime | None]":
    return select(Delivery, Webhook.name, Webhook.status, Webhook.deleted_at).join(
        Webhook, Webhook.id == Delivery.webhook_id
    )


def _with_event(
    query: "Select[Delivery, str, str, datetime | None]", wanted: DeliveryFilter
) -> "Select[Delivery, str, str, datetime | None]":
    """Return the query with the events beside, where the filter looks into them."""
    if wanted.text and not _is_exact(wanted.text):
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
