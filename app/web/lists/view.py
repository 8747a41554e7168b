"""What the templates of a list show: its rows, its filters, and the addresses that lead on from here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from functools import cached_property
from typing import Any, Generic, TypeVar

from flask import request, url_for

from app.db.pages import Page
from app.web.access import current_team
from app.web.lists.controls import Chip, Control
from app.web.lists.downloads import Cells
from app.web.lists.filters import PERIODS, Choices, Filter, FlagFilter, PeriodFilter
from app.web.lists.spec import DeclaredList, Selection
from app.web.rendering import digest

T = TypeVar("T")

REFRESH_S, PENDING_REFRESH_S = 30, 3
#: The element that looks again, and the bar around it.
NEWS, BAR = "list-news", "list-bar"


@dataclass(frozen=True, kw_only=True)
class ListLook(Generic[T]):
    """How a page shows a list.

    `templates` is the folder with index.html, _rows.html (one page of rows) and _empty.html (there is nothing at all);
    `columns` are the headings with their classes, none for a list that is no table. `name` names the element.
    """

    spec: DeclaredList[T]
    name: str
    singular: str
    plural: str
    endpoint: str
    templates: str
    columns: Sequence[tuple[str, str]] = ()
    #: Where the list is downloaded, and what stands in its columns.
    export_endpoint: str | None = None
    cells: Cells = ()
    #: What a downloaded file is named after, if not after `templates`.
    download_name: str = ""
    #: What may change in a row while it is shown.
    state_of: Callable[[T], object] = lambda _row: None
    #: Seconds until some of these rows may have changed; None: they stay as they are.
    changes_in_s: Callable[[Sequence[T]], int | None] = lambda _rows: None
    #: What the rows need beside themselves.
    rows_context: Callable[[Sequence[T]], Mapping[str, Any]] = lambda _rows: {}
    hides_filters_when_blank: bool = False
    #: Without columns: cards beside each other instead of entries below each other.
    is_grid: bool = False
    #: How soon rows that wait for something look again at the latest.
    rows_refresh_max_s: int = PENDING_REFRESH_S
    #: Names in the address that are no filters, such as how the list looks: kept wherever it leads.
    keeps: Sequence[str] = ()


@dataclass
class ListView(Generic[T]):
    """One answer of a list."""

    page: ListLook[T]
    wanted: Selection
    found: Page[T]
    #: What cannot be read, by the name in the address.
    errors: Mapping[str, str] = field(default_factory=dict)
    oldest_id: str | None = None
    #: The newest row that the asking page shows.
    newest_id: str | None = None
    has_news: bool = False
    shows_rows: bool = False

    def __post_init__(self) -> None:
        rows = self.found.rows
        if rows:
            self.oldest_id = self.oldest_id or self.id_of(rows[-1])
            self.newest_id = self.id_of(rows[0])

    @staticmethod
    def id_of(row: Any) -> str:  # noqa: ANN401 - rows of any list
        """Return the id of a row."""
        return str(row.id)

    # -- Rows ------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[T]:
        """The rows of this page."""
        return self.found.rows

    @property
    def is_first(self) -> bool:
        """Whether these are the newest rows."""
        return self.wanted.cursor is None

    @property
    def is_filtering(self) -> bool:
        """Whether a filter is set, or was meant to be."""
        return self.wanted.is_filtering or bool(self.errors)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to filter and nothing to wait for."""
        has_anything = bool(self.rows) or self.is_filtering or not self.is_first
        return self.page.hides_filters_when_blank and not has_anything

    @cached_property
    def rows_id(self) -> str:
        """The id of the element around the rows."""
        return "newest" if self.is_first else f"older-{self.wanted.cursor}"

    @property
    def element_id(self) -> str:
        """The id of the element of the list."""
        return f"{self.page.name}-list"

    # -- Refreshing ------------------------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """Whether nothing looks again by itself."""
        return "paused" in self.here

    @cached_property
    def rows_refresh_s(self) -> int | None:
        """How soon the rows look again; None: never."""
        wait_s = None if self.is_paused else self.page.changes_in_s(self.rows)
        return None if wait_s is None else min(wait_s, self.page.rows_refresh_max_s)

    @property
    def refresh_s(self) -> int:
        """How soon the line above the list looks for other rows."""
        return REFRESH_S if self.rows_refresh_s is None else self.page.rows_refresh_max_s

    @cached_property
    def rows_version(self) -> str:
        """A short word that changes with what is shown of the rows."""
        states = [(self.id_of(row), self.page.state_of(row)) for row in self.rows]
        return digest(self.rows_refresh_s, states)

    @cached_property
    def version(self) -> str:
        """A short word that changes with which rows there are, and with how soon to look for others."""
        return f"{digest([self.id_of(row) for row in self.rows])}.{self.refresh_s}"

    def is_same(self, version: str | None) -> bool:
        """Return whether there were the same rows."""
        return (version or "").partition(".")[0] == self.version.partition(".")[0]

    # -- Addresses -------------------------------------------------------------------------------------------

    @cached_property
    def here(self) -> dict[str, str]:
        """What is set, as it stands in the address: filters, whether refreshing is paused, and how the list looks."""
        names = (*self.page.spec.page_query.model_fields, "paused", *self.page.keeps)
        given = {name: request.args.get(name, "").strip() for name in names if name != "cursor"}
        return {name: value for name, value in given.items() if value}

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, as they stand in the address."""
        return {name: value for name, value in self.here.items() if name not in ("paused", *self.page.keeps)}

    @property
    def kept(self) -> dict[str, str]:
        """What no filter changes: how the list looks."""
        return {name: value for name, value in self.here.items() if name in self.page.keeps}

    def url(self, **parameters: str | None) -> str:
        """Return the address of the list with these parameters."""
        return url_for(self.page.endpoint, **parameters)  # type: ignore[arg-type]

    @property
    def list_url(self) -> str:
        """Where the filter form leads."""
        return self.url()

    @property
    def newest_url(self) -> str:
        """The newest rows under the same filters."""
        return self.url(**self.here)

    @property
    def clear_url(self) -> str:
        """All rows."""
        return self.url(paused=self.here.get("paused"), **self.kept)

    @property
    def older_url(self) -> str | None:
        """The next page; None: this is the last."""
        cursor = self.found.next_cursor
        return self.url(**self.here, cursor=cursor) if cursor else None

    @property
    def news_url(self) -> str:
        """Where the line above the list asks for other rows."""
        return self.url(**self.here, seen=self.version, newest=self.newest_id)

    @property
    def refresh_url(self) -> str:
        """Where these rows ask how they are now."""
        shown = {"oldest": self.oldest_id, "newest": self.newest_id, "seen": self.rows_version}
        return self.url(**self.here, cursor=self.wanted.cursor, **shown)

    @property
    def export_url(self) -> str | None:
        """Where all that is wanted is downloaded."""
        endpoint, values = self.page.export_endpoint, dict[str, Any](self.filters)
        return url_for(endpoint, **values) if endpoint else None

    # -- Filters ---------------------------------------------------------------------------------------------

    @cached_property
    def controls(self) -> list[Control]:
        """The controls of the filter form, in the order of the declaration."""
        return [control for one in self.page.spec.filters for control in self._controls(one)]

    @property
    def parameters(self) -> list[str]:
        """The names of all controls."""
        return [name for name in self.page.spec.page_query.model_fields if name != "cursor"]

    @property
    def chips(self) -> list[Chip]:
        """The filters that are set, each with the address without it."""
        if self.errors:
            return []
        return [chip for one in self.page.spec.filters for chip in self._chips(one)]

    def _controls(self, one: Filter) -> list[Control]:
        names = ["period", "from", "to"] if isinstance(one, PeriodFilter) else [_page_name(one)]
        return [
            Control(
                name,
                {"from": "From", "to": "To"}.get(name, one.label),
                one.control if name not in ("from", "to") else "moment",
                self._shown_value(name),
                one.placeholder,
                self._choices[one.field],
                self.errors.get(name, ""),
            )
            for name in names
        ]

    @cached_property
    def _choices(self) -> dict[str, Choices]:
        team_id = current_team().id
        return {
            one.field: one.choices_of(team_id, self.here.get(_page_name(one), ""))
            for one in self.page.spec.filters
        }

    def _shown_value(self, name: str) -> str:
        moment = self.wanted.values.get("period", {}).get(name) if name in ("from", "to") else None
        if moment is None:
            return self.here.get(name, "")
        return str(
            moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S" if moment.second else "%Y-%m-%dT%H:%M")
        )

    def _chips(self, one: Filter) -> list[Chip]:
        if one.field not in self.wanted.values:
            return []
        if isinstance(one, PeriodFilter):
            value = self.wanted.values[one.field]
            chips = [
                Chip(label, "", value[name], self._without(name))
                for name, label in (("from", "From"), ("to", "To"))
                if name in value
            ]
            if "period" in value:
                words = PERIODS[value["period"]][0]
                chips.insert(0, Chip(one.label, words, None, self._without("period")))
            return chips
        name = _page_name(one)
        given = self.here.get(name, "")
        words = dict(self._choices[one.field]).get(given, given)
        return [Chip(one.label, words, None, self._without(name))]

    def _without(self, name: str) -> str:
        return self.url(**{other: value for other, value in self.here.items() if other != name})


def _page_name(one: Filter) -> str:
    return one.page_field if isinstance(one, FlagFilter) else one.field
