"""`/api/v1/integrations/<id>/graphql`: the schema and its versions, saved operations, and running one."""

from flask_openapi import Tag

from app.calls.graphql.models import SchemaVersion
from app.calls.graphql.queries import (
    OPERATIONS,
    current_version,
    find_versions,
    get_operation,
    get_proposal,
    get_version,
)
from app.calls.graphql.schemas import (
    OperationChange,
    OperationIn,
    OperationList,
    OperationOut,
    OperationPath,
    RunIn,
    RunOut,
    SchemaIn,
    SchemaResult,
    VersionDetail,
    VersionList,
    VersionOut,
    VersionPath,
    VersionQuery,
)
from app.calls.graphql.services import operations as services
from app.calls.graphql.services import schemas
from app.calls.graphql.services.operations import operation_version
from app.calls.graphql.services.running import MUTATE, run_operation
from app.idempotency.api import idempotent
from app.integrations.queries.integrations import get_integration
from app.integrations.schemas.integrations import IntegrationPath
from app.lib.errors import Invalid, NotFound
from app.web import limits
from app.web.access import principal, require
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, Selection, takes
from app.web.openapi.marks import returns_etag, takes_if_match
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api

graphql_api = Api(
    "graphql_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="GraphQL", description="Schemas and saved operations of GraphQL integrations.")],
)

_BASE = "/integrations/<integration_id>/graphql"


@graphql_api.get(f"{_BASE}/schema", summary="Get a GraphQL schema", responses={200: VersionDetail})
@require("integrations:read")
def get_schema(path: IntegrationPath) -> VersionDetail:
    """Return the current schema as SDL, with what its last version changed."""
    get_integration(principal().team_id, path.integration_id)
    return VersionDetail.of(_current(path.integration_id))


@graphql_api.put(
    f"{_BASE}/schema",
    summary="Renew a GraphQL schema",
    responses={200: SchemaResult, 409: Problem, 413: Problem},
)
@require("integrations:write")
def set_schema(path: IntegrationPath, body: SchemaIn) -> SchemaResult:
    """Take a schema as SDL, or read it from the server, and make it the current version if it differs.

    Saved operations are validated under it first: where it breaks one, nothing is saved (409) unless `accept_broken`.
    With `is_preview` nothing is saved in any case but a first schema, which can break nothing. At most 10 times in
    15 minutes.
    """
    caller = principal()
    get_integration(caller.team_id, path.integration_id)
    if body.sdl is not None and body.headers:
        raise Invalid.field(
            "headers", "They go with an introspection request: leave out one of sdl and headers."
        )
    limits.strict("graphql-schema", caller.id)
    found = schemas.propose_schema(
        caller.team_id,
        path.integration_id,
        sdl=body.sdl,
        headers=list((body.headers or {}).items()),
        created_by_id=caller.id if caller.kind == "user" else None,
    )
    if found is None:
        version = VersionDetail.of(_current(path.integration_id))
        return SchemaResult(is_changed=False, is_saved=False, version=version)
    if found.number is None and not body.is_preview:
        proposal_id = found.id
        try:
            schemas.accept_proposal(
                caller.team_id, path.integration_id, proposal_id, may_break=None if body.accept_broken else ()
            )
        except schemas.BreaksOperations:
            schemas.discard_proposal(caller.team_id, path.integration_id)
            raise
    if body.is_preview and found.number is None:
        version = VersionDetail.of(get_proposal(path.integration_id))
        schemas.discard_proposal(caller.team_id, path.integration_id)
        return SchemaResult(is_changed=True, is_saved=False, version=version)
    version = VersionDetail.of(_current(path.integration_id))
    return SchemaResult(is_changed=True, is_saved=True, version=version)


@graphql_api.get(
    f"{_BASE}/versions", summary="List versions of a GraphQL schema", responses={200: VersionList}
)
@require("integrations:read")
def list_versions(path: IntegrationPath, query: VersionQuery) -> VersionList:
    """Return the versions of the schema without their texts, the current one first. The latest 50 are kept."""
    get_integration(principal().team_id, path.integration_id)
    page = find_versions(path.integration_id, limit=query.limit, before=query.cursor)
    return VersionList.of(page, data=[VersionOut.of(version) for version in page.rows])


