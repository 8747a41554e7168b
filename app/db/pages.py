"""Keyset pages over a query: a page is 'what comes after this id', so the tenth page costs as much as the first.

Conditions that an index answers in the order of ids choose the rows. The others look at most at `WINDOW` rows for a
page, which then says how far back it came: it costs the same with a thousand and with ten million rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Engine, Row, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.session import reading
from app.lib.ids import born_at, lowest_id_at

T = TypeVar("T")

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200
#: How many rows a condition without an index looks at for one page.
WINDOW = 20_000
EXPORT_PAGE_SIZE = 500

Condition = ColumnElement[bool]
#: Makes what a page shows of the rows that a query returned, in their order.
Shape = Callable[[Sequence[Row[*tuple[Any, ...]]]], Sequence[T]]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows newest first, and the cursor of the next older page (None: this is the last)."""

    rows: Sequence[T]
    next_cursor: str | None = None
    #: Set when a condition without an index stopped looking at its bound: older rows were not searched yet.
    searched_back_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """`indexed`: what an index answers in the order of ids; `scanned`: what needs each row."""

    indexed: tuple[Condition, ...] = ()
    scanned: tuple[Condition, ...] = ()

    def __add__(self, other: "Conditions") -> "Conditions":
        """Return both together."""
        return Conditions(self.indexed + other.indexed, self.scanned + other.scanned)


def page_of(rows: Sequence[T], *, size: int, id_attribute: str = "id") -> Page[T]:
    """Return a page from up to `size + 1` rows: the extra row only proves that there are older ones."""
    if len(rows) <= size:
        return Page(rows)
    kept = rows[:size]
    return Page(kept, str(getattr(kept[-1], id_attribute)))


def id_bounds(
    key: InstrumentedAttribute[str],
    prefix: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Conditions:
    """Return the conditions for rows that were born at or after `since` and before `until`."""
    bounds: list[Condition] = []
    if since is not None:
        bounds.append(key >= lowest_id_at(prefix, since))
    if until is not None:
        bounds.append(key < lowest_id_at(prefix, until))
    return Conditions(tuple(bounds))


def find_page(
    session: Session,
    query: "Select[*tuple[Any, ...]]",
    conditions: Conditions,
    *,
    key: InstrumentedAttribute[str],
    shape: Shape[T],
    size: int = PAGE_SIZE,
) -> Page[T]:
    """Return a page of `query`, whose first column is the entity of `key`, newest first.

    `searched_back_to` is set when the search stopped at its bound; `next_cursor` then goes on from there.
    """
    found = query.where(*conditions.indexed, *conditions.scanned).order_by(key.desc()).limit(size + 1)
    bound = _window_bound(session, conditions, key) if conditions.scanned else None
    if bound is not None:
        found = found.where(key >= bound)
    rows = session.execute(found).all()
    shaped = shape(rows[:size])
    if len(rows) > size:
        return Page(shaped, getattr(rows[size - 1][0], key.key))
    if bound is not None:
        return Page(shaped, bound, born_at(bound).replace(microsecond=0))
    return Page(shaped)


def export_rows(engine: Engine, find: Callable[[Session, str | None], Page[T]]) -> Iterator[T]:
    """Yield the rows of every page that `find` returns for a cursor; between pages no transaction is open."""
    cursor: str | None = None
    while True:
        # A session of its own for each page: a download may take minutes, and a long reader keeps SQLite's
        # log growing.
        with reading(), Session(engine, expire_on_commit=False) as session:
            page = find(session, cursor)
            session.expunge_all()
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def _window_bound(session: Session, conditions: Conditions, key: InstrumentedAttribute[str]) -> str | None:
    """Return the oldest id of the window; None where the window holds all there is."""
    # An index alone answers this, so it costs little beside reading the rows.
    query = select(key).where(*conditions.indexed).order_by(key.desc()).offset(WINDOW - 1).limit(1)
    return session.scalar(query)
