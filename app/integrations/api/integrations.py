"""`/api/v1/integrations`: create, list, show, change, switch on and off, test, delete; and the catalogue."""

from dataclasses import asdict
from typing import Any

from app.idempotency.api import idempotent
from app.integrations.api.blueprint import integrations_api
from app.integrations.providers import providers
from app.integrations.queries.integrations import INTEGRATIONS, get_row
from app.integrations.schemas.catalogue import Catalogue, ProviderOut
from app.integrations.schemas.integrations import (
    IntegrationChange,
    IntegrationIn,
    IntegrationList,
    IntegrationOut,
    IntegrationPath,
    StatusIn,
    TestOut,
)
from app.integrations.services import integrations as services
from app.integrations.services.settings import IntegrationSettings, integration_version, provider_named
from app.integrations.services.testing import test_integration
from app.web import limits
from app.web.access import principal, require
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, takes
from app.web.openapi.marks import returns_etag, takes_if_match
from app.web.schemas import Problem


@integrations_api.get("/integrations/catalogue", summary="Get the catalogue", responses={200: Catalogue})
@require("integrations:read")
def get_catalogue() -> Catalogue:
    """Return what integrations can be made from, with the fields, scopes and ways to authenticate of each."""
    return Catalogue(data=[ProviderOut.of(provider) for provider in providers().values()])


@integrations_api.get("/integrations", summary="List integrations", responses={200: IntegrationList})
@require("integrations:read")
@takes(INTEGRATIONS)
def list_integrations(query: ListQuery) -> IntegrationList:
    """Return the team's integrations and how they are doing, newest first."""
    page = INTEGRATIONS.find(principal().team_id, query.selection(), size=query.limit)
    return IntegrationList.of(page, data=[IntegrationOut.of(row) for row in page.rows])


@integrations_api.post(
    "/integrations",
    summary="Create an integration",
    responses={201: IntegrationOut, 409: Problem, 413: Problem},
)
@require("integrations:write")
@idempotent(IntegrationOut, status=201, replay=lambda integration_id: _shown(integration_id))
def create_integration(body: IntegrationIn) -> tuple[IntegrationOut, int]:
    """Create an integration. One that uses OAuth is connected afterwards: its `next_step` says so."""
    provider = provider_named(body.provider)
    values = _values_of(body.model_dump(exclude={"provider"}, exclude_none=True))
    values.setdefault("auth_method", provider.auth_methods[0].slug)
    integration_id = services.create_integration(
        principal().team_id, provider.slug, IntegrationSettings(**values), created_by_id=_user_id()
    )
    return _shown(integration_id), 201


@integrations_api.get(
    "/integrations/<integration_id>", summary="Get an integration", responses={200: IntegrationOut}
)
@require("integrations:read")
@returns_etag
def get_integration(path: IntegrationPath) -> IntegrationOut:
    """Return one integration and how it is doing. `ETag` stands for its settings."""
    return _tagged(path.integration_id)


@integrations_api.patch(
    "/integrations/<integration_id>", summary="Change an integration", responses={200: IntegrationOut}
)
@require("integrations:write")
@takes_if_match
@returns_etag
def change_integration(path: IntegrationPath, body: IntegrationChange) -> IntegrationOut:
    """Change settings; fields left out stay as they are. Its provider stays."""
    services.update_integration(
        principal().team_id,
        path.integration_id,
        _values_of(body.model_dump(exclude_none=True)),
        expected=expected_by_caller(),
    )
    return _tagged(path.integration_id)


@integrations_api.delete(
    "/integrations/<integration_id>", summary="Delete an integration", responses={204: None}
)
@require("integrations:write")
@takes_if_match
def delete_integration(path: IntegrationPath) -> tuple[str, int]:
    """Delete an integration with its credentials, its connection and what was defined on it."""
    services.delete_integration(principal().team_id, path.integration_id, expected=expected_by_caller())
    return "", 204


@integrations_api.put(
    "/integrations/<integration_id>/status",
    summary="Switch an integration on or off",
    responses={200: IntegrationOut},
)
@require("integrations:write")
def set_status(path: IntegrationPath, body: StatusIn) -> IntegrationOut:
    """Let calls through, or none. The answer says whether it works then."""
    services.set_enabled(principal().team_id, path.integration_id, is_enabled=body.status == "ACTIVE")
    return _shown(path.integration_id)


@integrations_api.post(
    "/integrations/<integration_id>/test",
    summary="Test an integration",
    responses={200: TestOut, 409: Problem},
)
@require("integrations:call")
def test(path: IntegrationPath) -> TestOut:
    """Send one request with the stored credentials and return the real answer, 200 also where it is a failure.

    At most 10 times in 15 minutes. Some providers have no test that changes nothing: the catalogue says which.
    """
    caller = principal()
    get_row(caller.team_id, path.integration_id)
    limits.strict("integration-test", caller.id)
    report = test_integration(caller.team_id, path.integration_id)
    row = get_row(caller.team_id, path.integration_id)
    headers = [list(pair) for pair in report.headers]
    values = {**asdict(report), "headers": headers}
    return TestOut(**values, status=row.report.status, status_reason=row.report.reason)


def _values_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a body by the names of `IntegrationSettings`."""
    values = dict(given)
    answers = {**values.pop("config", {}), **values.pop("credentials", {})}
    if answers:
        values["answers"] = answers
    if "metadata" in values:
        values["details"] = values.pop("metadata")
    for name in ("hourly_limit", "daily_limit"):
        if name in values:
            values[name] = values[name] or None
    return values


def _tagged(integration_id: str) -> IntegrationOut:
    row = get_row(principal().team_id, integration_id)
    tag_response(integration_version(row.integration))
    return IntegrationOut.of(row)


def _shown(integration_id: str) -> IntegrationOut:
    return IntegrationOut.of(get_row(principal().team_id, integration_id))


def _user_id() -> str | None:
    return principal().id if principal().kind == "user" else None
