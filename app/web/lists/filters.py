"""The filters of lists: each is declared once, for the page, the API and the query."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator
from pydantic import Field as QueryField
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.pages import Condition, Conditions, id_bounds
from app.lib import clock
from app.lib.ids import is_id

QUERY_CHARS_MAX = 200

Choices = Sequence[tuple[str, str]]
#: By name: what a query parameter is, as `pydantic.create_model` takes it.
Parameters = dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Search:
    """One search in the rows of a team: the values of the filters that are set, by field."""

    session: Session
    team_id: str
    values: Mapping[str, Any]
    key: InstrumentedAttribute[str]
    prefix: str


def _empty_is_unset(value: object) -> object:
    # A GET form sends every control, the untouched ones empty.
    return (value.strip() or None) if isinstance(value, str) else value


def _aware(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is beyond the calendar") from None


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("leave out control characters")
    return value


def id_of(prefix: str, thing: str) -> AfterValidator:
    """Return what refuses text that is not the id of such a thing."""

    def check(value: str) -> str:
        if not is_id(value, prefix):
            raise ValueError(f"this is not the id of {thing}: those look like {prefix}_01k…")
        return value

    return AfterValidator(check)


#: On a field: an empty value filters nothing.
Unset = BeforeValidator(_empty_is_unset)
#: A time; without a zone it is UTC.
Moment = Annotated[datetime, AfterValidator(_aware)]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter by the text of one column.

    `field` names it in addresses, of the page and of the API; `label` names it on the page. `column` has to be equal
    to the value; `condition` is for all that is more than that. `is_indexed`: an index finds these rows in the order of
    ids. A filter that is not `is_for_programs` stands on the page alone.
    """

    field: str
    label: str
    description: str = ""
    column: InstrumentedAttribute[Any] | None = None
    condition: Callable[[Search, Any], Condition | Conditions] | None = None
    #: Of rows that are in no table: whether one fits the value. None: its attribute `field` has to be equal.
    fits: Callable[[Any, Any], bool] | None = None
    is_indexed: bool = False
    examples: tuple[str, ...] = ()
    placeholder: str = ""
    #: An annotation of pydantic that a value has to pass.
    check: Any = None
    chars_max: int = QUERY_CHARS_MAX
    is_for_programs: bool = True
    #: How the page shows it: search (while typing), input, select, suggest (typed, with suggestions) or period.
    control: str = "input"

    def parameters(self, *, is_page: bool) -> Parameters:
        """Return what it takes in an address, by name."""
        kind: Any = Annotated[str, QueryField(max_length=self.chars_max)]
        if self.check is not None:
            kind = Annotated[kind, self.check]
        return {self.field: self._parameter(Annotated[kind, AfterValidator(_printable)])}

    def conditions(self, search: Search, value: Any) -> Conditions:  # noqa: ANN401 - as its type has it
        """Return what a row has to fulfil."""
        if self.condition is not None:
            found = self.condition(search, value)
        else:
            assert self.column is not None, f"the filter {self.field} names neither column nor condition"  # noqa: S101
            found = cast(Condition, self.column == value)
        if isinstance(found, Conditions):
            return found
        return Conditions(indexed=(found,)) if self.is_indexed else Conditions(scanned=(found,))

    def takes_row(self, row: object, value: Any) -> bool:  # noqa: ANN401 - as its type has it
        """Return whether a row that is in no table fits the value."""
        return self.fits(row, value) if self.fits else bool(getattr(row, self.field) == value)

    def choices_of(self, team_id: str, chosen: str) -> Choices:
        """Return (value, label) of what can be chosen; what is chosen is among them."""
        return ()

    def error_words(self, error: str) -> str | None:
        """Return what to do about an error of pydantic, in the words of the form; None: as it stands."""
        if error == "string_too_long":
            return f"write at most {self.chars_max} characters"
        return None

    def _parameter(self, kind: Any) -> tuple[Any, Any]:  # noqa: ANN401 - an annotation
        shown = QueryField(default=None, description=self.description, examples=list(self.examples) or None)
        return Annotated[kind | None, Unset], shown


@dataclass(frozen=True, kw_only=True)
class SearchFilter(Filter):
    """Text that people type; the list follows while they do."""

    field: str = "q"
    label: str = "Search"
    control: str = "search"


@dataclass(frozen=True, kw_only=True)
class ChoiceFilter(Filter):
    """One of some values: fixed ones, or those that a team has now, among which old ones may be missing."""

    choices: Choices | Callable[[str], Choices] = ()
    control: str = "select"

    def parameters(self, *, is_page: bool) -> Parameters:
        """Return what it takes in an address, by name."""
        if callable(self.choices):
            return Filter.parameters(self, is_page=is_page)
        return {self.field: self._parameter(cast(Any, Literal)[tuple(value for value, _ in self.choices)])}

    def choices_of(self, team_id: str, chosen: str) -> Choices:
        """Return (value, label) of what can be chosen; what is chosen is among them, however long ago it was."""
        choices = self.choices(team_id) if callable(self.choices) else self.choices
        return [*choices, (chosen, chosen)] if chosen and chosen not in dict(choices) else choices

    def error_words(self, error: str) -> str | None:
        """Return what to do about an error of pydantic, in the words of the form; None: as it stands."""
        if error == "literal_error" and not callable(self.choices):
            *others, last = (label for _, label in self.choices)
            return f"choose {', '.join(others)} or {last}"
        return Filter.error_words(self, error)


