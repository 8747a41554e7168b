"""A list as a feature declares it, and what somebody asks of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model, model_validator
from sqlalchemy import Row, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.pages import (
    EXPORT_PAGE_SIZE,
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    Condition,
    Conditions,
    Page,
    export_rows,
    find_page,
)
from app.extensions import db
from app.lib.ids import is_id
from app.web.lists.filters import Filter, FlagFilter, PeriodFilter, Search, Unset, id_of
from app.web.schemas import StrictQuery

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])
#: The oldest and the newest row that a page shows, or None.
Shown = tuple[str | None, str | None]
Rows = Sequence[Row[*tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What somebody asks of a list: values by field, only those that are set, and the cursor of an older page."""

    values: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None

    @property
    def is_filtering(self) -> bool:
        """Whether anything but the position of the page is asked for."""
        return bool(self.values)


class _Query(BaseModel):
    spec: ClassVar["DeclaredList[Any]"]

    @model_validator(mode="after")
    def _times_are_ordered(self) -> Self:
        since, until = getattr(self, "from", None), getattr(self, "to", None)
        if since and until and since >= until:
            raise ValueError("'from' must be earlier than 'to'")
        return self

    def selection(self) -> Selection:
        """Return what was asked for, as queries take it."""
        given = {
            name: value for name in self.__class__.model_fields if (value := getattr(self, name)) is not None
        }
        return self.spec.selection_of(given)


class AddressQuery(_Query):
    """The address of a page. What it does not know is left alone; an empty value filters nothing."""

    model_config = ConfigDict(extra="ignore")


class ListQuery(StrictQuery, _Query):
    """The query parameters of a list for programs."""

    limit: int = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE_MAX, description="How many rows to return.")


@dataclass(frozen=True, kw_only=True)
class DeclaredList(ABC, Generic[T]):
    """What every list has, wherever its rows come from: filters, and what they take in an address.

    Rows have an `id`, the newest stands first.
    """

    filters: tuple[Filter, ...]

    def find(
        self,
        team_id: str,
        wanted: Selection | None = None,
        *,
        size: int = PAGE_SIZE,
        oldest_id: str | None = None,
        newest_id: str | None = None,
    ) -> Page[T]:
        """Return a page of what is wanted, newest first, after the row that is the cursor.

        `oldest_id` and `newest_id` limit it to the rows between them, both included: what a page showed before.
        """
        return self._page(team_id, wanted or Selection(), size, (oldest_id, newest_id))

    @abstractmethod
    def export(self, team_id: str, wanted: Selection) -> Iterator[T]:
        """Yield every row that is wanted, newest first; no transaction stays open."""

    @abstractmethod
    def is_row_id(self, text: str) -> bool:
        """Return whether this may be the id of a row."""

    @abstractmethod
    def cursor_type(self) -> Any:  # noqa: ANN401 - an annotation
        """Return the annotation of a cursor, as pydantic takes it."""

    @abstractmethod
    def has_newer(self, ids: Sequence[str], newest_id: str) -> bool:
        """Return whether there are rows newer than this one among those of a first page."""

    def select(self, **values: Any) -> Selection:
        """Return what has these values, by field; None wants all."""
        return self.selection_of({name: value for name, value in values.items() if value is not None})

    def selection_of(self, given: Mapping[str, Any]) -> Selection:
        """Return what was asked for by the parameters of an address."""
        values: dict[str, Any] = {}
        for one in self.filters:
            if isinstance(one, PeriodFilter):
                period = {name: given[name] for name in ("from", "to", "period") if name in given}
                if period:
                    values[one.field] = period
            elif isinstance(one, FlagFilter) and one.page_field in given:
                values[one.field] = given[one.page_field] == one.words[1][0]
            elif one.field in given:
                values[one.field] = given[one.field]
        return Selection(values, given.get("cursor"))

    @cached_property
    def page_query(self) -> type[AddressQuery]:
        """What the address of the page takes."""
        return cast(type[AddressQuery], self._model(AddressQuery, is_page=True))

    @cached_property
    def list_query(self) -> type[ListQuery]:
        """What the API takes."""
        return cast(type[ListQuery], self._model(ListQuery, is_page=False))

    def _model(self, base: Any, *, is_page: bool) -> Any:  # noqa: ANN401 - a model of the class `base`
        parameters: dict[str, Any] = {}
        for one in self.filters:
            if is_page or one.is_for_programs:
                parameters |= one.parameters(is_page=is_page)
        shown = Field(default=None, description="`next_cursor` of the page before; none for the newest rows.")
        parameters["cursor"] = (Annotated[self.cursor_type() | None, Unset], shown)
        model = create_model(base.__name__, __base__=base, **parameters)
        model.spec = self
        return model

    @abstractmethod
    def _page(self, team_id: str, wanted: Selection, size: int, shown: Shown) -> Page[T]:
        """Return a page of what is wanted."""


