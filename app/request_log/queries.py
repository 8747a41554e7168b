"""Finding calls in the request log, always within a team."""

from typing import Any

from sqlalchemy import ColumnElement, literal_column, or_, select
from sqlalchemy.orm import defer

from app.db.pages import Condition, Conditions
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.request_log.models import LoggedRequest
from app.web.lists import (
    ChoiceFilter,
    ListSpec,
    PeriodFilter,
    Search,
    SearchFilter,
    StatusFilter,
    status_bounds,
)

#: How many of the newest calls say which API keys can be chosen in the filter.
_RECENT = 2_000
_CHOICES_MAX = 100

_FAILED: ColumnElement[Any] = literal_column("logged_requests.status >= 400")
_UNREAD = tuple(
    defer(column)
    for column in (LoggedRequest.request_headers, LoggedRequest.request_body, LoggedRequest.response_body)
)
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


def get_request(team_id: str, request_log_id: str) -> LoggedRequest:
    """Return a logged call of the team. Raises NotFound."""
    query = select(LoggedRequest).where(LoggedRequest.team_id == team_id, LoggedRequest.id == request_log_id)
    logged = db.session.scalars(query).one_or_none() if is_id(request_log_id, "req") else None
    if logged is None:
        raise NotFound("There is no such request in this team's log. It may be older than what is kept.")
    return logged


def keys_of_requests(team_id: str) -> list[tuple[str, str]]:
    """Return (id, name) of the API keys that called lately, by name."""
    recent = (
        select(LoggedRequest.api_key_id, LoggedRequest.api_key_name)
        .where(LoggedRequest.team_id == team_id)
        .order_by(LoggedRequest.id.desc())
        .limit(_RECENT)
        .subquery()
    )
    found = {
        key_id: name or key_id for key_id, name in db.session.execute(select(recent).distinct()) if key_id
    }
    return sorted(found.items(), key=lambda item: item[1].lower())[:_CHOICES_MAX]


def _request_text(_search: Search, text: str) -> Condition | Conditions:
    if is_id(text, "req"):
        return Conditions(indexed=(LoggedRequest.id == text,))
    return or_(LoggedRequest.path.icontains(text, autoescape=True), LoggedRequest.request_id == text)


def _status(search: Search, status: str) -> Conditions:
    bounds = status_bounds(status)
    assert bounds is not None, "every logged request was answered"  # noqa: S101
    between = Conditions(scanned=(LoggedRequest.status.between(*bounds),))
    if bounds[0] >= 400 and "api_key_id" not in search.values:
        # Spelled out, so that both databases see that the index of the failed ones holds all of these.
        return between + Conditions(indexed=(_FAILED,))
    return between


REQUESTS = ListSpec[LoggedRequest](
    key=LoggedRequest.id,
    prefix="req",
    thing="a request",
    scope=lambda team_id: (LoggedRequest.team_id == team_id,),
    rows=lambda _search: select(LoggedRequest).options(*_UNREAD),
    filters=(
        SearchFilter(
            condition=_request_text,
            placeholder="Path, or a request id",
            description="The id of a request, or text in its path.",
        ),
        StatusFilter(
            field="status",
            label="Status",
            choices=_STATUSES,
            condition=_status,
            description="`2xx`, `4xx`, `5xx`, `failed`, or a status.",
            examples=("failed",),
        ),
        ChoiceFilter(
            field="method",
            label="Method",
            choices=[(method, method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")],
            column=LoggedRequest.method,
            description="Only calls with this method.",
        ),
        ChoiceFilter(
            field="api_key_id",
            label="API key",
            choices=keys_of_requests,
            column=LoggedRequest.api_key_id,
            is_indexed=True,
            description="Only calls with this API key.",
            examples=("key_01k9zq4w6v3m8t7c5x2b9d0r1s",),
        ),
        PeriodFilter(),
    ),
)
