"""The list of endpoints, an endpoint with its trial, and the forms that define, change and delete one."""

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.audit.latest import latest_change
from app.calls.rest import presentation
from app.calls.rest.definition import Definition
from app.calls.rest.forms import EndpointFields, EndpointForm, form_of, read_run
from app.calls.rest.queries import ENDPOINTS, EndpointRow, get_endpoint, integrations_to_choose
from app.calls.rest.services import endpoints as services
from app.calls.rest.services.endpoints import definition_of, endpoint_version
from app.calls.rest.services.reports import RunReport
from app.calls.rest.services.running import RunOrder, run_endpoint
from app.calls.rest.strategies import STRATEGIES
from app.lib.errors import Invalid, PreconditionFailed, SignalboxError
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.rendering import digest, redirect_after, render, retry_later
from app.web.schemes import Pages

endpoints = Pages("endpoints", __name__, url_prefix="/t/<team>/endpoints")

_LIST = ListPage[EndpointRow](
    spec=ENDPOINTS,
    name="endpoint",
    singular="endpoint",
    plural="endpoints",
    endpoint="endpoints.index",
    templates="endpoints",
    columns=(("Endpoint", ""), ("Integration", ""), ("Pages", ""), ("Changed", "")),
    export_endpoint="endpoints.download",
    cells=(
        "id", "name", "description", "integration_id", "integration_name", "method", "path", "pagination_strategy",
        "created_at", "updated_at",
    ),
    hides_filters_when_blank=True,
)  # fmt: skip


@endpoints.get("/")
@require("integrations:read")
def index() -> Response:
    """List the requests that the team can send through its integrations."""
    return _LIST.show(_context)


@endpoints.get("/download")
@require("integrations:read")
def download() -> Response:
    """Download the endpoints that the filters leave, as CSV."""
    return _LIST.download(_context)


@endpoints.get("/new")
@require("integrations:write")
def new() -> Response:
    """Show the form for a new endpoint."""
    form = EndpointForm(formdata=None, integration_id=request.args.get("integration", ""))
    return _form_page(form)


@endpoints.post("/new")
@require("integrations:write")
@keeps_input(EndpointForm)
@runs_once
def create() -> BaseResponse:
    """Define an endpoint and lead to its page."""
    form = EndpointForm()
    try:
        if not form.integration_id.data:
            raise Invalid.field("integration_id", "Choose the integration that it is sent through.")
        endpoint_id = services.create_endpoint(
            current_team().id,
            str(form.integration_id.data),
            Definition(**form.values()),
            created_by_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error, form.field_names())
        return _form_page(form, http_status=error.status)
    flash("The endpoint was defined. Try it.", "success")
    return redirect_after(url_for(".show", endpoint_id=endpoint_id))


@endpoints.get("/<endpoint_id>")
@require("integrations:read")
def show(endpoint_id: str) -> Response:
    """Show an endpoint: what it sends, a form to try it, how a program runs it."""
    return _show_page(get_endpoint(current_team().id, endpoint_id))


@endpoints.post("/<endpoint_id>/run")
@require("integrations:call")
def run(endpoint_id: str) -> Response:
    """Run an endpoint with the values of the form, and show what the service answered."""
    team_id = current_team().id
    row = get_endpoint(team_id, endpoint_id)
    sent = request.form.to_dict()
    try:
        values = read_run(definition_of(row.endpoint).parameters, sent)
        order = RunOrder(
            parameters=values,
            resume=sent.get("resume") or None,
            # Of a form that is sent twice a service that takes keys carries out one.
            idempotency_key=digest(sent["form_token"]) if "form_token" in sent else None,
        )
        report = run_endpoint(team_id, endpoint_id, order)
    except SignalboxError as error:
        page = _show_page(get_endpoint(team_id, endpoint_id), sent=sent, refusal=error)
        return retry_later(page, error)
    return _show_page(get_endpoint(team_id, endpoint_id), sent=sent, report=report)


