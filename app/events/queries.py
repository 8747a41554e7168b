"""Finding events and event types, always within a team."""

from pydantic import Field as QueryField
from sqlalchemy import select
from sqlalchemy.orm import defer

from app.db.pages import Condition, Page, page_of
from app.events.catalogue import BUILT_IN, OWN, KnownType
from app.events.models import Event, EventType
from app.events.rules import TYPE_NAME_MAX_CHARS
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, FlagFilter, ListSpec, PeriodFilter, Search, SearchFilter


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

    There are a few hundred at most, and the built-in ones are no rows. A cursor that names none starts from the beginning.
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


def _text(_search: Search, text: str) -> Condition:
    return Event.id == text if is_id(text, "evt") else Event.idempotency_key == text


EVENTS = ListSpec[Event](
    key=Event.id,
    prefix="evt",
    thing="an event",
    scope=lambda team_id: (Event.team_id == team_id,),
    # No list shows the data, and a page of a download would hold hundreds of megabytes of it.
    rows=lambda _search: select(Event).options(defer(Event.body, raiseload=True)),
    filters=(
        SearchFilter(
            label="Event id or idempotency key",
            placeholder="evt_…",
            condition=_text,
            is_indexed=True,
            is_for_programs=False,
        ),
        ChoiceFilter(
            field="type",
            label="Type",
            choices=lambda team_id: [(known.name, known.name) for known in known_types(team_id)],
            column=Event.type,
            chars_max=TYPE_NAME_MAX_CHARS,
            check=QueryField(pattern=r"^[a-z0-9_.]+$"),
            description="Only events of this type.",
        ),
        FlagFilter(
            field="is_test",
            page_field="kind",
            label="Kind",
            words=(("real", "Real events"), ("test", "Test events")),
            column=Event.is_test,
            description="Only test events, or only real ones.",
        ),
        PeriodFilter(is_for_programs=False),
    ),
)