@dataclass(frozen=True, kw_only=True)
class FlagFilter(ChoiceFilter):
    """Yes or no, which a page calls by two words of its own: `words` are (value, label) for no, then for yes."""

    words: tuple[tuple[str, str], tuple[str, str]]
    page_field: str

    def parameters(self, *, is_page: bool) -> Parameters:
        """Return what it takes in an address, by name."""
        if not is_page:
            return {self.field: self._parameter(bool)}
        return {self.page_field: self._parameter(cast(Any, Literal)[tuple(value for value, _ in self.words)])}

    def choices_of(self, team_id: str, chosen: str) -> Choices:
        """Return the two words."""
        return self.words

    def error_words(self, error: str) -> str | None:
        """Return what to do about an error of pydantic, in the words of the form; None: as it stands."""
        (_, no), (_, yes) = self.words
        return f"choose {no} or {yes}"


#: Classes of statuses, with the lowest and the highest of each. None: no answer at all.
STATUS_CLASSES: dict[str, tuple[int, int] | None] = {
    "2xx": (200, 299),
    "3xx": (300, 399),
    "4xx": (400, 499),
    "5xx": (500, 599),
    "failed": (400, 599),
    "none": None,
}
_STATUS = re.compile(r"[1-5][0-9]{2}")


@dataclass(frozen=True, kw_only=True)
class StatusFilter(Filter):
    """An HTTP status: a class of them, or one by its number. `choices`: the classes, and numbers worth a suggestion."""

    choices: Choices
    control: str = "suggest"

    @property
    def classes(self) -> list[str]:
        """Return the classes that can be asked for."""
        return [value for value, _ in self.choices if value in STATUS_CLASSES]

    def parameters(self, *, is_page: bool) -> Parameters:
        """Return what it takes in an address, by name."""
        return {self.field: self._parameter(Annotated[str, AfterValidator(self._checked)])}

    def conditions(self, search: Search, value: str) -> Conditions:
        """Return what a row has to fulfil."""
        if self.condition is not None:
            return Filter.conditions(self, search, value)
        assert self.column is not None  # noqa: S101
        bounds = status_bounds(value)
        return Conditions(
            scanned=(self.column.is_(None) if bounds is None else self.column.between(*bounds),)
        )

    def choices_of(self, team_id: str, chosen: str) -> Choices:
        """Return what is suggested."""
        return self.choices

    def _checked(self, value: str) -> str:
        if value in self.classes or _STATUS.fullmatch(value):
            return value
        raise ValueError(f"choose one of {', '.join(self.classes)}, or a status such as 429")


def status_bounds(value: str) -> tuple[int, int] | None:
    """Return the lowest and the highest status of a class or a number; None: no answer."""
    return STATUS_CLASSES[value] if value in STATUS_CLASSES else (int(value), int(value))


PERIODS: dict[str, tuple[str, timedelta]] = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
_PERIOD_CHOICES = tuple((value, label) for value, (label, _) in PERIODS.items())


@dataclass(frozen=True, kw_only=True)
class PeriodFilter(Filter):
    """When a row was made: `from`, `to`, and on the page the last hour, day, week or month. Always indexed.

    `what` says of which time it speaks, such as "Accepted".
    """

    field: str = "period"
    label: str = "Time"
    what: str = ""
    choices: Choices = _PERIOD_CHOICES
    control: str = "period"

    def parameters(self, *, is_page: bool) -> Parameters:
        """Return what it takes in an address, by name."""
        kind = Annotated[Moment | None, Unset]
        found: Parameters = {
            name: (
                kind,
                QueryField(default=None, description=f"{words} this time, UTC unless it says otherwise."),
            )
            for name, words in (
                ("from", f"{self.what} at or after".strip().capitalize()),
                ("to", f"{self.what} before".strip().capitalize()),
            )
        }
        if is_page:
            found["period"] = self._parameter(cast(Any, Literal)[tuple(PERIODS)])
        return found

    def conditions(self, search: Search, value: Mapping[str, Any]) -> Conditions:
        """Return what a row has to fulfil: all of them, where several are set."""
        bounds = id_bounds(search.key, search.prefix, since=value.get("from"), until=value.get("to"))
        if "period" not in value:
            return bounds
        since = clock.now() - PERIODS[value["period"]][1]
        return bounds + id_bounds(search.key, search.prefix, since=since)

    def choices_of(self, team_id: str, chosen: str) -> Choices:
        """Return the periods that can be chosen."""
        return self.choices

    def error_words(self, error: str) -> str | None:
        """Return what to do about an error of pydantic, in the words of the form; None: as it stands."""
        if error.startswith("datetime"):
            return "write a time such as 2026-11-21T14:00 (UTC)"
        labels = ", ".join(label for _, label in self.choices)
        return f"choose one of {labels}" if error == "literal_error" else None
