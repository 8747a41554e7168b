"""`/api/v1/integrations/<integration_id>/oauth`: begin and finish a connection, refresh it, end it."""

from app.integrations.api.blueprint import integrations_api
from app.integrations.queries.integrations import get_integration, get_row
from app.integrations.schemas.connections import CallbackIn, DisconnectedOut, InitiatedOut
from app.integrations.schemas.integrations import ConnectionOut, IntegrationOut, IntegrationPath
from app.integrations.services import connections as services
from app.integrations.services.disconnecting import disconnect
from app.integrations.services.refreshing_by_hand import refresh_now
from app.lib.errors import Invalid
from app.web.access import principal, require
from app.web.schemas import Problem


@integrations_api.post(
    "/integrations/<integration_id>/oauth/initiate",
    summary="Begin to connect an integration",
    responses={200: InitiatedOut, 409: Problem},
)
@require("integrations:write")
def initiate(path: IntegrationPath) -> InitiatedOut:
    """Return the address at which a person gives their consent, in a browser, within ten minutes, once.

    The provider sends the browser back to Signalbox. It finishes there by itself for a signed-in member of this team who
    may connect integrations. A program that reads `code` and `state` off that address itself finishes with the
    `callback` route instead, under the same API key.
    """
    caller = principal()
    begun = services.begin(caller.team_id, path.integration_id, principal_id=caller.id, is_of_browser=False)
    provider_slug = get_integration(caller.team_id, path.integration_id).provider
    return InitiatedOut(
        authorization_url=begun.authorization_url,
        state=begun.state,
        redirect_uri=services.redirect_uri(provider_slug),
        expires_at=begun.expires_at,
    )


@integrations_api.post(
    "/integrations/<integration_id>/oauth/callback",
    summary="Finish connecting an integration",
    responses={200: IntegrationOut, 409: Problem},
)
@require("integrations:write")
def callback(path: IntegrationPath, body: CallbackIn) -> IntegrationOut:
    """Exchange what the provider sent the browser back with: only what the same API key has begun, and once.

    An integration that was connected before keeps its id.
    """
    caller = principal()
    integration = get_integration(caller.team_id, path.integration_id)
    pending = services.take_state(integration.provider, body.state)
    if pending.details.get("integration_id") != path.integration_id:
        raise Invalid.field("state", "It was begun for another integration. Begin again for this one.")
    query = {**body.parameters, "state": body.state, "code": body.code}
    if body.iss is not None:
        query["iss"] = body.iss
    services.finish(pending, query, caller)
    return IntegrationOut.of(get_row(caller.team_id, path.integration_id))


@integrations_api.post(
    "/integrations/<integration_id>/oauth/refresh",
    summary="Refresh a connection's tokens",
    responses={200: ConnectionOut, 409: Problem},
)
@require("integrations:write")
def refresh(path: IntegrationPath) -> ConnectionOut:
    """Have new tokens now; they are refreshed ahead of their end anyway. A refresh under way already is joined."""
    refresh_now(principal().team_id, path.integration_id)
    return ConnectionOut.of(services.get_connection(principal().team_id, path.integration_id))


@integrations_api.post(
    "/integrations/<integration_id>/oauth/revoke",
    summary="Disconnect an integration",
    responses={200: DisconnectedOut, 409: Problem},
)
@require("integrations:write")
def revoke(path: IntegrationPath) -> DisconnectedOut:
    """End the grant at the provider, where it can be asked to, and delete the tokens here in any case."""
    return DisconnectedOut.of(disconnect(principal().team_id, path.integration_id))
