"""Adds, changes and deletes operations. Each is validated against the current schema before it is saved."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit.trail import changed, record, snapshot
from app.calls.graphql import rules
from app.calls.graphql.models import Operation
from app.calls.graphql.queries import current_version, get_operation
from app.calls.graphql.services.schemas import stored_schema
from app.calls.graphql.services.sending import check_has_graphql
from app.calls.graphql.validation.checks import CheckedDocument, check_document
from app.extensions import db
from app.idempotency.services import record_outcome
from app.integrations.queries.integrations import get_integration
from app.integrations.services.integrations import lock_integration
from app.lib.errors import Conflict, FieldError, Invalid
from app.lib.ids import new_id
from app.web.forms.versions import check_version, version_of


def create_operation(
    team_id: str,
    integration_id: str,
    *,
    document: str,
    description: str = "",
    created_by_id: str | None = None,
) -> str:
    """Save an operation and return its id; its name is the document's.

    Raises NotFound, Invalid saying what does not fit the schema, Conflict for a name in use or a missing schema, and
    Unavailable.
    """
    _check_description(description)
    found, number = _checked(team_id, integration_id, document)
    session = db.session()
    lock_integration(session, team_id, integration_id)
    _check_number(session, integration_id, number)
    count = session.scalar(
        select(func.count()).select_from(Operation).where(Operation.integration_id == integration_id)
    )
    if (count or 0) >= rules.OPERATIONS_MAX:
        raise Conflict(
            f"An integration can have {rules.OPERATIONS_MAX} operations. Delete one that is not used."
        )
    operation = Operation(
        id=new_id("gop"),
        team_id=team_id,
        integration_id=integration_id,
        name=found.name,
        description=description,
        kind=found.kind,
        document=document,
        variables=list(found.variables),
        problems=[],
        created_by_id=created_by_id,
    )
    session.add(operation)
    operation_id = operation.id
    _flush(session, found.name)
    _record(session, "graphql_operation.created", operation)
    record_outcome(session, operation_id)
    session.commit()
    return operation_id


def update_operation(
    team_id: str,
    operation_id: str,
    *,
    document: str | None = None,
    description: str | None = None,
    expected: Collection[str] | None = None,
) -> None:
    """Change an operation; None leaves as it is. Raises as `create_operation`, and PreconditionFailed."""
    operation = get_operation(team_id, operation_id)
    if description is not None:
        _check_description(description)
    integration_id, before = operation.integration_id, operation.document
    text = before if document is None else document
    found, number = _checked(team_id, integration_id, text)
    session = db.session()
    lock_integration(session, team_id, integration_id)
    session.expire_all()
    operation = get_operation(team_id, operation_id)
    check_version(expected, operation_version(operation))
    _check_number(session, integration_id, number)
    if document is None and operation.document != before:
        session.rollback()
        raise Conflict("The operation was changed at the same moment. Look at it, then send it again.")
    values = {"name": found.name, "kind": found.kind, "document": text}
    if description is not None:
        values["description"] = description
    changes = changed(snapshot(operation, values), values)
    for name, value in values.items():
        setattr(operation, name, value)
    operation.variables, operation.problems = list(found.variables), []
    _flush(session, found.name)
    if changes:
        _record(session, "graphql_operation.updated", operation, changes=changes)
    session.commit()


def delete_operation(team_id: str, operation_id: str, *, expected: Collection[str] | None = None) -> None:
    """Delete an operation. Raises NotFound and PreconditionFailed."""
    session = db.session()
    operation = get_operation(team_id, operation_id)
    check_version(expected, operation_version(operation))
    _record(session, "graphql_operation.deleted", operation)
    session.delete(operation)
    session.commit()


def operation_version(operation: Operation) -> str:
    """Return the version of what people decide about an operation."""
    return version_of(operation.document, operation.description)


def _checked(team_id: str, integration_id: str, document: str) -> tuple[CheckedDocument, int | None]:
    """Return what the document is under the current schema, and the number of that; ends the transaction."""
    check_has_graphql(get_integration(team_id, integration_id))
    version = current_version(integration_id, with_sdl=True)
    if version is None:
        raise Conflict("This integration has no schema yet. Read it from the server, or paste it as SDL.")
    schema, number = stored_schema(version), version.number
    db.session.rollback()
    if not document.strip():
        raise Invalid.field(
            "document", "Write a query or a mutation, such as: query Orders { orders { id } }"
        )
    if len(document) > rules.DOCUMENT_MAX_CHARS:
        raise Invalid.field("document", f"Write at most {rules.DOCUMENT_MAX_CHARS} characters.")
    found = check_document(team_id, schema, document)
    if found.problems:
        errors = [FieldError("document", problem) for problem in found.problems]
        raise Invalid("The operation does not fit the schema. Correct it as listed.", errors=errors)
    if len(found.name) > rules.OPERATION_NAME_MAX_CHARS:
        raise Invalid.field(
            "document", f"The operation's name has more than {rules.OPERATION_NAME_MAX_CHARS} characters."
        )
    return found, number


def _check_description(description: str) -> None:
    if len(description) > rules.DESCRIPTION_MAX_CHARS:
        raise Invalid.field("description", f"Write at most {rules.DESCRIPTION_MAX_CHARS} characters.")


def _check_number(session: Session, integration_id: str, number: int | None) -> None:
    version = current_version(integration_id)
    if version is None or version.number != number:
        session.rollback()
        raise Conflict(
            "The schema was changed at the same moment. Send it again: it is checked against the new one."
        )


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError:
        session.rollback()
        raise Conflict(
            f"There is an operation {name} already.",
            errors=[FieldError("document", f"Give the operation another name: {name} is in use.")],
        ) from None


def _record(
    session: Session,
    action: str,
    operation: Operation,
    *,
    changes: dict[str, tuple[object, object]] | None = None,
) -> None:
    record(
        session,
        action,
        team_id=operation.team_id,
        object_type="graphql_operation",
        object_id=operation.id,
        object_name=operation.name,
        changes=changes,
    )
