"""Connecting an integration by OAuth: to the provider and back, refreshing by hand, and disconnecting."""

from flask import flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.queries import get_member, get_team
from app.extensions import db
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import get_integration
from app.integrations.services import connections as services
from app.integrations.services.disconnecting import disconnect as disconnect_integration
from app.integrations.services.refreshing_by_hand import refresh_now
from app.integrations.services.testing import test_integration
from app.integrations.views.blueprint import integrations
from app.lib.errors import AuthorizationFailed, NotFound, SignalboxError
from app.web.access import Principal, current_team, principal, public, require, writes
from app.web.forms import runs_once
from app.web.permissions import permissions_of
from app.web.rendering import redirect_after, render
from app.web.schemes import Pages

#: Where providers send browsers back to: one address for each, below no team, as it is registered there.
callbacks = Pages("integration_callbacks", __name__, url_prefix="/integrations/callback")


@integrations.post("/<integration_id>/connect")
@require("integrations:write")
def connect(integration_id: str) -> BaseResponse:
    """Send the browser to the provider, for consent."""
    integration = get_integration(current_team().id, integration_id)
    name, provider = integration.name, get_provider(integration.provider)
    try:
        begun = services.begin(current_team().id, integration_id, principal_id=principal().id)
    except SignalboxError as error:
        flash(error.detail, "error")
        return redirect_after(url_for(".show", integration_id=integration_id))
    response = render(
        "integrations/connect.html",
        name=name,
        provider=provider,
        address=begun.authorization_url,
        back=url_for(".show", integration_id=integration_id),
    )
    # Not a redirect: browsers hold `form-action` against every redirect that follows a form.
    response.headers["Refresh"] = f"0; url={begun.authorization_url}"
    response.headers["Cache-Control"] = "no-store"
    return response


@integrations.post("/<integration_id>/refresh")
@require("integrations:write")
def refresh(integration_id: str) -> BaseResponse:
    """Have new tokens now."""
    try:
        refresh_now(current_team().id, integration_id)
        flash("The tokens are new.", "success")
    except NotFound:
        raise
    except SignalboxError as error:
        flash(error.detail, "error")
    return redirect_after(url_for(".show", integration_id=integration_id, _anchor="connection"))


@integrations.get("/<integration_id>/disconnect")
@require("integrations:write")
def confirm_disconnect(integration_id: str) -> BaseResponse:
    """Ask before a connection is ended."""
    integration = get_integration(current_team().id, integration_id)
    if integration.connection is None:
        flash("It is not connected (any more).", "info")
        return redirect(url_for(".show", integration_id=integration_id), 303)
    return render(
        "integrations/disconnect.html",
        fragment="integrations/_disconnect.html",
        target="disconnect-integration",
        integration=integration,
        provider=get_provider(integration.provider),
    )


@integrations.post("/<integration_id>/disconnect")
@require("integrations:write")
@runs_once
def disconnect(integration_id: str) -> BaseResponse:
    """End the connection at the provider and here; say what came of both."""
    ended = disconnect_integration(current_team().id, integration_id)
    flash(f"{ended.at_provider} {ended.here}", "success" if ended.is_revoked else "warning")
    return redirect_after(url_for(".show", integration_id=integration_id, _anchor="connection"))


@callbacks.get("/<provider_slug>")
@public
@writes
def callback(provider_slug: str) -> BaseResponse:
    """Take the browser back from the provider. Everything is checked before anything is changed."""
    provider = get_provider(provider_slug)
    back = None
    try:
        if not current_user.is_authenticated:
            raise AuthorizationFailed("You are signed out. Sign in, then connect it again.")
        pending = services.take_state(provider.slug, request.args.get("state", ""))
        caller = _connecting_member(pending.team_id or "")
        team_slug = get_team(caller.team_id).slug
        db.session.rollback()
        back = url_for("integrations.show", team=team_slug, integration_id=pending.details["integration_id"])
        integration_id = services.finish(pending, request.args.to_dict(), caller)
    except SignalboxError as error:
        db.session.rollback()
        return render(
            "integrations/not_connected.html",
            status=error.status,
            provider=provider,
            detail=error.detail,
            back=back,
        )
    _try_it(caller.team_id, integration_id, provider.name)
    return redirect_after(f"{back}#connection")


def _connecting_member(team_id: str) -> Principal:
    """Return the signed-in user in the team that began, if they may connect there. Raises AuthorizationFailed."""
    try:
        member = get_member(team_id, current_user.id)
    except NotFound:
        raise AuthorizationFailed(
            "It was begun for a team that you are not in. Begin again in yours."
        ) from None
    caller = Principal(
        kind="user",
        id=member.user_id,
        name=member.name,
        team_id=team_id,
        permissions=permissions_of(member.role),
        role=member.role,
    )
    if not caller.may("integrations:write"):
        raise AuthorizationFailed(
            "Your role in this team does not allow connecting integrations. Ask an admin."
        )
    return caller


def _try_it(team_id: str, integration_id: str, provider_name: str) -> None:
    """Send the provider's check, where it leaves nothing behind: it says whether the connection works, and whose it is."""
    flash(f"{provider_name} is connected.", "success")
    try:
        check = services.harmless_check(team_id, integration_id)
        if not check:
            return
        report = test_integration(team_id, integration_id)
        services.note_account(team_id, integration_id, report.account)
    except SignalboxError as error:
        flash(f"It was not tested: {error.detail}", "warning")
        return
    if not report.succeeded:
        flash(f"The first test did not succeed: {report.words} {report.advice}", "warning")
