"""Finding calls in the request log, always within a team."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, defer

from app.db.pages import Condition, Conditions
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.request_log.models import FAILED, LoggedRequest
from app.request_log.rules import DIRECTIONS
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

_FAILED: ColumnElement[Any] = literal_column(f"({FAILED})")
_UNREAD = tuple(
    defer(column)
    for column in (
        LoggedRequest.request_headers,
        LoggedRequest.request_body,
        LoggedRequest.response_headers,
        LoggedRequest.response_body,
    )
)
_STATUSES = (
    ("2xx", "Accepted (2xx)"),
    ("failed", "Refused or failed"),
    ("none", "No answer"),
    ("3xx", "Redirected (3xx)"),
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


def get_outgoing(team_id: str, request_log_id: str) -> LoggedRequest:
    """Return a logged call of the team to a service. Raises NotFound."""
    logged = get_request(team_id, request_log_id)
    if not logged.is_outgoing:
        raise NotFound("There is no such call to a service. It may be older than what is kept.")
    return logged


def latest_outgoing(team_id: str, integration_id: str, *, count: int) -> Sequence[LoggedRequest]:
    """Return the latest calls through an integration, newest first."""
    query = (
        select(LoggedRequest)
        .options(*_UNREAD)
        .where(LoggedRequest.team_id == team_id, LoggedRequest.integration_id == integration_id)
        .order_by(LoggedRequest.id.desc())
        .limit(count)
    )
    return db.session.scalars(query).all()


def keys_of_requests(team_id: str) -> list[tuple[str, str]]:
    """Return (id, name) of the API keys that called lately, by name."""
    return _used_lately(team_id, LoggedRequest.api_key_id, LoggedRequest.api_key_name)


def integrations_of_requests(team_id: str) -> list[tuple[str, str]]:
    """Return (id, name) of the integrations that were called through lately, by name."""
    return _used_lately(
        team_id,
        LoggedRequest.integration_id,
        LoggedRequest.integration_name,
        LoggedRequest.direction == "out",
    )


def _hosts_of_requests(team_id: str) -> list[tuple[str, str]]:
    return _used_lately(team_id, LoggedRequest.host, LoggedRequest.host, LoggedRequest.direction == "out")


def _errors_of_requests(team_id: str) -> list[tuple[str, str]]:
    return _used_lately(team_id, LoggedRequest.error_code, LoggedRequest.error_code, _FAILED)


def _used_lately(
    team_id: str,
    value: InstrumentedAttribute[str | None],
    name: InstrumentedAttribute[str | None],
    *conditions: ColumnElement[bool],
) -> list[tuple[str, str]]:
    """Return value and name of what the latest of these calls have, by name."""
    recent = (
        select(value, name)
        .where(LoggedRequest.team_id == team_id, *conditions)
        .order_by(LoggedRequest.id.desc())
        .limit(_RECENT)
        .subquery()
    )
    found = {one: label or one for one, label in db.session.execute(select(recent).distinct()) if one}
    return sorted(found.items(), key=lambda item: item[1].lower())[:_CHOICES_MAX]


def _request_text(_search: Search, text: str) -> Condition | Conditions:
    if is_id(text, "req"):
        return Conditions(indexed=(LoggedRequest.id == text,))
    return or_(
        LoggedRequest.path.icontains(text, autoescape=True),
        LoggedRequest.host.icontains(text, autoescape=True),
        LoggedRequest.request_id == text,
        LoggedRequest.source_id == text,
    )


def _status(search: Search, status: str) -> Conditions:
    if status == "failed":
        found = Conditions(scanned=(_FAILED,))
    else:
        bounds = status_bounds(status)
        found = Conditions(
            scanned=(
                LoggedRequest.status.is_(None) if bounds is None else LoggedRequest.status.between(*bounds),
            )
        )
        if bounds is not None and bounds[0] < 400:
            return found
    if search.values.keys() & {"api_key_id", "integration_id"}:
        return found
    # Spelled out, so that both databases see that the index of the failed ones holds all of these.
    return found + Conditions(indexed=(_FAILED,))


REQUESTS = ListSpec[LoggedRequest](
    key=LoggedRequest.id,
    prefix="req",
    thing="a request",
    scope=lambda team_id: (LoggedRequest.team_id == team_id,),
    rows=lambda _search: select(LoggedRequest).options(*_UNREAD),
    filters=(
        SearchFilter(
            condition=_request_text,
            placeholder="Address, or a request id",
            description="The id of a request or of the definition it was made from, or text in its address.",
        ),
        ChoiceFilter(
            field="direction",
            label="Direction",
            choices=DIRECTIONS,
            column=LoggedRequest.direction,
            is_indexed=True,
            description="`in`: calls of the API. `out`: calls to other services.",
        ),
        StatusFilter(
            field="status",
            label="Status",
            choices=_STATUSES,
            condition=_status,
            description="`2xx`, `3xx`, `4xx`, `5xx`, `failed`, `none` for no answer, or a status.",
            examples=("failed",),
        ),
        ChoiceFilter(
            field="method",
            label="Method",
            choices=[(method, method) for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")],
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
        ChoiceFilter(
            field="integration_id",
            label="Integration",
            choices=integrations_of_requests,
            column=LoggedRequest.integration_id,
            is_indexed=True,
            description="Only calls through this integration.",
            examples=("int_01k9zq7n3q9t5w8x1c4e6g0j2m",),
        ),
        ChoiceFilter(
            field="error_code",
            label="Error",
            choices=_errors_of_requests,
            column=LoggedRequest.error_code,
            description="The code of the refusal, or the kind of the failure of a call to a service.",
            examples=("timeout_first_byte",),
        ),
        ChoiceFilter(
            field="host",
            label="Host",
            choices=_hosts_of_requests,
            column=LoggedRequest.host,
            description="Only calls to this host.",
            examples=("api.example.com",),
        ),
        PeriodFilter(),
    ),
)

#: Calls to other services alone.
OUTGOING = replace(
    REQUESTS,
    thing="a call",
    scope=lambda team_id: (LoggedRequest.team_id == team_id, LoggedRequest.direction == "out"),
    filters=tuple(one for one in REQUESTS.filters if one.field not in ("direction", "api_key_id")),
)