@endpoints.get("/<endpoint_id>/edit")
@require("integrations:write")
def edit(endpoint_id: str) -> Response:
    """Show the form that changes an endpoint."""
    row = get_endpoint(current_team().id, endpoint_id)
    return _form_page(_form_of(row), row=row)


@endpoints.post("/<endpoint_id>/edit")
@require("integrations:write")
@keeps_input(EndpointForm)
@runs_once
def update(endpoint_id: str) -> BaseResponse:
    """Change an endpoint."""
    team_id = current_team().id
    row = get_endpoint(team_id, endpoint_id)
    form = EndpointForm()
    try:
        services.update_endpoint(team_id, endpoint_id, form.values(), expected=form.expected_version)
    except PreconditionFailed as error:
        row = get_endpoint(team_id, endpoint_id)
        change = latest_change(team_id, endpoint_id, "endpoint.updated")
        form.show_conflict(_form_of(row), change, newer_url=url_for(".edit", endpoint_id=endpoint_id))
        return _form_page(form, row=row, http_status=error.status)
    except SignalboxError as error:
        form.take_errors(error, form.field_names())
        return _form_page(form, row=row, http_status=error.status)
    flash("The endpoint was changed.", "success")
    return redirect_after(url_for(".show", endpoint_id=endpoint_id))


@endpoints.get("/<endpoint_id>/delete")
@require("integrations:write")
def confirm_delete(endpoint_id: str) -> Response:
    """Ask before an endpoint is deleted."""
    return render(
        "endpoints/delete.html",
        fragment="endpoints/_delete.html",
        target="delete-endpoint",
        row=get_endpoint(current_team().id, endpoint_id),
    )


@endpoints.post("/<endpoint_id>/delete")
@require("integrations:write")
@runs_once
def delete(endpoint_id: str) -> BaseResponse:
    """Delete an endpoint; what was logged of its runs stays."""
    name = get_endpoint(current_team().id, endpoint_id).name
    services.delete_endpoint(current_team().id, endpoint_id)
    flash(f"The endpoint {name} was deleted.", "success")
    return redirect_after(url_for(".index"))


def _context() -> dict[str, Any]:
    return {"has_integrations": bool(integrations_to_choose(current_team().id)), "show": presentation}


def _form_of(row: EndpointRow) -> EndpointFields:
    form = form_of(definition_of(row.endpoint), row.integration_id)
    form.begin_with(endpoint_version(row.endpoint))
    return form


def _show_page(
    row: EndpointRow,
    *,
    sent: Mapping[str, str] | None = None,
    report: RunReport | None = None,
    refusal: SignalboxError | None = None,
) -> Response:
    """Return an endpoint's page; right after a run, with what came of it or why there was none."""
    definition = definition_of(row.endpoint)
    errors = {error.field: error.message for error in refusal.errors} if refusal else {}
    questions = presentation.questions(definition, sent, errors)
    shown = {f"parameters.{one.parameter.name}" for one in questions}
    return render(
        "endpoints/show.html",
        fragment="endpoints/_try.html",
        target="try",
        status=refusal.status if refusal else 200,
        row=row,
        endpoint=row.endpoint,
        definition=definition,
        questions=questions,
        result=presentation.shown_run(report) if report else None,
        refusal=refusal.detail if refusal else None,
        refusal_notes=[message for field, message in errors.items() if field not in shown],
        example=presentation.curl_of_run(row.endpoint, definition),
        show=presentation,
    )


def _form_page(form: EndpointFields, *, row: EndpointRow | None = None, http_status: int = 200) -> Response:
    choices = integrations_to_choose(current_team().id)
    form.integration_id.choices = {"": "Choose one", **dict(choices)}
    return render(
        "endpoints/form.html",
        fragment="endpoints/_form.html",
        target="endpoint-form",
        status=http_status,
        form=form,
        row=row,
        strategies=STRATEGIES,
        action=url_for(".update", endpoint_id=row.id) if row else url_for(".create"),
    )