@graphql_api.get(
    f"{_BASE}/versions/<number>", summary="Get a version of a GraphQL schema", responses={200: VersionDetail}
)
@require("integrations:read")
def get_schema_version(path: VersionPath) -> VersionDetail:
    """Return a version of the schema as SDL, with what it changed and which operations it broke."""
    get_integration(principal().team_id, path.integration_id)
    return VersionDetail.of(get_version(path.integration_id, path.number))


@graphql_api.get(f"{_BASE}/operations", summary="List GraphQL operations", responses={200: OperationList})
@require("integrations:read")
@takes(OPERATIONS)
def list_operations(path: IntegrationPath, query: ListQuery) -> OperationList:
    """Return the saved operations of an integration, newest first."""
    get_integration(principal().team_id, path.integration_id)
    wanted = query.selection()
    selection = Selection({**wanted.values, "integration": path.integration_id}, wanted.cursor)
    page = OPERATIONS.find(principal().team_id, selection, size=query.limit)
    return OperationList.of(page, data=[OperationOut.of(row.operation) for row in page.rows])


@graphql_api.post(
    f"{_BASE}/operations",
    summary="Save a GraphQL operation",
    responses={201: OperationOut, 409: Problem, 413: Problem},
)
@require("integrations:write")
@idempotent(OperationOut, status=201, replay=lambda operation_id: _shown(operation_id))
def create_operation(path: IntegrationPath, body: OperationIn) -> tuple[OperationOut, int]:
    """Save a query or a mutation under the name that its document gives it, if it fits the current schema."""
    caller = principal()
    operation_id = services.create_operation(
        caller.team_id,
        path.integration_id,
        document=body.document,
        description=body.description,
        created_by_id=caller.id if caller.kind == "user" else None,
    )
    return _shown(operation_id), 201


@graphql_api.get(
    f"{_BASE}/operations/<operation_id>", summary="Get a GraphQL operation", responses={200: OperationOut}
)
@require("integrations:read")
@returns_etag
def get_saved_operation(path: OperationPath) -> OperationOut:
    """Return one operation, its variables, and whether it fits the current schema."""
    return _tagged(path)


@graphql_api.patch(
    f"{_BASE}/operations/<operation_id>",
    summary="Change a GraphQL operation",
    responses={200: OperationOut, 409: Problem},
)
@require("integrations:write")
@takes_if_match
@returns_etag
def change_operation(path: OperationPath, body: OperationChange) -> OperationOut:
    """Change an operation; it is validated against the current schema. A new name in the document renames it."""
    get_operation(principal().team_id, path.operation_id, path.integration_id)
    services.update_operation(
        principal().team_id,
        path.operation_id,
        document=body.document,
        description=body.description,
        expected=expected_by_caller(),
    )
    return _tagged(path)


@graphql_api.delete(
    f"{_BASE}/operations/<operation_id>", summary="Delete a GraphQL operation", responses={204: None}
)
@require("integrations:write")
@takes_if_match
def delete_operation(path: OperationPath) -> tuple[str, int]:
    """Delete an operation."""
    get_operation(principal().team_id, path.operation_id, path.integration_id)
    services.delete_operation(principal().team_id, path.operation_id, expected=expected_by_caller())
    return "", 204


@graphql_api.post(
    f"{_BASE}/operations/<operation_id>/run",
    summary="Run a GraphQL operation",
    responses={200: RunOut, 409: Problem},
)
@require("integrations:call")
def run_saved_operation(path: OperationPath, body: RunIn) -> RunOut:
    """Validate the variables, send the operation once, and return the real answer: 200 also where it failed.

    `state` says what became of it: an answer that lists errors is PARTIAL or FAILED. A mutation also needs the scope
    `integrations:mutate`, and is never repeated by itself.
    """
    caller = principal()
    get_operation(caller.team_id, path.operation_id, path.integration_id)
    report = run_operation(caller.team_id, path.operation_id, body.variables, may_mutate=caller.may(MUTATE))
    return RunOut.of(report)


def _current(integration_id: str) -> SchemaVersion:
    found = current_version(integration_id, with_sdl=True)
    if found is None:
        raise NotFound("This integration has no schema yet.")
    return found


def _tagged(path: OperationPath) -> OperationOut:
    operation = get_operation(principal().team_id, path.operation_id, path.integration_id)
    tag_response(operation_version(operation))
    return OperationOut.of(operation)


def _shown(operation_id: str) -> OperationOut:
    return OperationOut.of(get_operation(principal().team_id, operation_id))
