"""The list of integrations, an integration, and the forms that make, change, test and delete one."""

from typing import Any

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.audit.latest import latest_change
from app.integrations import presentation
from app.integrations.dependents import dependents_of
from app.integrations.facts import fields_of
from app.integrations.forms import IntegrationForm, form_class, form_of, new_form, sent_form
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import (
    INTEGRATIONS,
    IntegrationRow,
    credentials_changed_at,
    get_integration,
    get_row,
)
from app.integrations.services import integrations as services
from app.integrations.services.messages import takes_messages
from app.integrations.services.settings import IntegrationSettings, stored_secrets
from app.integrations.services.testing import TestReport, test_integration
from app.integrations.shown_connection import shown_connection
from app.integrations.views.blueprint import integrations
from app.integrations.views.publishing import published_state
from app.lib.errors import PreconditionFailed, SignalboxError
from app.request_log.queries import latest_outgoing
from app.web import limits
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.rendering import redirect_after, render

_LATEST_CALLS = 5
_REFRESH_S = 30
_LOOK: dict[str, Any] = {
    "spec": INTEGRATIONS,
    "name": "integration",
    "singular": "integration",
    "plural": "integrations",
    "endpoint": "integrations.index",
    "export_endpoint": "integrations.download",
    "cells": (
        "id", "name", "description", "provider=provider_slug", "type", "status", "reason", "next_step", "checked_at",
        "hourly_limit", "daily_limit", "created_at",
    ),
    "state_of": lambda row: row.state,
    "changes_in_s": lambda rows: _REFRESH_S if rows else None,
    "rows_refresh_max_s": _REFRESH_S,
    "rows_context": lambda _rows: {"show": presentation},
    "hides_filters_when_blank": True,
    "keeps": ("view",),
}  # fmt: skip
_CARDS = ListPage[IntegrationRow](templates="integrations", is_grid=True, **_LOOK)
_TABLE = ListPage[IntegrationRow](
    templates="integrations/table",
    columns=(("Integration", ""), ("Status", ""), ("Type", ""), ("Limits", ""), ("Last checked", "")),
    **_LOOK,
)


@integrations.get("/")
@require("integrations:read")
def index() -> Response:
    """List the team's integrations and how they are doing, as cards or as a table."""
    return (_TABLE if request.args.get("view") == "table" else _CARDS).show()


@integrations.get("/download")
@require("integrations:read")
def download() -> Response:
    """Download the integrations that the filters leave, as CSV. Secrets are not among it."""
    return _TABLE.download()


@integrations.get("/new/<provider_slug>")
@require("integrations:write")
def new(provider_slug: str) -> Response:
    """Show the form for a new integration."""
    return _form_page(new_form(get_provider(provider_slug), request.args.get("auth_method")))


@integrations.post("/new/<provider_slug>")
@require("integrations:write")
@keeps_input(sent_form)
@runs_once
def create(provider_slug: str) -> BaseResponse:
    """Create an integration and lead to its page."""
    form = form_class(provider_slug)()
    try:
        integration_id = services.create_integration(
            current_team().id,
            provider_slug,
            IntegrationSettings(**form.settings()),
            created_by_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error, form.field_names)
        return _form_page(form, http_status=error.status)
    flash("The integration was created.", "success")
    return redirect_after(url_for(".show", integration_id=integration_id))


@integrations.get("/<integration_id>")
@require("integrations:read")
def show(integration_id: str) -> Response:
    """Show an integration: how it is doing and what to do next, its settings, how to call it."""
    return _show_page(integration_id)


@integrations.get("/<integration_id>/edit")
@require("integrations:write")
def edit(integration_id: str) -> Response:
    """Show the form that changes an integration."""
    integration = get_integration(current_team().id, integration_id)
    return _form_page(form_of(integration), integration=integration)


@integrations.post("/<integration_id>/edit")
@require("integrations:write")
@keeps_input(sent_form)
@runs_once
def update(integration_id: str) -> BaseResponse:
    """Change an integration."""
    integration = get_integration(current_team().id, integration_id)
    form = form_class(integration.provider)()
    try:
        services.update_integration(
            current_team().id, integration_id, form.settings(), expected=form.expected_version
        )
    except PreconditionFailed as error:
        integration = get_integration(current_team().id, integration_id)
        change = latest_change(current_team().id, integration_id, "integration.updated")
        newer_url = url_for(".edit", integration_id=integration_id)
        form.show_conflict(form_of(integration), change, newer_url=newer_url)
        return _form_page(form, integration=integration, http_status=error.status)
    except SignalboxError as error:
        form.take_errors(error, form.field_names)
        return _form_page(form, integration=integration, http_status=error.status)
    flash("The integration was changed.", "success")
    return redirect_after(url_for(".show", integration_id=integration_id))


