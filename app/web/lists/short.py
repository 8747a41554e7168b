"""A list that is short by nature, and in no table: all its rows are read at once, then filtered and cut into pages."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from app.db.pages import Page
from app.web.lists.spec import DeclaredList, Selection, Shown

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _row_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("this is not the id of a row")
    return value


@dataclass(frozen=True, kw_only=True)
class ShortList(DeclaredList[T]):
    """The rows that `load` returns for a team, newest first. Their ids are of letters, digits, `-` and `_`.

    Rows come and go between two looks: after a cursor that is gone nothing follows, and rows between two of which one
    is gone are those of a whole page from there.
    """

    load: Callable[[str], Sequence[T]]

    def _page(self, team_id: str, wanted: Selection, size: int, shown: Shown) -> Page[T]:
        oldest_id, newest_id = shown
        rows = list(self.export(team_id, wanted))
        places = {_id(row): place for place, row in enumerate(rows)}
        first = 0 if wanted.cursor is None else places.get(wanted.cursor, len(rows)) + 1
        if newest_id is not None:
            first = max(first, places.get(newest_id, 0))
        last = min(first + size, places.get(oldest_id or "", len(rows)) + 1)
        page = rows[first:last]
        return Page(page, _id(page[-1]) if page and last < len(rows) else None)

    def export(self, team_id: str, wanted: Selection) -> Iterator[T]:
        """Yield every row that is wanted, newest first."""
        filters = [one for one in self.filters if one.field in wanted.values]
        for row in self.load(team_id):
            if all(one.takes_row(row, wanted.values[one.field]) for one in filters):
                yield row

    def is_row_id(self, text: str) -> bool:
        """Return whether this may be the id of a row."""
        return _ID.fullmatch(text) is not None

    def cursor_type(self) -> Any:  # noqa: ANN401 - an annotation
        """Return the annotation of a cursor, as pydantic takes it."""
        return Annotated[str, AfterValidator(_row_id)]

    def has_newer(self, ids: Sequence[str], newest_id: str) -> bool:
        """Return whether rows stand before this one; nobody knows once it is gone."""
        return newest_id in ids[1:] if newest_id else bool(ids)


def _id(row: Any) -> str:  # noqa: ANN401 - rows of any list
    return str(row.id)
