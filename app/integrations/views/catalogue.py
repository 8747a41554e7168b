"""The catalogue: what integrations can be made from, one entry of it, and what other teams have published."""

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.extensions import db
from app.integrations import presentation
from app.integrations.apps import uses_apps
from app.integrations.facts import fields_of
from app.integrations.providers import get_provider, providers
from app.integrations.queries.apps import known_apps
from app.integrations.queries.catalogue import (
    PUBLISHED,
    find_providers,
    find_published,
    get_published,
    rows_of_provider,
)
from app.integrations.queries.integrations import get_row
from app.integrations.services.setting_up import set_up, set_up_published
from app.integrations.spec import Category, OAuthAuth
from app.integrations.views.blueprint import integrations
from app.lib import clock
from app.lib.errors import SignalboxError
from app.web.access import current_team, principal, require
from app.web.forms import runs_once
from app.web.rendering import redirect_after, render

_TEXT_MAX_CHARS = 100


@integrations.get("/catalogue/")
@require("integrations:read")
def catalogue() -> Response:
    """Show what integrations can be made from: `q` and `category` of the address leave what fits."""
    text = request.args.get("q", "").strip()[:_TEXT_MAX_CHARS]
    offered = {category.name.lower(): category.value for category in Category}
    chosen = request.args.get("category", "")
    chosen = chosen if chosen in {*offered, PUBLISHED} else ""
    is_published_asked = chosen in {"", PUBLISHED}
    response = render(
        "integrations/catalogue/index.html",
        fragment="integrations/catalogue/_found.html",
        target="catalogue",
        text=text,
        chosen=chosen,
        categories={**offered, PUBLISHED: "Published by teams"},
        by_category={} if chosen == PUBLISHED else find_providers(text, chosen),
        published=find_published(current_team().id, text) if is_published_asked else [],
        provider_count=len(providers()),
        show=presentation,
    )
    if response.status_code == 200 and request.headers.get("HX-Request") == "true":
        # What the form sends names every control; the address shall hold what is set.
        response.headers["HX-Push-Url"] = url_for(
            "integrations.catalogue", q=text or None, category=chosen or None
        )
    return response


@integrations.get("/catalogue/<provider_slug>")
@require("integrations:read")
def catalogue_entry(provider_slug: str) -> Response:
    """Show a provider: what it can do here, how it is connected and with which scopes, how its app is registered."""
    provider = get_provider(provider_slug)
    team_id = current_team().id
    today = clock.now().date()
    return render(
        "integrations/catalogue/show.html",
        provider=provider,
        uses_oauth=provider.oauth is not None,
        uses_apps=uses_apps(provider),
        has_app=known_apps(db.session(), team_id).has_app(provider, {}),
        oauth_methods=[one.slug for one in provider.auth_methods if isinstance(one.placement, OAuthAuth)],
        redirect_address=presentation.redirect_address(provider.slug),
        sunsets=[one for one in provider.sunsets if one.on >= today],
        rows=rows_of_provider(team_id, provider.slug),
        published=[one for one in find_published(team_id) if one.provider.slug == provider.slug],
        show=presentation,
    )


@integrations.post("/catalogue/<provider_slug>/set-up")
@require("integrations:write")
@runs_once
def set_up_provider(provider_slug: str) -> BaseResponse:
    """Create a draft with a provider and lead to what is missing."""
    slug = get_provider(provider_slug).slug
    try:
        integration_id = set_up(
            current_team().id, slug, request.form.get("auth_method", ""), created_by_id=principal().id
        )
    except SignalboxError as error:
        flash(_words_of(error), "error")
        return redirect_after(url_for(".catalogue_entry", provider_slug=slug))
    return _lead_on(integration_id)


@integrations.get("/published/<published_id>")
@require("integrations:read")
def published(published_id: str) -> Response:
    """Show what another team has published, before something is made from it."""
    found = get_published(current_team().id, published_id)
    fields = fields_of(found.provider, found.offer.auth_method)
    return render(
        "integrations/catalogue/published.html",
        found=found,
        offer=found.offer,
        provider=found.provider,
        method=found.provider.auth_method(found.offer.auth_method),
        given=presentation.shown_settings(
            [asked for asked in fields if asked.name in found.offer.config], found.offer.config, ()
        ),
        asked_for=[asked.label for asked in fields if asked.name not in found.offer.config],
        show=presentation,
    )


@integrations.post("/published/<published_id>/set-up")
@require("integrations:write")
@runs_once
def set_up_from_published(published_id: str) -> BaseResponse:
    """Create a draft from what another team has published and lead to what is missing."""
    try:
        integration_id = set_up_published(current_team().id, published_id, created_by_id=principal().id)
    except SignalboxError as error:
        if error.status == 404:
            raise
        flash(_words_of(error), "error")
        return redirect_after(url_for(".published", published_id=published_id))
    return _lead_on(integration_id)


def _lead_on(integration_id: str) -> BaseResponse:
    """Lead to where the next step is: the form, the app, or the integration's page."""
    row = get_row(current_team().id, integration_id)
    flash(f"{row.name} was set up. {row.next_step}", "success")
    step = presentation.step_button(row.integration, row.report)
    show = url_for(".show", integration_id=integration_id)
    return redirect_after(step.url if step is not None and not step.is_post else show)


def _words_of(error: SignalboxError) -> str:
    return " ".join(item.message for item in error.errors) or error.detail
