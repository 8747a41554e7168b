"""`/api/v1/integrations/<id>/endpoints`: define, list, show, change, delete and run."""

from flask import request
from flask_openapi import Tag

from app.calls.rest.definition import Definition
from app.calls.rest.queries import ENDPOINTS, ENDPOINTS_OF_INTEGRATION, get_endpoint
from app.calls.rest.schemas import (
    EndpointChange,
    EndpointIn,
    EndpointList,
    EndpointOut,
    EndpointPath,
    EndpointsPath,
    RunIn,
    RunOut,
    definition_values,
)
from app.calls.rest.services import endpoints as services
from app.calls.rest.services.running import RunOrder, run_endpoint
from app.idempotency.api import HEADER, idempotent
from app.integrations.queries.integrations import get_integration
from app.lib.errors import NotFound
from app.web.access import principal, require
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, takes
from app.web.lists.spec import Selection
from app.web.openapi.marks import returns_etag, takes_if_match
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api

endpoints_api = Api(
    "endpoints_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="Endpoints", description="Requests that are sent through an integration.")],
)
_ALL = "/integrations/<integration_id>/endpoints"
_ONE = f"{_ALL}/<endpoint_id>"


@endpoints_api.get(_ALL, summary="List endpoints", responses={200: EndpointList})
@require("integrations:read")
@takes(ENDPOINTS_OF_INTEGRATION)
def list_endpoints(path: EndpointsPath, query: ListQuery) -> EndpointList:
    """Return the endpoints of an integration, newest first."""
    team_id = principal().team_id
    get_integration(team_id, path.integration_id)
    wanted = query.selection()
    wanted = Selection({**wanted.values, "integration": path.integration_id}, wanted.cursor)
    page = ENDPOINTS.find(team_id, wanted, size=query.limit)
    return EndpointList.of(page, data=[EndpointOut.of(row) for row in page.rows])


@endpoints_api.post(
    _ALL, summary="Define an endpoint", responses={201: EndpointOut, 409: Problem, 413: Problem}
)
@require("integrations:write")
@idempotent(EndpointOut, status=201, replay=lambda endpoint_id: _shown(endpoint_id))
def create_endpoint(path: EndpointsPath, body: EndpointIn) -> tuple[EndpointOut, int]:
    """Define a request that can be sent through the integration. Nothing is sent now."""
    endpoint_id = services.create_endpoint(
        principal().team_id,
        path.integration_id,
        Definition(**definition_values(body)),
        created_by_id=principal().id if principal().kind == "user" else None,
    )
    return _shown(endpoint_id), 201


@endpoints_api.get(_ONE, summary="Get an endpoint", responses={200: EndpointOut})
@require("integrations:read")
@returns_etag
def get(path: EndpointPath) -> EndpointOut:
    """Return one endpoint. `ETag` stands for its definition."""
    return _tagged(path)


@endpoints_api.patch(_ONE, summary="Change an endpoint", responses={200: EndpointOut})
@require("integrations:write")
@takes_if_match
@returns_etag
def change_endpoint(path: EndpointPath, body: EndpointChange) -> EndpointOut:
    """Change the definition; fields left out stay as they are."""
    services.update_endpoint(
        principal().team_id,
        path.endpoint_id,
        definition_values(body),
        integration_id=path.integration_id,
        expected=expected_by_caller(),
    )
    return _tagged(path)


@endpoints_api.delete(_ONE, summary="Delete an endpoint", responses={204: None})
@require("integrations:write")
@takes_if_match
def delete_endpoint(path: EndpointPath) -> tuple[str, int]:
    """Delete the definition. What was logged of its runs stays."""
    services.delete_endpoint(
        principal().team_id,
        path.endpoint_id,
        integration_id=path.integration_id,
        expected=expected_by_caller(),
    )
    return "", 204


def _gone(_object_id: str) -> RunOut:
    raise NotFound("The answer of the first run is lost.")


@endpoints_api.post(
    f"{_ONE}/run", summary="Run an endpoint", responses={200: RunOut, 409: Problem, 413: Problem}
)
@require("integrations:call")
@idempotent(RunOut, status=200, replay=_gone)
def run(path: EndpointPath, body: RunIn) -> RunOut:
    """Send the request, page after page where the endpoint says how, and return what the service answered.

    200 also where the service failed: `succeeded` and `stop` say so. It takes at most 30 seconds; what is left is fetched
    by another run with `resume`. With an `Idempotency-Key` methods that change something are sent once, and the key is
    passed on where the endpoint names a header for it.
    """
    order = RunOrder(
        parameters=body.parameters,
        pages_max=body.pages,
        resume=body.resume,
        idempotency_key=request.headers.get(HEADER),
    )
    report = run_endpoint(principal().team_id, path.endpoint_id, order, integration_id=path.integration_id)
    return RunOut.of(report)


def _tagged(path: EndpointPath) -> EndpointOut:
    row = get_endpoint(principal().team_id, path.endpoint_id, path.integration_id)
    tag_response(services.endpoint_version(row.endpoint))
    return EndpointOut.of(row)


def _shown(endpoint_id: str) -> EndpointOut:
    return EndpointOut.of(get_endpoint(principal().team_id, endpoint_id))
