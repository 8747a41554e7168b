"""Keyset paging: a page is 'what comes after this id', so the tenth page costs what the first does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows newest first, and the cursor of the next older page (None: this is the last)."""

    rows: Sequence[T]
    next_cursor: str | None = None
    #: Set when a filter without an index stopped looking at its bound: older rows were not searched yet.
    searched_back_to: str | None = None


def page_of(rows: Sequence[T], *, size: int, id_attribute: str = "id") -> Page[T]:
    """Return a page from up to `size + 1` rows: the extra row only proves that there are older ones."""
    if len(rows) <= size:
        return Page(rows)
    kept = rows[:size]
    return Page(kept, str(getattr(kept[-1], id_attribute)))
