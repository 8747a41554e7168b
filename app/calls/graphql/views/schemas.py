"""Schemas of GraphQL integrations: the current one, its versions, and a new one with what it would break."""

from flask import Response, flash, make_response, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.calls.graphql import presentation
from app.calls.graphql.forms import AcceptForm, IntrospectionForm, SdlForm
from app.calls.graphql.models import SchemaVersion
from app.calls.graphql.queries import (
    current_version,
    find_proposal,
    get_proposal,
    get_version,
    graphql_integrations,
    operations_of,
    versions_of,
)
from app.calls.graphql.services import schemas as services
from app.calls.graphql.services.sending import check_has_graphql
from app.calls.graphql.views.blueprint import graphql
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import get_integration
from app.lib.errors import SignalboxError
from app.web import limits
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.rendering import redirect_after, render, retry_later

#: Of an SDL so much is shown on a page; all of it can be downloaded.
_SDL_SHOWN_MAX_CHARS = 100_000


@graphql.get("/schemas/")
@require("integrations:read")
def schemas() -> Response:
    """List the integrations that have a GraphQL API, and their schemas."""
    return render("graphql/schemas.html", found=graphql_integrations(current_team().id))


@graphql.get("/schemas/<integration_id>")
@require("integrations:read")
def schema(integration_id: str) -> Response:
    """Show an integration's schema, its versions, and how to renew it."""
    return _schema_page(_integration(integration_id))


@graphql.post("/schemas/<integration_id>/introspection")
@require("integrations:write")
@runs_once
def introspect(integration_id: str) -> BaseResponse:
    """Read the schema from the server, and show what it would change."""
    integration, form = _integration(integration_id), IntrospectionForm()
    try:
        limits.strict("graphql-schema", principal().id)
        found = services.propose_schema(
            current_team().id, integration_id, headers=form.header_pairs(), created_by_id=principal().id
        )
    except SignalboxError as error:
        form.take_errors(error)
        # Written once and not stored: it is not sent back either.
        form.headers.data = ""
        page = _schema_page(_integration(integration_id), introspection=form, http_status=error.status)
        return retry_later(page, error)
    return _lead_on(integration.id, found)


@graphql.post("/schemas/<integration_id>/sdl")
@require("integrations:write")
@keeps_input(SdlForm)
@runs_once
def send_sdl(integration_id: str) -> BaseResponse:
    """Take a schema as text, and show what it would change."""
    integration, form = _integration(integration_id), SdlForm()
    try:
        limits.strict("graphql-schema", principal().id)
        found = services.propose_schema(
            current_team().id, integration_id, sdl=str(form.sdl.data or ""), created_by_id=principal().id
        )
    except SignalboxError as error:
        form.take_errors(error)
        page = _schema_page(_integration(integration_id), sdl=form, http_status=error.status)
        return retry_later(page, error)
    return _lead_on(integration.id, found)


@graphql.get("/schemas/<integration_id>/proposal")
@require("integrations:write")
def proposal(integration_id: str) -> Response:
    """Show a schema that was read, what it changes and which operations it breaks, before it is saved."""
    return _proposal_page(_integration(integration_id), AcceptForm(formdata=None))


@graphql.post("/schemas/<integration_id>/proposal")
@require("integrations:write")
@runs_once
def accept(integration_id: str) -> BaseResponse:
    """Save the schema that was shown. One that breaks operations needs the consent to that."""
    integration, form = _integration(integration_id), AcceptForm()
    proposal_id, _, seen = str(form.seen.data or "").partition(":")
    try:
        version = services.accept_proposal(
            current_team().id,
            integration_id,
            proposal_id,
            may_break=set(seen.split(",")) if form.accepts.data else (),
        )
    except services.BreaksOperations as error:
        words = "Tick that you save it although it breaks these operations, or change them first."
        form.accepts.errors = [*form.accepts.errors, words]
        return _proposal_page(_integration(integration_id), form, http_status=error.status)
    except SignalboxError as error:
        flash(error.detail, "error")
        return redirect_after(url_for(".schema", integration_id=integration.id))
    flash(f"Version {version.number} of the schema was saved.", "success")
    return redirect_after(url_for(".schema", integration_id=integration.id))


@graphql.post("/schemas/<integration_id>/discard")
@require("integrations:write")
@runs_once
def discard(integration_id: str) -> BaseResponse:
    """Drop the schema that was shown: the current one stays."""
    services.discard_proposal(current_team().id, integration_id)
    flash("The schema that was read is dropped. The current one stays.", "success")
    return redirect_after(url_for(".schema", integration_id=integration_id))


@graphql.get("/schemas/<integration_id>/versions/<int:number>")
@require("integrations:read")
def version(integration_id: str, number: int) -> Response:
    """Show a version of a schema and what it changed."""
    integration = _integration(integration_id)
    found = get_version(integration_id, number)
    return render(
        "graphql/version.html",
        integration=integration,
        version=found,
        groups=presentation.change_groups(found),
        impact=presentation.impact_words(found),
        sdl=found.sdl[:_SDL_SHOWN_MAX_CHARS],
        is_cut=len(found.sdl) > _SDL_SHOWN_MAX_CHARS,
    )


@graphql.get("/schemas/<integration_id>/versions/<int:number>/download")
@require("integrations:read")
def download_sdl(integration_id: str, number: int) -> Response:
    """Download a version of a schema as SDL."""
    _integration(integration_id)
    response = make_response(get_version(integration_id, number).sdl)
    response.mimetype = "text/plain"
    response.headers["Content-Disposition"] = f'attachment; filename="schema-{number}.graphql"'
    return response


def _integration(integration_id: str) -> Integration:
    """Return an integration of the team that has a GraphQL API. Raises NotFound and Conflict."""
    integration = get_integration(current_team().id, integration_id)
    check_has_graphql(integration)
    return integration


def _lead_on(integration_id: str, found: SchemaVersion | None) -> BaseResponse:
    """Lead to what was read: what it changes, or the page of the schema where there is nothing to decide."""
    if found is None:
        flash("Nothing changed: it is the schema that is stored already.", "success")
    elif found.number is None:
        return redirect_after(url_for(".proposal", integration_id=integration_id))
    else:
        flash(f"The schema was saved: {found.types} types. Add operations now.", "success")
    return redirect_after(url_for(".schema", integration_id=integration_id))


def _schema_page(
    integration: Integration,
    *,
    introspection: IntrospectionForm | None = None,
    sdl: SdlForm | None = None,
    http_status: int = 200,
) -> Response:
    return render(
        "graphql/schema.html",
        status=http_status,
        integration=integration,
        provider=get_provider(integration.provider),
        current=current_version(integration.id),
        versions=versions_of(integration.id),
        proposal=find_proposal(integration.id),
        operations=operations_of(integration.id),
        introspection=introspection or IntrospectionForm(formdata=None),
        sdl=sdl or SdlForm(formdata=None),
    )


def _proposal_page(integration: Integration, form: AcceptForm, *, http_status: int = 200) -> Response:
    found = get_proposal(integration.id)
    form.seen.data = f"{found.id}:{','.join(one['id'] for one in found.broken)}"
    return render(
        "graphql/proposal.html",
        status=http_status,
        integration=integration,
        proposal=found,
        groups=presentation.change_groups(found),
        impact=presentation.impact_words(found),
        form=form,
    )
