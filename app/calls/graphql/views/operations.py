"""The list of saved operations, an operation with its run, and the forms that add, change and delete one."""

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.audit.latest import latest_change
from app.calls.graphql import presentation
from app.calls.graphql.forms import OperationForm, RunForm, operation_form, run_form
from app.calls.graphql.models import Operation
from app.calls.graphql.queries import (
    OPERATIONS,
    OperationRow,
    current_version,
    get_operation,
    graphql_integrations,
)
from app.calls.graphql.services import operations as services
from app.calls.graphql.services.running import MUTATE, RunReport, run_operation
from app.calls.graphql.views.blueprint import graphql
from app.extensions import current_settings
from app.integrations.models import Integration
from app.integrations.queries.integrations import get_integration
from app.lib.errors import PreconditionFailed, SignalboxError
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.rendering import redirect_after, render, retry_later

_LIST = ListPage[OperationRow](
    spec=OPERATIONS,
    name="operation",
    singular="operation",
    plural="operations",
    endpoint="graphql.index",
    templates="graphql",
    columns=(("Operation", ""), ("Kind", ""), ("Integration", ""), ("Schema", "")),
    export_endpoint="graphql.download",
    cells=(
        "id",
        "name",
        "kind",
        "description",
        "integration_id",
        "integration_name",
        "is_valid",
        "created_at",
    ),
    state_of=lambda row: row.state,
    hides_filters_when_blank=True,
)


@graphql.get("/")
@require("integrations:read")
def index() -> Response:
    """List the saved operations of all integrations."""
    return _LIST.show()


@graphql.get("/download")
@require("integrations:read")
def download() -> Response:
    """Download the operations that the filters leave, without their documents, as CSV."""
    return _LIST.download()


@graphql.get("/operations/new")
@require("integrations:write")
def choose() -> Response:
    """Show the integrations that an operation can be added to."""
    return render("graphql/choose.html", found=graphql_integrations(current_team().id))


@graphql.get("/operations/new/<integration_id>")
@require("integrations:write")
def new(integration_id: str) -> BaseResponse:
    """Show the form for a new operation; without a schema, the way to get one."""
    integration = get_integration(current_team().id, integration_id)
    if current_version(integration_id) is None:
        flash("Operations are checked against a schema: add that first.", "info")
        return redirect_after(url_for(".schema", integration_id=integration_id))
    return _form_page(OperationForm(), integration)


@graphql.post("/operations/new/<integration_id>")
@require("integrations:write")
@keeps_input(OperationForm)
@runs_once
def create(integration_id: str) -> BaseResponse:
    """Save an operation and lead to its page."""
    form = OperationForm()
    try:
        operation_id = services.create_operation(
            current_team().id,
            integration_id,
            document=_document_of(form),
            description=str(form.description.data or "").strip(),
            created_by_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error)
        integration = get_integration(current_team().id, integration_id)
        return retry_later(_form_page(form, integration, http_status=error.status), error)
    flash("The operation was saved.", "success")
    return redirect_after(url_for(".show", operation_id=operation_id))


@graphql.get("/operations/<operation_id>")
@require("integrations:read")
def show(operation_id: str) -> Response:
    """Show an operation, whether it fits the schema, and the form that runs it."""
    operation = get_operation(current_team().id, operation_id)
    return _show_page(operation, run_form(operation.variables)(formdata=None))


@graphql.post("/operations/<operation_id>/run")
@require("integrations:call")
def run(operation_id: str) -> Response:
    """Run an operation and show what the service answered."""
    team_id = current_team().id
    form = run_form(get_operation(team_id, operation_id).variables)()
    try:
        report = run_operation(team_id, operation_id, form.values(), may_mutate=principal().may(MUTATE))
    except SignalboxError as error:
        form.take_errors(error, form.field_names)
        operation = get_operation(team_id, operation_id)
        return retry_later(_show_page(operation, form, http_status=error.status), error)
    return _show_page(get_operation(team_id, operation_id), form, report=report)


@graphql.get("/operations/<operation_id>/edit")
@require("integrations:write")
def edit(operation_id: str) -> Response:
    """Show the form that changes an operation."""
    operation = get_operation(current_team().id, operation_id)
    integration = get_integration(current_team().id, operation.integration_id)
    return _form_page(operation_form(operation), integration, operation=operation)


@graphql.post("/operations/<operation_id>/edit")
@require("integrations:write")
@keeps_input(OperationForm)
@runs_once
def update(operation_id: str) -> BaseResponse:
    """Change an operation."""
    team_id, form = current_team().id, OperationForm()
    try:
        services.update_operation(
            team_id,
            operation_id,
            document=_document_of(form),
            description=str(form.description.data or "").strip(),
            expected=form.expected_version,
        )
    except SignalboxError as error:
        operation = get_operation(team_id, operation_id)
        integration = get_integration(team_id, operation.integration_id)
        if isinstance(error, PreconditionFailed):
            change = latest_change(team_id, operation_id, "graphql_operation.updated")
            newer_url = url_for(".edit", operation_id=operation_id)
            form.show_conflict(operation_form(operation), change, newer_url=newer_url)
        else:
            form.take_errors(error)
        page = _form_page(form, integration, operation=operation, http_status=error.status)
        return retry_later(page, error)
    flash("The operation was changed.", "success")
    return redirect_after(url_for(".show", operation_id=operation_id))


@graphql.get("/operations/<operation_id>/delete")
@require("integrations:write")
def confirm_delete(operation_id: str) -> Response:
    """Ask before an operation is deleted."""
    return render(
        "graphql/delete.html",
        fragment="graphql/_delete.html",
        target="delete-operation",
        operation=get_operation(current_team().id, operation_id),
    )


@graphql.post("/operations/<operation_id>/delete")
@require("integrations:write")
@runs_once
def delete(operation_id: str) -> BaseResponse:
    """Delete an operation."""
    name = get_operation(current_team().id, operation_id).name
    services.delete_operation(current_team().id, operation_id)
    flash(f"The operation {name} was deleted.", "success")
    return redirect_after(url_for(".index"))


def _document_of(form: OperationForm) -> str:
    """Return the document with the line ends of Unix: browsers send others."""
    return "\n".join(str(form.document.data or "").splitlines())


def _show_page(
    operation: Operation, form: RunForm, *, report: RunReport | None = None, http_status: int = 200
) -> Response:
    return render(
        "graphql/show.html",
        fragment="graphql/_run.html",
        target="run",
        status=http_status,
        operation=operation,
        integration=get_integration(operation.team_id, operation.integration_id),
        form=form,
        report=report,
        shown=presentation.shown_run(report) if report else None,
        may_run=principal().may("integrations:call")
        and (operation.kind == "query" or principal().may(MUTATE)),
        example=presentation.curl_of(operation, current_settings().public_url),
    )


def _form_page(
    form: OperationForm,
    integration: Integration,
    *,
    operation: Operation | None = None,
    http_status: int = 200,
) -> Response:
    return render(
        "graphql/form.html",
        fragment="graphql/_form.html",
        target="operation-form",
        status=http_status,
        form=form,
        integration=integration,
        operation=operation,
        action=url_for(".update", operation_id=operation.id)
        if operation
        else url_for(".create", integration_id=integration.id),
    )
