"""Pages of the request log."""

from flask import Response

from app.audit import rules
from app.audit.links import link_to, links_of
from app.audit.queries import entries_of_request
from app.extensions import current_settings
from app.request_log import queries
from app.request_log.presentation import shown_call
from app.request_log.queries import REQUESTS
from app.web.access import current_team, require
from app.web.lists import ListPage
from app.web.rendering import render
from app.web.schemes import Pages

request_log = Pages("request_log", __name__, url_prefix="/t/<team>/requests")

_COLUMNS = (
    ("Request", ""), ("Status", ""), ("Caller or integration", ""), ("Duration", "text-end"), ("When", ""),
)  # fmt: skip
_CELLS = (
    "time=created_at", "direction", "api_key_id", "api_key=api_key_name", "integration_id",
    "integration=integration_name", "purpose", "source_id", "method", "host", "path", "route", "status",
    "error_code", "error_detail", "duration_ms", "tries", "dns_ms", "connect_ms", "tls_ms", "first_byte_ms",
    "request_bytes", "response_bytes", "address", "user_agent", "request_id", "id",
)  # fmt: skip
_LIST = ListPage(
    spec=REQUESTS,
    name="request",
    singular="request",
    plural="requests",
    endpoint="request_log.index",
    templates="request_log",
    columns=_COLUMNS,
    export_endpoint="request_log.export",
    cells=_CELLS,
    download_name="requests",
)


@request_log.get("/")
@require("audit:read")
def index() -> Response:
    """Show calls, in and out, newest first, filtered; older pages and the refresh are parts of it."""
    return _LIST.show(_kept)


@request_log.get("/export.csv")
@require("audit:read")
def export() -> Response:
    """Download what the filters choose, as CSV."""
    return _LIST.download(_kept)


@request_log.get("/<request_log_id>")
@require("audit:read")
def show(request_log_id: str) -> Response:
    """Show one call: how it was answered, what was sent, and what it changed."""
    team_id = current_team().id
    logged = queries.get_request(team_id, request_log_id)
    entries = entries_of_request(team_id, logged.request_id, at=logged.created_at)
    return render(
        "request_log/show.html",
        logged=logged,
        call=shown_call(logged),
        integration_url=link_to(team_id, "integration", logged.integration_id)
        if logged.integration_id
        else None,
        entries=entries,
        links=links_of(team_id, entries),
        words=rules,
    )


def _kept() -> dict[str, int]:
    return {"kept_days": current_settings().request_log_days}
