"""Pages of the request log."""

from collections.abc import Sequence
from typing import Any

import orjson
from flask import Response, request
from pydantic import ValidationError

from app.audit import queries, rules
from app.audit.exports import csv_download
from app.audit.links import links_of
from app.audit.models import LoggedRequest
from app.audit.queries import RequestFilter
from app.audit.schemas import METHODS, RequestQuery
from app.audit.views.lists import NEWS, Listing, in_words, swaps, unchanged, version_of
from app.extensions import current_settings
from app.lib.paging import Page
from app.web.access import current_team, require
from app.web.rendering import render
from app.web.schemes import Pages

requests = Pages("requests", __name__, url_prefix="/t/<team>/requests")

_LISTING = Listing("requests.index", "requests.export", ("q", "status", "method", "api_key_id", "from", "to"))
_LABELS = {"from": "From", "to": "To", "q": "Search", "api_key_id": "API key"}
_STATUSES = (
    ("2xx", "Accepted (2xx)"),
    ("failed", "Refused or failed"),
    ("4xx", "Refused (4xx)"),
    ("401", "Unknown caller (401)"),
    ("403", "Not allowed (403)"),
    ("404", "Not found (404)"),
    ("422", "Wrong values (422)"),
    ("429", "Limit reached (429)"),
    ("5xx", "Failed (5xx)"),
)
_COLUMNS = (
    "time", "api_key_id", "api_key", "method", "path", "route", "status", "error_code", "error_detail", "duration_ms",
    "request_bytes", "response_bytes", "address", "user_agent", "request_id", "id",
)  # fmt: skip


@requests.get("/")
@require("audit:read")
def index() -> Response:
    """Show the calls of the API, newest first, filtered; older pages and the refresh are fragments of it."""
    try:
        wanted = RequestQuery.model_validate(request.args.to_dict()).wanted()
    except ValidationError as error:
        return _page(RequestFilter(), Page(()), errors=in_words(error, _LABELS), status=422)
    page = queries.list_requests(current_team().id, wanted)
    if swaps(NEWS):
        return _news(wanted, page)
    return _page(wanted, page)


@requests.get("/export.csv")
@require("audit:read")
def export() -> Response:
    """Download what the filters choose, as CSV."""
    team = current_team()
    try:
        wanted = RequestQuery.model_validate(request.args.to_dict()).wanted()
    except ValidationError as error:
        return _page(RequestFilter(), Page(()), errors=in_words(error, _LABELS), status=422)
    rows = queries.export_requests(team.id, wanted)
    return csv_download(f"requests-{team.slug}", _COLUMNS, rows, _cells_of_request)


@requests.get("/<request_log_id>")
@require("audit:read")
def show(request_log_id: str) -> Response:
    """Show one call: how it was answered, what was sent, and what it changed."""
    team_id = current_team().id
    logged = queries.get_request(team_id, request_log_id)
    entries = queries.entries_of_request(team_id, logged)
    return render(
        "requests/show.html",
        logged=logged,
        headers=orjson.loads(logged.request_headers) if logged.request_headers else None,
        request_body=rules.pretty_json(logged.request_body or ""),
        response_body=rules.pretty_json(logged.response_body or ""),
        entries=entries,
        links=links_of(team_id, entries),
        words=rules,
    )


def _page(
    wanted: RequestFilter, page: Page[LoggedRequest], *, errors: Sequence[str] = (), status: int = 200
) -> Response:
    part_id = f"older-{wanted.cursor}"
    if wanted.cursor and swaps(part_id):
        fragment, target = "requests/_part.html", part_id
    elif swaps("list-bar"):
        fragment, target = "audit/_bar.html", "list-bar"
    else:
        fragment, target = "requests/_filtered.html", "request-list"
    keys = queries.keys_of_requests(current_team().id)
    if wanted.api_key_id and wanted.api_key_id not in dict(keys):
        keys.append((wanted.api_key_id, wanted.api_key_id))
    context = _context(wanted, page)
    return render(
        "requests/index.html",
        fragment=fragment,
        target=target,
        status=status,
        errors=errors,
        has_filters=wanted.is_filtering or bool(errors),
        statuses=_statuses(context["values"]["status"]),
        methods=[(method, method) for method in METHODS],
        keys=keys,
        **context,
    )


def _news(wanted: RequestFilter, page: Page[LoggedRequest]) -> Response:
    """Return the news for a page that is open: nothing, that there is some, or the newest rows."""
    if request.args.get("seen") == version_of(page):
        return unchanged()
    context = _context(wanted, page) | {"has_news": True, "has_filters": wanted.is_filtering, "errors": ()}
    context["shows_rows"] = request.args.get("idle") == "1"
    return render("requests/index.html", fragment="requests/_news.html", target=NEWS, **context)


def _context(wanted: RequestFilter, page: Page[LoggedRequest]) -> dict[str, Any]:
    return _LISTING.context(page, is_first=not wanted.cursor) | {
        "kept_days": current_settings().request_log_days,
    }


def _statuses(chosen: str) -> Sequence[tuple[str, str]]:
    return _STATUSES if not chosen or chosen in dict(_STATUSES) else (*_STATUSES, (chosen, chosen))


def _cells_of_request(logged: LoggedRequest) -> Sequence[object]:
    return (
        logged.created_at.isoformat(timespec="milliseconds"),
        logged.api_key_id,
        logged.api_key_name,
        logged.method,
        logged.path,
        logged.route,
        logged.status,
        logged.error_code,
        logged.error_detail,
        logged.duration_ms,
        logged.request_bytes,
        logged.response_bytes,
        logged.address,
        logged.user_agent,
        logged.request_id,
        logged.id,
    )
