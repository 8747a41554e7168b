"""Finding entries of the trail and logged requests, always within a team.

Filters that have an index choose the rows; the others look at most at `WINDOW` rows for a page and say how far
back they came.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, literal_column, or_, select
from sqlalchemy.orm import Session, defer

from app.audit.models import AuditEntry, LoggedRequest
from app.db.session import reading
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import born_at, is_id, lowest_id_at
from app.lib.paging import PAGE_SIZE, Page, page_of

#: How many rows a filter without an index looks at for one page.
WINDOW = 20_000
#: How many of the newest rows say what can be chosen in a filter.
_RECENT = 2_000
_CHOICES_MAX = 100
_EXPORT_PAGE = 500
#: A request writes its entries while it runs, and a client may use a request id twice.
_OF_REQUEST = timedelta(minutes=5)
_ENTRIES_OF_REQUEST_MAX = 100

_FAILED: ColumnElement[Any] = literal_column("logged_requests.status >= 400")
_UNREAD = tuple(defer(column) for column in (LoggedRequest.request_headers, LoggedRequest.request_body))

Row = TypeVar("Row", AuditEntry, LoggedRequest)
Conditions = tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries of the trail are wanted; None wants all. `cursor`: only those older than this id."""

    actor_id: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: An id of an entry, an actor, an object or a request, or a part of the names, the action or the detail.
    text: str | None = None
    cursor: str | None = None

    @property
    def is_filtering(self) -> bool:
        """Whether anything but the position of the page is asked for."""
        return replace(self, cursor=None) != EntryFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests are wanted; None wants all. `statuses`: lowest and highest, both included."""

    statuses: tuple[int, int] | None = None
    method: str | None = None
    api_key_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: A request's id, or a part of the path.
    text: str | None = None
    cursor: str | None = None

    @property
    def is_filtering(self) -> bool:
        """Whether anything but the position of the page is asked for."""
        return replace(self, cursor=None) != RequestFilter()


@dataclass(frozen=True, slots=True)
class Choices:
    """What the newest rows hold, as (value, label), for the filters of a page."""

    actors: list[tuple[str, str]]
    actions: list[str]
    object_types: list[str]


def list_entries(team_id: str, wanted: EntryFilter, *, size: int = PAGE_SIZE) -> Page[AuditEntry]:
    """Return a page of entries, newest first, before `wanted.cursor`."""
    return _page(db.session(), AuditEntry, _entry_conditions(team_id, wanted), size)


def list_requests(team_id: str, wanted: RequestFilter, *, size: int = PAGE_SIZE) -> Page[LoggedRequest]:
    """Return a page of requests, newest first, before `wanted.cursor`. Headers and bodies are not loaded."""
    return _page(db.session(), LoggedRequest, _request_conditions(team_id, wanted), size)


def export_entries(team_id: str, wanted: EntryFilter) -> Iterator[AuditEntry]:
    """Yield every entry, newest first; between pages no transaction is open."""
    return _export(AuditEntry, lambda cursor: _entry_conditions(team_id, replace(wanted, cursor=cursor)))


def export_requests(team_id: str, wanted: RequestFilter) -> Iterator[LoggedRequest]:
    """Yield every request, newest first, without headers and bodies; between pages no transaction is open."""
    return _export(LoggedRequest, lambda cursor: _request_conditions(team_id, replace(wanted, cursor=cursor)))


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


def choices_of_entries(team_id: str) -> Choices:
    """Return who did what to what lately."""
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
    return Choices(by_name[:_CHOICES_MAX], sorted(actions), sorted(object_types))


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


def _page(session: Session, model: type[Row], conditions: Conditions, size: int) -> Page[Row]:
    """Return a page; `searched_back_to` (ISO time) is set when the search stopped at its bound."""
    indexed, other = conditions
    query = select(model).where(*indexed, *other).order_by(model.id.desc()).limit(size + 1)
    if model is LoggedRequest:
        query = query.options(*_UNREAD, defer(LoggedRequest.response_body))
    bound = None
    if other:
        oldest = select(model.id).where(*indexed).order_by(model.id.desc()).offset(WINDOW - 1).limit(1)
        bound = session.scalar(oldest)
    if bound is not None:
        query = query.where(model.id >= bound)
    page = page_of(session.scalars(query).all(), size=size)
    if page.next_cursor is None and bound is not None:
        return replace(page, next_cursor=bound, searched_back_to=born_at(bound).isoformat(timespec="seconds"))
    return page


def _export(model: type[Row], conditions: Callable[[str | None], Conditions]) -> Iterator[Row]:
    cursor: str | None = None
    while True:
        # A session of its own for each page: a download may take minutes, and a reader that stays keeps SQLite's
        # log growing.
        with reading(), Session(db.engine, expire_on_commit=False) as session:
            page = _page(session, model, conditions(cursor), _EXPORT_PAGE)
            session.expunge_all()
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def _entry_conditions(team_id: str, wanted: EntryFilter) -> Conditions:
    indexed: list[ColumnElement[bool]] = [AuditEntry.team_id == team_id]
    other: list[ColumnElement[bool]] = []
    indexed += _bounds(AuditEntry, "aud", wanted)
    if wanted.actor_id:
        indexed.append(AuditEntry.actor_id == wanted.actor_id)
    if wanted.object_id:
        indexed.append(AuditEntry.object_id == wanted.object_id)
    if wanted.action:
        other.append(AuditEntry.action == wanted.action)
    if wanted.object_type:
        other.append(AuditEntry.object_type == wanted.object_type)
    if wanted.text and is_id(wanted.text, "aud"):
        indexed.append(AuditEntry.id == wanted.text)
    elif wanted.text:
        other.append(_entry_has(wanted.text))
    return indexed, other


def _entry_has(text: str) -> ColumnElement[bool]:
    parts = (AuditEntry.actor_name, AuditEntry.object_name, AuditEntry.action, AuditEntry.detail)
    # What people read as "API key revoked" is stored as api_key.revoked.
    as_words = func.replace(func.replace(AuditEntry.action, ".", " "), "_", " ")
    wholes = (AuditEntry.object_id, AuditEntry.actor_id, AuditEntry.request_id, AuditEntry.address)
    return or_(
        *(part.icontains(text, autoescape=True) for part in parts),
        *(whole == text for whole in wholes),
        as_words.icontains(text, autoescape=True),
    )


def _request_conditions(team_id: str, wanted: RequestFilter) -> Conditions:
    indexed: list[ColumnElement[bool]] = [LoggedRequest.team_id == team_id]
    other: list[ColumnElement[bool]] = []
    indexed += _bounds(LoggedRequest, "req", wanted)
    if wanted.api_key_id:
        indexed.append(LoggedRequest.api_key_id == wanted.api_key_id)
    if wanted.statuses:
        lowest, highest = wanted.statuses
        between = LoggedRequest.status.between(lowest, highest)
        if lowest >= 400 and not wanted.api_key_id:
            # Spelled out, so that both databases see that the index of the failed ones holds all of these.
            indexed += [_FAILED]
        other.append(between)
    if wanted.method:
        other.append(LoggedRequest.method == wanted.method)
    if wanted.text and is_id(wanted.text, "req"):
        indexed.append(LoggedRequest.id == wanted.text)
    elif wanted.text:
        has_text = LoggedRequest.path.icontains(wanted.text, autoescape=True)
        other.append(or_(has_text, LoggedRequest.request_id == wanted.text))
    return indexed, other


def _bounds(model: type[Row], prefix: str, wanted: EntryFilter | RequestFilter) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if wanted.cursor:
        bounds.append(model.id < wanted.cursor)
    if wanted.since:
        bounds.append(model.id >= lowest_id_at(prefix, wanted.since))
    if wanted.until:
        bounds.append(model.id < lowest_id_at(prefix, wanted.until))
    return bounds


def _get(model: type[Row], team_id: str, row_id: str, prefix: str, sentence: str) -> Row:
    query = select(model).where(model.team_id == team_id, model.id == row_id)
    row = db.session.scalars(query).one_or_none() if is_id(row_id, prefix) else None
    if row is None:
        raise NotFound(sentence)
    return row
