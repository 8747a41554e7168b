"""`/api/v1/integrations/apps`: the team's apps with providers."""

from app.integrations.api.blueprint import integrations_api
from app.integrations.models import ProviderApp
from app.integrations.presentation import redirect_address
from app.integrations.queries.apps import apps_of, find_app
from app.integrations.schemas.catalogue import AppIn, AppList, AppOut, AppPath
from app.integrations.services import apps as services
from app.lib.errors import NotFound
from app.web.access import principal, require
from app.web.schemas import Problem


@integrations_api.get("/integrations/apps", summary="Get the apps", responses={200: AppList})
@require("integrations:read")
def get_apps() -> AppList:
    """Return the apps that the team has registered with providers. The installation's are not among them."""
    return AppList(data=[_shown(app) for app in apps_of(principal().team_id)])


@integrations_api.put(
    "/integrations/apps/<provider_slug>", summary="Store an app", responses={200: AppOut, 409: Problem}
)
@require("integrations:write")
def set_app(path: AppPath, body: AppIn) -> AppOut:
    """Store the app that the team's integrations with a provider are connected through, in place of an earlier one.

    What was connected through another app has to be reconnected once its access token ends.
    """
    team_id = principal().team_id
    services.set_app(team_id, path.provider_slug, body.client_id, body.client_secret)
    app = find_app(team_id, path.provider_slug)
    if app is None:
        raise NotFound("The app was removed at the same moment.")
    return _shown(app)


@integrations_api.delete("/integrations/apps/<provider_slug>", summary="Remove an app", responses={204: None})
@require("integrations:write")
def remove_app(path: AppPath) -> tuple[str, int]:
    """Delete the team's app with a provider, and its secret. The installation's takes its place, if there is one."""
    services.remove_app(principal().team_id, path.provider_slug)
    return "", 204


def _shown(app: ProviderApp) -> AppOut:
    return AppOut.of(app, redirect_uri=redirect_address(app.provider))
