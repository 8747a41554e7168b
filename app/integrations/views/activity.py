"""The activity of integrations: their calls, as the request log has them."""

from flask import Response, request, url_for

from app.extensions import current_settings
from app.integrations.queries.integrations import find_name
from app.integrations.views.blueprint import integrations
from app.lib.ids import is_id
from app.request_log.models import LoggedRequest
from app.request_log.presentation import shown_call
from app.request_log.queries import OUTGOING, get_outgoing
from app.web.access import current_team, require
from app.web.lists import ListPage
from app.web.rendering import render

_CELLS = (
    "time=created_at", "integration_id", "integration=integration_name", "purpose", "source_id", "method", "host",
    "path", "status", "error_code", "error_detail", "duration_ms", "tries", "dns_ms", "connect_ms", "tls_ms",
    "first_byte_ms", "request_bytes", "response_bytes", "address", "request_id", "id",
)  # fmt: skip
_LIST = ListPage[LoggedRequest](
    spec=OUTGOING,
    name="call",
    singular="call",
    plural="calls",
    endpoint="integrations.activity",
    templates="integrations/activity",
    columns=(("Call", ""), ("Status", ""), ("Integration", ""), ("Duration", "text-end"), ("When", "")),
    export_endpoint="integrations.download_activity",
    cells=_CELLS,
    download_name="integration-calls",
)


@integrations.get("/activity")
@require("integrations:read")
def activity() -> Response:
    """List the calls through the team's integrations, newest first."""
    return _LIST.show(_kept)


@integrations.get("/activity/export.csv")
@require("integrations:read")
def download_activity() -> Response:
    """Download the calls that the filters leave, as CSV."""
    return _LIST.download(_kept)


@integrations.get("/activity/<call_id>")
@require("integrations:read")
def show_call(call_id: str) -> Response:
    """Show one call through an integration: where its time went, what was sent and answered."""
    team_id = current_team().id
    logged = get_outgoing(team_id, call_id)
    return render(
        "integrations/activity/show.html",
        call=shown_call(logged),
        logged=logged,
        integration_url=_integration_url(team_id, logged),
    )


def _integration_url(team_id: str, logged: LoggedRequest) -> str | None:
    name = find_name(team_id, logged.integration_id or "")
    return None if name is None else url_for(".show", integration_id=logged.integration_id or "")


def _kept() -> dict[str, object]:
    chosen = request.args.get("integration_id", "")
    return {
        "kept_days": current_settings().request_log_days,
        "chosen_name": find_name(current_team().id, chosen) if is_id(chosen, "int") else None,
        "chosen_id": chosen,
    }
