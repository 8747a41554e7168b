"""Finding events and event types, always within a team."""

from sqlalchemy import select

from app.events.catalogue import BUILT_IN, OWN, KnownType
from app.events.models import Event, EventType
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import born_at, is_id
from app.lib.paging import Page, page_of

#: How many events a filter without an index looks at for one page.
WINDOW = 20_000


def list_events(
    team_id: str,
    *,
    limit: int,
    cursor: str | None = None,
    event_type: str | None = None,
    is_test: bool | None = None,
) -> Page[Event]:
    """Return a page of events, newest first, older than the event `cursor`.

    A filter looks at most at `WINDOW` events: `searched_back_to` (ISO time) is set when it stopped there, and
    `next_cursor` then goes on from there.
    """
    scope = [Event.team_id == team_id]
    if cursor is not None:
        scope.append(Event.id < cursor)
    query = select(Event).where(*scope).order_by(Event.id.desc()).limit(limit + 1)
    bound = None
    if event_type is not None:
        query = query.where(Event.type == event_type)
    if is_test is not None:
        query = query.where(Event.is_test == is_test)
    if event_type is not None or is_test is not None:
        oldest = select(Event.id).where(*scope).order_by(Event.id.desc()).offset(WINDOW - 1).limit(1)
        bound = db.session.scalar(oldest)
    if bound is not None:
        query = query.where(Event.id >= bound)
    page = page_of(db.session.scalars(query).all(), size=limit)
    if page.next_cursor is None and bound is not None:
        searched_back_to = born_at(bound).isoformat(timespec="seconds")
        return Page(page.rows, next_cursor=bound, searched_back_to=searched_back_to)
    return page


def find_by_text(team_id: str, text: str) -> Page[Event]:
    """Return the event with this id or this idempotency key, if there is one."""
    if is_id(text, "evt"):
        match = Event.id == text
    elif text.isprintable():
        match = Event.idempotency_key == text
    else:
        return Page(())
    return Page(db.session.scalars(select(Event).where(Event.team_id == team_id, match)).all())


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


def list_types(team_id: str, *, limit: int, cursor: str | None = None) -> Page[KnownType]:
    """Return a page of all types, in their order, from behind the type named `cursor`.

    They are few hundred at most, and most of them are no rows. A cursor that names none begins anew.
    """
    known = known_types(team_id)
    names = [one.name for one in known]
    start = names.index(cursor) + 1 if cursor in names else 0
    return page_of(known[start : start + limit + 1], size=limit, id_attribute="name")


def find_type(team_id: str, name: str) -> KnownType | None:
    """Return a built-in type or one of the team's own."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not name.isprintable():
        return None
    row = db.session.scalars(
        select(EventType).where(EventType.team_id == team_id, EventType.name == name[:200])
    ).one_or_none()
    return _known(row) if row else None


def id_of_type(team_id: str, name: str) -> str:
    """Return the id by which the audit trail names a type of the team's own; "" where there is none."""
    query = select(EventType.id).where(EventType.team_id == team_id, EventType.name == name)
    return db.session.scalar(query) or ""


def get_type(team_id: str, name: str) -> KnownType:
    """Return a built-in type or one of the team's own. Raises NotFound."""
    known = find_type(team_id, name) if "\x00" not in name else None
    if known is None:
        raise NotFound("There is no such event type in this team.")
    return known


def _known(row: EventType) -> KnownType:
    return KnownType(row.name, OWN, row.description, row.example, is_own=True)