@integrations.post("/<integration_id>/enable")
@require("integrations:write")
@runs_once
def enable(integration_id: str) -> BaseResponse:
    """Let calls through again."""
    services.set_enabled(current_team().id, integration_id, is_enabled=True)
    flash("Switched on.", "success")
    return redirect_after(url_for(".show", integration_id=integration_id))


@integrations.post("/<integration_id>/disable")
@require("integrations:write")
@runs_once
def disable(integration_id: str) -> BaseResponse:
    """Let nothing through until somebody switches it on."""
    services.set_enabled(current_team().id, integration_id, is_enabled=False)
    flash("Switched off. Nothing is sent through it until you switch it on.", "success")
    return redirect_after(url_for(".show", integration_id=integration_id))


@integrations.post("/<integration_id>/test")
@require("integrations:call")
def test(integration_id: str) -> Response:
    """Send the provider's check and show the real answer."""
    team_id = current_team().id
    get_integration(team_id, integration_id)
    try:
        limits.strict("integration-test", principal().id)
        report = test_integration(team_id, integration_id)
    except SignalboxError as error:
        response = _show_page(integration_id, refusal=error.detail, http_status=error.status)
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    return _show_page(integration_id, report=report)


@integrations.get("/<integration_id>/delete")
@require("integrations:write")
def confirm_delete(integration_id: str) -> Response:
    """Ask before an integration is deleted, and say what depends on it."""
    integration = get_integration(current_team().id, integration_id)
    return render(
        "integrations/delete.html",
        fragment="integrations/_delete.html",
        target="delete-integration",
        integration=integration,
        provider=get_provider(integration.provider),
        dependents=dependents_of(integration.team_id, integration_id),
    )


@integrations.post("/<integration_id>/delete")
@require("integrations:write")
@runs_once
def delete(integration_id: str) -> BaseResponse:
    """Delete an integration; what was logged of its calls stays."""
    name = get_integration(current_team().id, integration_id).name
    services.delete_integration(current_team().id, integration_id)
    flash(f"The integration {name} was deleted.", "success")
    return redirect_after(url_for(".index"))


def _show_page(
    integration_id: str,
    *,
    report: TestReport | None = None,
    refusal: str | None = None,
    http_status: int = 200,
) -> Response:
    """Return an integration's page; right after a test, with what that found or why there was none."""
    row = get_row(current_team().id, integration_id)
    integration, provider = row.integration, row.provider
    method = provider.auth_method(integration.auth_method)
    secrets = stored_secrets(integration)
    return render(
        "integrations/show.html",
        fragment="integrations/_tested.html",
        target="test",
        status=http_status,
        row=row,
        integration=integration,
        provider=provider,
        method=method,
        check=provider.check_of(method),
        status_words=presentation.shown_status(row.report),
        step=presentation.step_button(integration, row.report),
        settings=presentation.shown_settings(
            fields_of(provider, integration.auth_method), integration.config, secrets
        ),
        credentials_changed_at=credentials_changed_at(integration.team_id, integration.id)
        if secrets
        else None,
        connection=shown_connection(integration, provider, row.report),
        example=presentation.curl_of(integration, provider.check_of(method)),
        calls=latest_outgoing(integration.team_id, integration.id, count=_LATEST_CALLS),
        published=published_state(integration_id),
        takes_messages=takes_messages(integration),
        test_report=report,
        test_refusal=refusal,
        show=presentation,
    )


def _form_page(
    form: IntegrationForm, *, integration: Integration | None = None, http_status: int = 200
) -> Response:
    provider = form.provider
    stored = stored_secrets(integration) if integration else {}
    return render(
        "integrations/form.html",
        fragment="integrations/_form.html",
        target="integration-form",
        status=http_status,
        form=form,
        integration=integration,
        provider=provider,
        common=form.common_questions(stored),
        groups=form.method_groups(stored),
        chosen_scopes=form.scopes.data or [],
        action=url_for(".update", integration_id=integration.id)
        if integration
        else url_for(".create", provider_slug=provider.slug),
        show=presentation,
    )
