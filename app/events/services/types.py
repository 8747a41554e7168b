"""Adds, changes and deletes the event types of a team."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit.trail import changed, record, snapshot
from app.events import rules
from app.events.catalogue import BUILT_IN, OWN, KnownType
from app.events.models import EventType
from app.extensions import db
from app.idempotency.services import record_outcome
from app.lib.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed
from app.web.forms.versions import check_version, version_of


def create_type(team_id: str, *, name: str, description: str, example: dict[str, Any]) -> KnownType:
    """Add a type of the team's own. Raises Invalid for a bad name or example, Conflict for a name in use."""
    session = db.session()
    try:
        known = add_type(session, team_id, name=name, description=description, example=example)
        # The API knows a type by its name.
        record_outcome(session, name)
        session.commit()
    except IntegrityError:
        session.rollback()
        raise Conflict(
            f"Your team already has a type {name}.", errors=[FieldError("name", f"{name} is in use already.")]
        ) from None
    return known


def add_type(
    session: Session, team_id: str, *, name: str, description: str, example: dict[str, Any]
) -> KnownType:
    """Add a type to the caller's transaction. Raises Invalid and Conflict, and IntegrityError for a name in use."""
    rules.check_new_type_name(name)
    rules.check_description(description)
    _check_example(example)
    count = session.scalar(select(func.count()).select_from(EventType).where(EventType.team_id == team_id))
    if (count or 0) >= rules.OWN_TYPES_MAX:
        raise Conflict(
            f"A team can have {rules.OWN_TYPES_MAX} types of its own. Delete one that is not used."
        )
    row = EventType(team_id=team_id, name=name, description=description, example=example)
    session.add(row)
    session.flush()
    _record(
        session,
        "event_type.created",
        row,
        changes=changed({}, {"description": description, "example": example}),
    )
    return KnownType(name, OWN, description, example, is_own=True)


def change_type(
    team_id: str,
    name: str,
    *,
    description: str | None = None,
    example: dict[str, Any] | None = None,
    expected: Collection[str] | None = None,
) -> KnownType:
    """Change what is said about a type of the team's own; None leaves it as it is, and its name stays.

    Raises Invalid, NotFound, Conflict for a built-in type, and PreconditionFailed for one that is none of the expected
    versions.
    """
    _refuse_built_in(name)
    values: dict[str, Any] = {}
    if description is not None:
        values["description"] = rules.check_description(description)
    if example is not None:
        _check_example(example)
        values["example"] = example
    session = db.session()
    query = select(EventType).where(EventType.team_id == team_id, EventType.name == name).with_for_update()
    # A row read earlier in this request would hide what changed since.
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound("There is no such event type in this team.")
    check_version(expected, type_version(row))
    changes = changed(snapshot(row, values), values)
    for field, value in values.items():
        setattr(row, field, value)
    if changes:
        _record(session, "event_type.updated", row, changes=changes)
    known = KnownType(name, OWN, row.description, row.example, is_own=True)
    session.commit()
    return known


def type_version(known: KnownType | EventType) -> str:
    """Return the version of what is said about a type."""
    return version_of(known.description, known.example)


def delete_type(team_id: str, name: str, *, expected: Collection[str] | None = None) -> None:
    """Delete a type of the team's own: new events of it are refused, stored ones stay.

    Raises NotFound, and PreconditionFailed when it is none of the expected versions.
    """
    _refuse_built_in(name)
    session = db.session()
    deleted = session.execute(
        delete(EventType).where(EventType.team_id == team_id, EventType.name == name).returning(EventType)
    ).scalar_one_or_none()
    if deleted is None:
        session.rollback()
        raise NotFound("There is no such event type in this team.")
    try:
        check_version(expected, type_version(deleted))
    except PreconditionFailed:
        session.rollback()
        raise
    _record(session, "event_type.deleted", deleted)
    session.commit()


def _record(
    session: Session,
    action: str,
    row: EventType,
    *,
    changes: Mapping[str, tuple[object, object]] | None = None,
) -> None:
    record(
        session,
        action,
        team_id=row.team_id,
        object_type="event_type",
        object_id=row.id,
        object_name=row.name,
        changes=changes,
    )


def _refuse_built_in(name: str) -> None:
    if name in BUILT_IN:
        raise Conflict(f"{name} is built in: it cannot be changed or deleted.")


def _check_example(example: object) -> None:
    size_bytes = len(rules.encode_object(example, field="example"))
    if size_bytes > rules.EXAMPLE_MAX_BYTES:
        raise Invalid.field(
            "example", f"The example has {size_bytes} bytes; at most {rules.EXAMPLE_MAX_BYTES} are taken."
        )
