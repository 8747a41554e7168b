"""Finding events and event types, always within a team."""

from sqlalchemy import select

from app.events.catalogue import BUILT_IN, OWN, KnownType
from app.events.models import Event, EventType
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.lib.paging import Page, page_of


def list_events(
    team_id: str,
    *,
    limit: int,
    cursor: str | None = None,
    event_type: str | None = None,
    is_test: bool | None = None,
) -> Page[Event]:
    """Return a page of events, newest first, older than the event `cursor`."""
    query = select(Event).where(Event.team_id == team_id).order_by(Event.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Event.id < cursor)
    if event_type is not None:
        query = query.where(Event.type == event_type)
    if is_test is not None:
        query = query.where(Event.is_test == is_test)
    return page_of(db.session.scalars(query).all(), size=limit)


def get_event(team_id: str, event_id: str) -> Event:
    """Return an event of the team. Raises NotFound."""
    query = select(Event).where(Event.team_id == team_id, Event.id == event_id)
    event = db.session.scalars(query).one_or_none() if is_id(event_id, "evt") else None
    if event is None:
        raise NotFound("There is no such event in this team.")
    return event


def own_types(team_id: str) -> list[KnownType]:
    """Return the types that the team added, by name."""
    rows = db.session.scalars(
        select(EventType).where(EventType.team_id == team_id).order_by(EventType.name)
    ).all()
    return [_known(row) for row in rows]


def known_types(team_id: str) -> list[KnownType]:
    """Return all types that the team can subscribe to: the built-in ones, then its own."""
    return [*BUILT_IN.values(), *own_types(team_id)]


def find_type(team_id: str, name: str) -> KnownType | None:
    """Return a built-in type or one of the team's own."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    row = db.session.scalars(
        select(EventType).where(EventType.team_id == team_id, EventType.name == name[:200])
    ).one_or_none()
    return _known(row) if row else None


def get_type(team_id: str, name: str) -> KnownType:
    """Return a built-in type or one of the team's own. Raises NotFound."""
    known = find_type(team_id, name) if "\x00" not in name else None
    if known is None:
        raise NotFound("There is no such event type in this team.")
    return known


def _known(row: EventType) -> KnownType:
    return KnownType(row.name, OWN, row.description, row.example, is_own=True)
