"""Publishing an integration to the other teams of the installation, and taking it back."""

from typing import Any

import orjson
from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.integrations import presentation
from app.integrations.facts import fields_of
from app.integrations.offers import Offer, shareable_fields
from app.integrations.providers import get_provider
from app.integrations.queries.catalogue import users_of
from app.integrations.queries.integrations import get_integration
from app.integrations.services.publishing import publish_integration, withdraw_integration
from app.integrations.views.blueprint import integrations
from app.lib.errors import SignalboxError
from app.web.access import current_team, require
from app.web.forms import runs_once
from app.web.forms.versions import version_of
from app.web.rendering import redirect_after, render


@integrations.get("/<integration_id>/publish")
@require("integrations:write")
def confirm_publish(integration_id: str) -> Response:
    """Ask which answers travel, and show what else does."""
    return _page(integration_id)


@integrations.post("/<integration_id>/publish")
@require("integrations:write")
@runs_once
def publish(integration_id: str) -> BaseResponse:
    """Offer an integration to the other teams, after its confirmation showed exactly what travels."""
    team_id = current_team().id
    shared = request.form.getlist("config")
    seen = request.form.get("offer_version", "")
    offer = Offer.of(get_integration(team_id, integration_id), shared)
    if seen != _version(offer):
        # Chosen, but not looked at yet; or changed meanwhile.
        return _page(integration_id, shared=shared, is_confirming=True)
    try:
        publish_integration(team_id, integration_id, shared, expected=offer)
    except SignalboxError as error:
        words = " ".join(item.message for item in error.errors) or error.detail
        return _page(integration_id, problem=words, http_status=error.status)
    flash("The integration is published. Other teams find it in the catalogue.", "success")
    return redirect_after(url_for(".show", integration_id=integration_id))


@integrations.post("/<integration_id>/withdraw")
@require("integrations:write")
@runs_once
def withdraw(integration_id: str) -> BaseResponse:
    """Stop offering an integration to other teams."""
    withdraw_integration(current_team().id, integration_id)
    flash("Taken back. What other teams have made from it stays as it is.", "success")
    return redirect_after(url_for(".show", integration_id=integration_id))


def published_state(integration_id: str) -> dict[str, Any]:
    """Return what the page of the team's integration says about its being published."""
    integration = get_integration(current_team().id, integration_id)
    stored = Offer.stored(integration.offer) if integration.offer else None
    is_behind = stored is not None and stored != Offer.of(integration, stored.config)
    return {"is_offer_behind": is_behind, "users": users_of(integration_id)}


def _page(
    integration_id: str,
    *,
    shared: list[str] | None = None,
    is_confirming: bool = False,
    problem: str | None = None,
    http_status: int = 200,
) -> Response:
    integration = get_integration(current_team().id, integration_id)
    provider = get_provider(integration.provider)
    fields = fields_of(provider, integration.auth_method)
    shareable = shareable_fields(fields, integration)
    names = [asked.name for asked in shareable]
    if shared is None:
        shared = list((integration.offer or {}).get("config", {}))
    shared = [name for name in names if name in shared]
    offer = Offer.of(integration, shared)
    return render(
        "integrations/publishing/publish.html",
        fragment="integrations/publishing/_publish.html",
        target="publish-integration",
        status=http_status,
        integration=integration,
        provider=provider,
        method=provider.auth_method(integration.auth_method),
        questions=presentation.shown_settings(shareable, integration.config, ()),
        names=names,
        shared=shared,
        offer=offer,
        offer_version=_version(offer),
        given=presentation.shown_settings(
            [asked for asked in shareable if asked.name in shared], integration.config, ()
        ),
        staying=[asked.label for asked in fields if asked.name not in shared],
        is_confirming=is_confirming,
        problem=problem,
    )


def _version(offer: Offer) -> str:
    return version_of(orjson.dumps(offer.as_stored(), option=orjson.OPT_SORT_KEYS).decode())
