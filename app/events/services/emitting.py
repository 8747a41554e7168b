"""Emits events: stored with their deliveries, or not at all."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.events import rules
from app.events.catalogue import BUILT_IN, OPERATIONAL_PREFIX
from app.events.fanout import NewEvent, notify_subscribers
from app.events.models import Event, EventType
from app.extensions import current_settings, db
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock
from app.lib.errors import Conflict, FieldError, Invalid, SignalboxError, TooLarge, Unavailable
from app.lib.ids import new_id


@dataclass(frozen=True, slots=True)
class Emitted:
    """What became of an emitted event. `is_new` False: it was accepted before, and nothing was added now.

    `delivery_count` counts the deliveries that this call added.
    """

    event_id: str
    is_new: bool
    delivery_count: int


@dataclass(frozen=True, slots=True)
class EventToEmit:
    """One event of a batch."""

    type: str
    data: dict[str, Any]
    idempotency_key: str | None = None


_EVENTS = cast(Table, Event.__table__)
_INSERT = insert(_EVENTS)
#: Each database's own INSERT: the common one knows no ON CONFLICT.
_CLAIM: dict[str, Any] = {
    name: dialect.insert(_EVENTS)
    .on_conflict_do_nothing(index_elements=["team_id", "idempotency_key"])
    .returning(_EVENTS.c.id)
    for name, dialect in (("postgresql", postgresql), ("sqlite", sqlite))
}
_EARLIER = select(_EVENTS.c.id, _EVENTS.c.request_digest).where(
    _EVENTS.c.team_id == bindparam("team_id"), _EVENTS.c.idempotency_key == bindparam("key")
)
_OWN_NAMES = select(EventType.name).where(EventType.team_id == bindparam("team_id"))
_OWN_TYPE = _OWN_NAMES.where(EventType.name == bindparam("name"))


def emit(
    team_id: str,
    type: str,
    data: dict[str, Any],
    *,
    idempotency_key: str | None = None,
    is_test: bool = False,
) -> Emitted:
    """Store an event and its deliveries in one transaction; when this returns, they survive any crash.

    The same `idempotency_key` with the same type and data returns the event of the first call. Raises Invalid
    for an unknown type or impossible data, TooLarge, and Conflict when the key belongs to another event.
    """
    prepared = _prepare(team_id, type, data, idempotency_key=idempotency_key, is_test=is_test)
    return _store(team_id, [prepared])[0]


def emit_batch(team_id: str, events: Sequence[EventToEmit], *, is_test: bool = False) -> list[Emitted]:
    """Store several events in one transaction, all or none; returns what became of each, in their order.

    Raises what `emit` raises; the fields of its errors begin with `events.<index>.`.
    """
    prepared = []
    for index, event in enumerate(events):
        with _naming_item(index):
            prepared.append(
                _prepare(
                    team_id, event.type, event.data, idempotency_key=event.idempotency_key, is_test=is_test
                )
            )
    return _store(team_id, prepared, is_batch=True)


def _prepare(
    team_id: str, type: str, data: dict[str, Any], *, idempotency_key: str | None, is_test: bool
) -> tuple[NewEvent, dict[str, object]]:
    """Return the event and its row. Done before the transaction begins, which on SQLite holds the only write lock."""
    if type.startswith(OPERATIONAL_PREFIX):
        raise Invalid.field("type", f"Only Signalbox itself emits events of type {OPERATIONAL_PREFIX}….")
    if idempotency_key is not None:
        rules.check_idempotency_key(idempotency_key)
    event, values = _new_event(team_id, type, data, is_test=is_test)
    values["idempotency_key"] = idempotency_key
    return event, values


def _store(
    team_id: str, prepared: Sequence[tuple[NewEvent, dict[str, object]]], *, is_batch: bool = False
) -> list[Emitted]:
    session = db.session()
    earlier: dict[str, Emitted] = {}
    try:
        connection = session.connection()
        # By key: two batches with the same keys take them in the same order, so that they cannot deadlock.
        for index, (event, values) in sorted(enumerate(prepared), key=_claim_order):
            with _naming_item(index) if is_batch else nullcontext():
                _require_known(connection, team_id, event.type)
                if values["idempotency_key"] is None:
                    connection.execute(_INSERT, values)
                elif (accepted := _claim(connection, values)) is not None:
                    earlier[event.id] = accepted
        new = [event for event, _ in prepared if event.id not in earlier]
        counts = notify_subscribers(connection, team_id, new) if new else {}
        session.commit()
    except BaseException:
        session.rollback()
        raise
    if counts:
        nudge_dispatch()
    return [
        earlier.get(event.id) or Emitted(event.id, is_new=True, delivery_count=counts.get(event.id, 0))
        for event, _ in prepared
    ]


def _claim_order(numbered: tuple[int, tuple[NewEvent, dict[str, object]]]) -> str:
    return str(numbered[1][1]["idempotency_key"] or "")


@contextmanager
def _naming_item(index: int) -> Iterator[None]:
    """Let the errors of one event of a batch name its place."""
    place = f"events.{index}"
    try:
        yield
    except SignalboxError as error:
        named = [FieldError(f"{place}.{item.field}", item.message) for item in error.errors]
        error.errors = tuple(named) or (FieldError(place, error.detail),)
        error.detail = f"Event {index + 1} of the batch: {error.detail} None of the batch was stored."
        raise


def add_event(
    session: Session, team_id: str, type: str, data: dict[str, Any], *, is_test: bool = False
) -> NewEvent:
    """Add an event and its deliveries to the caller's transaction; the caller commits, then nudges the dispatcher.

    Takes operational types too. Raises Invalid for an unknown type or impossible data, and TooLarge.
    """
    event = add_event_without_fanout(session, team_id, type, data, is_test=is_test)
    notify_subscribers(session.connection(), team_id, [event])
    return event


def add_event_without_fanout(
    session: Session, team_id: str, type: str, data: dict[str, Any], *, is_test: bool = False
) -> NewEvent:
    """Add an event without notifying subscribers: the caller adds the deliveries, in the same transaction."""
    event, values = _new_event(team_id, type, data, is_test=is_test)
    connection = session.connection()
    _require_known(connection, team_id, type)
    connection.execute(_INSERT, values)
    return event


def _claim(connection: Connection, values: dict[str, object]) -> Emitted | None:
    """Insert the event, or return what was accepted under its key before. Raises Conflict for another event.

    Of two requests at once, the second waits in its INSERT until the first commits: the key is unique.
    """
    key, team_id = values["idempotency_key"], values["team_id"]
    for _ in range(3):
        if connection.execute(_CLAIM[connection.dialect.name], values).one_or_none() is not None:
            return None
        earlier = connection.execute(_EARLIER, {"team_id": team_id, "key": key}).one_or_none()
        if earlier is None:
            continue  # It was removed in between: the key is free again.
        if earlier.request_digest != values["request_digest"]:
            raise Conflict(
                f"The idempotency key {str(key)!r} was used for {earlier.id} with another type or data."
                " Use a new key for a new event.",
                errors=[FieldError("idempotency_key", "Already used for another event.")],
            )
        return Emitted(earlier.id, is_new=False, delivery_count=0)
    raise Unavailable("The event was not stored. Send it again.", retry_after_s=1)


def _new_event(
    team_id: str, event_type: str, data: dict[str, Any], *, is_test: bool
) -> tuple[NewEvent, dict[str, object]]:
    rules.check_type_form(event_type)
    event = NewEvent(new_id("evt"), team_id, event_type, clock.now())
    envelope = rules.encode_event(event.id, event_type, data, moment=event.created_at)
    cap_bytes = current_settings().event_body_max_bytes
    size_bytes = len(envelope.body) if envelope.body.isascii() else len(envelope.body.encode())
    if size_bytes > cap_bytes:
        raise TooLarge(
            f"The event has {size_bytes} bytes as JSON; at most {cap_bytes} are taken (EVENT_BODY_MAX_BYTES)."
            " Send a reference to large content instead of the content."
        )
    return event, {
        "id": event.id,
        "team_id": team_id,
        "type": event_type,
        "body": envelope.body,
        "idempotency_key": None,
        "request_digest": envelope.digest,
        "is_test": is_test,
        "created_at": event.created_at,
    }


def _require_known(connection: Connection, team_id: str, event_type: str) -> None:
    if event_type in BUILT_IN:
        return
    if connection.execute(_OWN_TYPE, {"team_id": team_id, "name": event_type}).one_or_none() is not None:
        return
    own = connection.execute(_OWN_NAMES, {"team_id": team_id}).scalars()
    public = [name for name, known in BUILT_IN.items() if not known.is_operational]
    near = difflib.get_close_matches(event_type, [*public, *own], n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise Invalid.field(
        "type",
        f"There is no event type {event_type}.{hint} Add a type of your own under Event types, or with"
        " POST /api/v1/event-types.",
    )