@dataclass(frozen=True, kw_only=True)
class ListSpec(DeclaredList[T]):
    """A list, newest first: the rows of `key` within `scope`, and how they are filtered.

    `key` is the id, which begins with `prefix`. `scope` returns what holds for all rows of a team, by an index unless it
    says otherwise. `rows` returns the query, whose first column is the entity, where that is more than the entity
    alone; `shape` makes what the list shows of its rows.
    """

    key: InstrumentedAttribute[str]
    prefix: str
    #: What an id of its is called, with its article.
    thing: str
    scope: Callable[[str], Sequence[Condition] | Conditions]
    rows: "Callable[[Search], Select[*tuple[Any, ...]]] | None" = None
    shape: Callable[[Search, Rows], Sequence[T]] = lambda _search, rows: [row[0] for row in rows]

    def _page(self, team_id: str, wanted: Selection, size: int, shown: Shown) -> Page[T]:
        oldest_id, newest_id = shown
        between: tuple[Condition, ...] = ()
        if oldest_id is not None:
            between += (self.key >= oldest_id,)
        if newest_id is not None:
            between += (self.key <= newest_id,)
        return self._find(db.session(), team_id, wanted, size, between)

    def export(self, team_id: str, wanted: Selection) -> Iterator[T]:
        """Yield every row that is wanted, newest first; between pages no transaction is open."""
        return export_rows(
            db.engine,
            lambda session, cursor: self._find(
                session, team_id, replace(wanted, cursor=cursor), EXPORT_PAGE_SIZE
            ),
        )

    def is_row_id(self, text: str) -> bool:
        """Return whether this may be the id of a row."""
        return is_id(text, self.prefix)

    def cursor_type(self) -> Any:  # noqa: ANN401 - an annotation
        """Return the annotation of a cursor, as pydantic takes it."""
        pattern = {"type": "string", "pattern": rf"^{self.prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"}
        return Annotated[str, id_of(self.prefix, self.thing), WithJsonSchema(pattern)]

    def has_newer(self, ids: Sequence[str], newest_id: str) -> bool:
        """Return whether there are rows newer than this one among those of a first page."""
        return any(one > newest_id for one in ids)

    def _find(
        self,
        session: Session,
        team_id: str,
        wanted: Selection,
        size: int,
        between: tuple[Condition, ...] = (),
    ) -> Page[T]:
        search = Search(session, team_id, wanted.values, self.key, self.prefix)
        scope = self.scope(team_id)
        conditions = scope if isinstance(scope, Conditions) else Conditions(tuple(scope))
        conditions += Conditions(between)
        if wanted.cursor is not None:
            conditions += Conditions((self.key < wanted.cursor,))
        for one in self.filters:
            if one.field in wanted.values:
                conditions += one.conditions(search, wanted.values[one.field])
        query = self.rows(search) if self.rows else select(self.key.class_)
        return find_page(
            session, query, conditions, key=self.key, shape=lambda rows: self.shape(search, rows), size=size
        )


def takes(spec: DeclaredList[Any]) -> Callable[[View], View]:
    """Let the parameter `query` of a route of the API be what the list takes."""

    def mark(view: View) -> View:
        view.__annotations__["query"] = spec.list_query
        return view

    return mark
