"""The apps that integrations are connected through: a team's own, and the installation's, which are for operators."""

from dataclasses import dataclass
from functools import cache

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.extensions import db
from app.integrations import presentation
from app.integrations.apps import uses_apps
from app.integrations.forms import AppForm
from app.integrations.models import ProviderApp
from app.integrations.providers import get_provider, providers
from app.integrations.queries.apps import apps_of, find_app, known_apps
from app.integrations.services.apps import remove_app, set_app
from app.integrations.spec import Provider
from app.integrations.views.blueprint import integrations
from app.lib.errors import NotFound, SignalboxError
from app.web.access import current_team, require
from app.web.forms import keeps_input, runs_once
from app.web.permissions import OPERATE
from app.web.rendering import redirect_after, render


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose apps a page shows, and the views that lead on from it."""

    is_installation: bool

    @property
    def team_id(self) -> str | None:
        """The team; None for the installation."""
        return None if self.is_installation else current_team().id

    def url(self, view: str, provider: Provider | None = None) -> str:
        """Return the address of one of its views: `apps`, `app` or `confirm_remove_app`."""
        endpoint = f"integrations.{'installation_' if self.is_installation else ''}{view}"
        return url_for(endpoint, provider_slug=provider.slug) if provider else url_for(endpoint)


_TEAM, _INSTALLATION = Owner(is_installation=False), Owner(is_installation=True)


@integrations.get("/apps/")
@require("integrations:read")
def apps() -> Response:
    """List the providers that are connected through an app, and which apps the team has."""
    return _list_page(_TEAM)


@integrations.get("/apps/<provider_slug>")
@require("integrations:write")
def app(provider_slug: str) -> Response:
    """Show the form of the team's app with a provider."""
    return _form_page(_TEAM, _provider(provider_slug))


@integrations.post("/apps/<provider_slug>")
@require("integrations:write")
@keeps_input(AppForm)
@runs_once
def save_app(provider_slug: str) -> BaseResponse:
    """Store the team's app with a provider."""
    return _save(_TEAM, _provider(provider_slug))


@integrations.get("/apps/<provider_slug>/remove")
@require("integrations:write")
def confirm_remove_app(provider_slug: str) -> Response:
    """Ask before the team's app with a provider is removed."""
    return _confirm_page(_TEAM, _provider(provider_slug))


@integrations.post("/apps/<provider_slug>/remove")
@require("integrations:write")
@runs_once
def delete_app(provider_slug: str) -> BaseResponse:
    """Remove the team's app with a provider."""
    return _remove(_TEAM, _provider(provider_slug))


@integrations.get("/installation-apps/")
@require(OPERATE)
def installation_apps() -> Response:
    """List the apps that every team of the installation connects through."""
    return _list_page(_INSTALLATION)


@integrations.get("/installation-apps/<provider_slug>")
@require(OPERATE)
def installation_app(provider_slug: str) -> Response:
    """Show the form of the installation's app with a provider."""
    return _form_page(_INSTALLATION, _provider(provider_slug))


@integrations.post("/installation-apps/<provider_slug>")
@require(OPERATE)
@keeps_input(AppForm)
@runs_once
def save_installation_app(provider_slug: str) -> BaseResponse:
    """Store the installation's app with a provider."""
    return _save(_INSTALLATION, _provider(provider_slug))


@integrations.get("/installation-apps/<provider_slug>/remove")
@require(OPERATE)
def installation_confirm_remove_app(provider_slug: str) -> Response:
    """Ask before the installation's app with a provider is removed."""
    return _confirm_page(_INSTALLATION, _provider(provider_slug))


@integrations.post("/installation-apps/<provider_slug>/remove")
@require(OPERATE)
@runs_once
def delete_installation_app(provider_slug: str) -> BaseResponse:
    """Remove the installation's app with a provider."""
    return _remove(_INSTALLATION, _provider(provider_slug))


@cache
def _providers_with_apps() -> tuple[Provider, ...]:
    return tuple(sorted(filter(uses_apps, providers().values()), key=lambda one: one.name.lower()))


def _provider(slug: str) -> Provider:
    provider = get_provider(slug)
    if not uses_apps(provider):
        raise NotFound(f"Integrations with {provider.name} are not connected through an app.")
    return provider


def _list_page(owner: Owner) -> Response:
    known = known_apps(db.session(), current_team().id)
    return render(
        "integrations/apps/index.html",
        owner=owner,
        providers=_providers_with_apps(),
        apps={one.provider: one for one in apps_of(owner.team_id)},
        installation=known.installation,
        show=presentation,
    )


def _form_page(
    owner: Owner, provider: Provider, form: AppForm | None = None, *, http_status: int = 200
) -> Response:
    found = find_app(owner.team_id, provider.slug)
    return render(
        "integrations/apps/form.html",
        fragment="integrations/apps/_form.html",
        target="app-form",
        status=http_status,
        form=form or AppForm(formdata=None, client_id=found.client_id if found else ""),
        owner=owner,
        provider=provider,
        app=found,
        has_secret=_has_secret(found),
        redirect_address=presentation.redirect_address(provider.slug),
        show=presentation,
    )


def _has_secret(found: ProviderApp | None) -> bool:
    return found is not None and bool(found.client_secret_sealed)


def _save(owner: Owner, provider: Provider) -> BaseResponse:
    form = AppForm()
    try:
        set_app(
            owner.team_id, provider.slug, str(form.client_id.data or ""), str(form.client_secret.data or "")
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(owner, provider, form, http_status=error.status)
    flash(f"The app for {provider.name} is stored.", "success")
    return redirect_after(owner.url("apps"))


def _confirm_page(owner: Owner, provider: Provider) -> Response:
    found = find_app(owner.team_id, provider.slug)
    if found is None:
        raise NotFound(f"There is no app for {provider.name} (any more).")
    return render(
        "integrations/apps/remove.html",
        fragment="integrations/apps/_remove.html",
        target="remove-app",
        owner=owner,
        provider=provider,
        app=found,
    )


def _remove(owner: Owner, provider: Provider) -> BaseResponse:
    remove_app(owner.team_id, provider.slug)
    flash(f"The app for {provider.name} was removed.", "success")
    return redirect_after(owner.url("apps"))
