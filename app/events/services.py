"""What can be done with events: emit them, and describe the team's own types."""

import difflib
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.events import rules
from app.events.catalogue import BUILT_IN, OPERATIONAL_PREFIX, OWN, KnownType
from app.events.fanout import NewEvent, tell_subscribers
from app.events.models import Event, EventType
from app.extensions import current_settings, db
from app.lib import clock
from app.lib.errors import Conflict, FieldError, Invalid, NotFound, TooLarge, Unavailable
from app.lib.ids import new_id
from app.queues import nudge_dispatch


@dataclass(frozen=True, slots=True)
class Emitted:
    """What became of an emitted event. `is_new` False: it was accepted before, and nothing was added now.

    `delivery_count` counts the deliveries that this call added.
    """

    event_id: str
    is_new: bool
    delivery_count: int


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
    if type.startswith(OPERATIONAL_PREFIX):
        raise Invalid.field("type", f"Only Signalbox itself emits events of type {OPERATIONAL_PREFIX}….")
    if idempotency_key is not None:
        rules.check_idempotency_key(idempotency_key)
    # Before the transaction begins: on SQLite it holds the only write lock.
    event, values = _new_event(team_id, type, data, is_test=is_test)
    values["idempotency_key"] = idempotency_key
    session = db.session()
    try:
        connection = session.connection()
        _require_known(connection, team_id, type)
        emitted = _claim(connection, values) if idempotency_key is not None else None
        if emitted is None:
            if idempotency_key is None:
                connection.execute(_INSERT, values)
            count = tell_subscribers(connection, team_id, [event])
            emitted = Emitted(event.id, is_new=True, delivery_count=count)
        session.commit()
    except BaseException:
        session.rollback()
        raise
    if emitted.delivery_count:
        nudge_dispatch()
    return emitted


def add_event(
    session: Session,
    team_id: str,
    type: str,
    data: dict[str, Any],
    *,
    is_test: bool = False,
) -> NewEvent:
    """Add an event and its deliveries to the caller's transaction; the caller commits, then nudges the dispatcher.

    Takes operational types too. Raises Invalid for an unknown type or impossible data, and TooLarge.
    """
    event = add_event_for_nobody(session, team_id, type, data, is_test=is_test)
    tell_subscribers(session.connection(), team_id, [event])
    return event


def add_event_for_nobody(
    session: Session,
    team_id: str,
    type: str,
    data: dict[str, Any],
    *,
    is_test: bool = False,
) -> NewEvent:
    """Add an event without asking who wants it: the caller adds the deliveries, in the same transaction."""
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
    envelope = rules.seal_envelope(event.id, event_type, data, moment=event.created_at)
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


def create_type(team_id: str, *, name: str, description: str, example: dict[str, Any]) -> KnownType:
    """Add a type of the team's own. Raises Invalid for a bad name or example, Conflict for a name in use."""
    rules.check_new_type_name(name)
    rules.check_description(description)
    _check_example(example)
    session = db.session()
    count = session.scalar(select(func.count()).select_from(EventType).where(EventType.team_id == team_id))
    if (count or 0) >= rules.OWN_TYPES_MAX:
        raise Conflict(
            f"A team can have {rules.OWN_TYPES_MAX} types of its own. Delete one that is not used."
        )
    session.add(EventType(team_id=team_id, name=name, description=description, example=example))
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        raise Conflict(
            f"Your team already has a type {name}.", errors=[FieldError("name", f"{name} is in use already.")]
        ) from None
    return KnownType(name, OWN, description, example, is_own=True)


def change_type(team_id: str, name: str, *, description: str, example: dict[str, Any]) -> KnownType:
    """Change what is said about a type of the team's own; its name stays. Raises Invalid and NotFound."""
    _refuse_built_in(name)
    rules.check_description(description)
    _check_example(example)
    session = db.session()
    result = session.execute(
        update(EventType)
        .where(EventType.team_id == team_id, EventType.name == name)
        .values(description=description, example=example)
    )
    session.commit()
    if not result.rowcount:  # type: ignore[attr-defined]
        raise NotFound("There is no such event type in this team.")
    return KnownType(name, OWN, description, example, is_own=True)


def delete_type(team_id: str, name: str) -> None:
    """Delete a type of the team's own: new events of it are refused, stored ones stay. Raises NotFound."""
    _refuse_built_in(name)
    session = db.session()
    result = session.execute(delete(EventType).where(EventType.team_id == team_id, EventType.name == name))
    session.commit()
    if not result.rowcount:  # type: ignore[attr-defined]
        raise NotFound("There is no such event type in this team.")


def _refuse_built_in(name: str) -> None:
    if name in BUILT_IN:
        raise Conflict(f"{name} is built in: it cannot be changed or deleted.")


def _check_example(example: object) -> None:
    size_bytes = len(rules.encode_object(example, field="example"))
    if size_bytes > rules.EXAMPLE_MAX_BYTES:
        raise Invalid.field(
            "example", f"The example has {size_bytes} bytes; at most {rules.EXAMPLE_MAX_BYTES} are taken."
        )
