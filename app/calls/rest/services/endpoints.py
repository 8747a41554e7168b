"""Creates, changes and deletes endpoints. Each function is one transaction."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.trail import changed, record, snapshot
from app.calls.rest.checks import check
from app.calls.rest.definition import Definition, Pagination, Parameter
from app.calls.rest.models import Endpoint
from app.calls.rest.queries import count_endpoints
from app.calls.rest.rules import ENDPOINTS_MAX
from app.extensions import db
from app.idempotency.services import record_outcome
from app.integrations.services.integrations import lock_integration
from app.lib.errors import Conflict, NotFound
from app.lib.ids import is_id, new_id
from app.web.forms.versions import check_version, version_of

#: The columns that hold a definition.
COLUMNS = (
    "name", "description", "method", "path", "query", "headers", "body", "parameters", "pagination", "idempotency_header",
)  # fmt: skip


def definition_of(endpoint: Endpoint) -> Definition:
    """Return what an endpoint sends."""
    return Definition(
        name=endpoint.name,
        description=endpoint.description,
        method=endpoint.method,
        path=endpoint.path,
        query=[(name, template) for name, template in endpoint.query],
        headers=[(name, template) for name, template in endpoint.headers],
        body=endpoint.body,
        parameters=[Parameter(**stored) for stored in endpoint.parameters],
        pagination=Pagination.of(endpoint.pagination),
        idempotency_header=endpoint.idempotency_header,
    )


def endpoint_version(endpoint: Endpoint) -> str:
    """Return the version of an endpoint's definition."""
    return version_of(*(getattr(endpoint, name) for name in COLUMNS))


def create_endpoint(
    team_id: str, integration_id: str, definition: Definition, *, created_by_id: str | None = None
) -> str:
    """Define an endpoint of the team's integration and return its id.

    Raises Invalid naming every wrong field, NotFound, and Conflict when the integration has too many.
    """
    session = db.session()
    # Locked: of two at once, one counts the other.
    lock_integration(session, team_id, integration_id)
    endpoint_id = add_endpoint(session, team_id, integration_id, definition, created_by_id=created_by_id).id
    record_outcome(session, endpoint_id)
    session.commit()
    return endpoint_id


def add_endpoint(
    session: Session,
    team_id: str,
    integration_id: str,
    definition: Definition,
    *,
    created_by_id: str | None = None,
) -> Endpoint:
    """Add an endpoint to the caller's transaction. Raises Invalid and Conflict as `create_endpoint`."""
    if count_endpoints(integration_id) >= ENDPOINTS_MAX:
        raise Conflict(f"An integration can have {ENDPOINTS_MAX} endpoints. Delete one that is not used.")
    columns = _columns(definition)
    endpoint = Endpoint(
        id=new_id("ept"),
        team_id=team_id,
        integration_id=integration_id,
        created_by_id=created_by_id,
        **columns,
    )
    session.add(endpoint)
    _record(session, "endpoint.created", endpoint, changed({}, columns))
    return endpoint


def update_endpoint(
    team_id: str,
    endpoint_id: str,
    changes: Mapping[str, Any],
    *,
    integration_id: str | None = None,
    expected: Collection[str] | None = None,
) -> None:
    """Change some fields of an endpoint's definition, by name; the others stay as they are at that moment.

    Raises Invalid, NotFound and PreconditionFailed.
    """
    session = db.session()
    endpoint = _lock(session, team_id, endpoint_id, integration_id)
    check_version(expected, endpoint_version(endpoint))
    columns = _columns(replace(definition_of(endpoint), **changes))
    changes_made = changed(snapshot(endpoint, columns), columns)
    for name, value in columns.items():
        setattr(endpoint, name, value)
    if changes_made:
        _record(session, "endpoint.updated", endpoint, changes_made)
    session.commit()


def delete_endpoint(
    team_id: str,
    endpoint_id: str,
    *,
    integration_id: str | None = None,
    expected: Collection[str] | None = None,
) -> None:
    """Delete an endpoint; what was logged of its runs stays. Raises NotFound and PreconditionFailed."""
    session = db.session()
    endpoint = _lock(session, team_id, endpoint_id, integration_id)
    check_version(expected, endpoint_version(endpoint))
    _record(session, "endpoint.deleted", endpoint)
    session.delete(endpoint)
    session.commit()


def _columns(definition: Definition) -> dict[str, Any]:
    """Return what is stored of a definition. Raises Invalid."""
    tidy = replace(
        definition,
        name=definition.name.strip(),
        description=definition.description.strip(),
        path=definition.path.strip(),
        body=definition.body.strip(),
        idempotency_header=definition.idempotency_header.strip(),
    )
    check(tidy)
    columns = {name: getattr(tidy, name) for name in COLUMNS}
    return columns | {
        "query": [list(item) for item in tidy.query],
        "headers": [list(item) for item in tidy.headers],
        "parameters": [asdict(one) for one in tidy.parameters],
        "pagination": tidy.pagination.as_json(),
    }


def _lock(session: Session, team_id: str, endpoint_id: str, integration_id: str | None) -> Endpoint:
    query = (
        select(Endpoint)
        .where(Endpoint.team_id == team_id, Endpoint.id == endpoint_id)
        .with_for_update()
        # Without it a row read earlier in this request would hide what changed since.
        .execution_options(populate_existing=True)
    )
    endpoint = session.scalars(query).one_or_none() if is_id(endpoint_id, "ept") else None
    if endpoint is None or (integration_id is not None and endpoint.integration_id != integration_id):
        raise NotFound("There is no such endpoint in this team. It may have been deleted.")
    return endpoint


def _record(
    session: Session,
    action: str,
    endpoint: Endpoint,
    changes: Mapping[str, tuple[object, object]] | None = None,
) -> None:
    record(
        session,
        action,
        team_id=endpoint.team_id,
        object_type="endpoint",
        object_id=endpoint.id,
        object_name=endpoint.name,
        changes=changes,
    )
