"""Finding entries of the trail and logged requests, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from flask import g
from sqlalchemy import ColumnElement, func, literal_column, or_, select
from sqlalchemy.orm import defer

from app.audit.models import AuditEntry, LoggedRequest
from app.audit.rules import action_words, object_words
from app.db.pages import Condition, Conditions
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id, lowest_id_at
from app.web.lists import (
    ChoiceFilter,
    Filter,
    ListSpec,
    PeriodFilter,
    Search,
    SearchFilter,
    StatusFilter,
    status_bounds,
)

#: How many of the newest rows say what can be chosen in a filter.
_RECENT = 2_000
_CHOICES_MAX = 100
#: A request writes its entries while it runs, and a client may use a request id twice.
_OF_REQUEST = timedelta(minutes=5)
_ENTRIES_OF_REQUEST_MAX = 100

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

Row = TypeVar("Row", AuditEntry, LoggedRequest)


@dataclass(frozen=True, slots=True)
class RecentValues:
    """What the newest entries hold, as (value, label)."""

    actors: list[tuple[str, str]]
    actions: list[tuple[str, str]]
    object_types: list[tuple[str, str]]


def get_entry(team_id: str, entry_id: str) -> AuditEntry:
    """Return an entry of the team. Raises NotFound."""
    return _get(AuditEntry, team_id, entry_id, "aud", "There is no such entry in this team's audit trail.")


def get_request(team_id: str, request_log_id: str) -> LoggedRequest:
    """Return a logged request of the team. Raises NotFound."""
    sentence = "There is no such request in this team's log. It may be older than what is kept."
    return _get(LoggedRequest, team_id, request_log_id, "req", sentence)


def entries_of_request(team_id: str, logged: LoggedRequest) -> Sequence[AuditEntry]:
    """Return what a logged request changed, oldest first."""
    if not logged.request_id:
        return ()
    query = (
        select(AuditEntry)
        .where(
            AuditEntry.team_id == team_id,
            AuditEntry.id >= lowest_id_at("aud", logged.created_at - _OF_REQUEST),
            AuditEntry.id < lowest_id_at("aud", logged.created_at + _OF_REQUEST),
            AuditEntry.request_id == logged.request_id,
        )
        .order_by(AuditEntry.id)
        .limit(_ENTRIES_OF_REQUEST_MAX)
    )
    return db.session.scalars(query).all()


def recent_values(team_id: str) -> RecentValues:
    """Return who did what to what lately; three filters of one page ask for it."""
    if "recent_values" not in g:
        g.recent_values = _read_recent_values(team_id)
    return cast(RecentValues, g.recent_values)


def _read_recent_values(team_id: str) -> RecentValues:
    recent = (
        select(AuditEntry.actor_id, AuditEntry.actor_name, AuditEntry.action, AuditEntry.object_type)
        .where(AuditEntry.team_id == team_id)
        .order_by(AuditEntry.id.desc())
        .limit(_RECENT)
        .subquery()
    )
    actors: dict[str, str] = {}
    actions: set[str] = set()
    object_types: set[str] = set()
    for actor_id, actor_name, action, object_type in db.session.execute(select(recent).distinct()):
        if actor_id:
            actors[actor_id] = actor_name
        actions.add(action)
        object_types.add(object_type)
    by_name = sorted(actors.items(), key=lambda item: item[1].lower())
    return RecentValues(
        by_name[:_CHOICES_MAX],
        [(name, action_words(name)) for name in sorted(actions)],
        [(name, object_words(name)) for name in sorted(object_types)],
    )


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


def _entry_text(_search: Search, text: str) -> Condition | Conditions:
    if is_id(text, "aud"):
        return Conditions(indexed=(AuditEntry.id == text,))
    parts = (AuditEntry.actor_name, AuditEntry.object_name, AuditEntry.action, AuditEntry.detail)
    # What people read as "API key revoked" is stored as api_key.revoked.
    as_words = func.replace(func.replace(AuditEntry.action, ".", " "), "_", " ")
    wholes = (AuditEntry.object_id, AuditEntry.actor_id, AuditEntry.request_id, AuditEntry.address)
    return or_(
        *(part.icontains(text, autoescape=True) for part in parts),
        *(whole == text for whole in wholes),
        as_words.icontains(text, autoescape=True),
    )


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


def _get(model: type[Row], team_id: str, row_id: str, prefix: str, sentence: str) -> Row:
    query = select(model).where(model.team_id == team_id, model.id == row_id)
    row = db.session.scalars(query).one_or_none() if is_id(row_id, prefix) else None
    if row is None:
        raise NotFound(sentence)
    return row


ENTRIES = ListSpec[AuditEntry](
    key=AuditEntry.id,
    prefix="aud",
    thing="an entry",
    scope=lambda team_id: (AuditEntry.team_id == team_id,),
    filters=(
        SearchFilter(
            condition=_entry_text,
            placeholder="A name, an action, or an id",
            description="The id of an entry, an actor, an object or a request, a network address, or text in the"
            " names, the action or the detail.",
        ),
        ChoiceFilter(
            field="actor_id",
            label="Who",
            choices=lambda team_id: recent_values(team_id).actors,
            column=AuditEntry.actor_id,
            is_indexed=True,
            description="The id of a user or an API key.",
            examples=("key_01k9zq4w6v3m8t7c5x2b9d0r1s",),
        ),
        ChoiceFilter(
            field="object_type",
            label="About",
            choices=lambda team_id: recent_values(team_id).object_types,
            column=AuditEntry.object_type,
            description="To what kind of object.",
            examples=("webhook",),
        ),
        ChoiceFilter(
            field="action",
            label="Action",
            choices=lambda team_id: recent_values(team_id).actions,
            column=AuditEntry.action,
            description="What was done.",
            examples=("webhook.updated",),
        ),
        Filter(
            field="object_id",
            label="Object id",
            column=AuditEntry.object_id,
            is_indexed=True,
            description="To which object.",
            examples=("wh_01k9zq4w6v3m8t7c5x2b9d0r1s",),
        ),
        PeriodFilter(),
    ),
)

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
