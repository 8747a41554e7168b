"""What an endpoint is: the request, its parameters, and how its pages follow one another. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

ParameterType = Literal["string", "number", "boolean", "json"]
PARAMETER_TYPES: tuple[str, ...] = get_args(ParameterType)

Strategy = Literal["none", "page", "offset", "cursor", "link_header", "next_url", "keyset"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)

#: A value of JSON.
Value = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that is given with each run. `default` None: there is none."""

    name: str
    type: ParameterType = "string"
    is_required: bool = True
    default: Value = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination:
    """How the pages of an answer follow one another, and when to stop.

    page: `parameter` counts pages from `first_page`. offset: it counts records. cursor: it repeats what the answer before
    holds at `next_at` or in the header `next_header`. keyset: it repeats what the last record holds at `key_at`.
    link_header: the next page is the answer's `Link` with rel="next" (RFC 8288). next_url: its address is at `next_at`.
    `…_at` are JSON pointers (RFC 6901).
    """

    strategy: Strategy = "none"
    #: Where an answer holds its records; empty: the whole answer is the list. None: it has none.
    records_at: str | None = None
    parameter: str = ""
    parameter_in: Literal["query", "body"] = "query"
    first_page: int = 1
    #: The parameter that asks for so many records a page, in the query; empty: the service decides.
    size_parameter: str = ""
    size: int | None = None
    next_at: str = ""
    next_header: str = ""
    key_at: str = ""
    pages_max: int = 10
    records_max: int = 10_000
    size_max_mib: int = 5
    seconds_max: int = 30

    @property
    def has_pages(self) -> bool:
        """Whether there can be more than one page."""
        return self.strategy != "none"

    @property
    def sends_position(self) -> bool:
        """Whether a parameter says where a page begins; else the answer before holds the page's address."""
        return self.strategy in {"page", "offset", "cursor", "keyset"}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Return what was stored; what an earlier release did not know has its default."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def as_json(self) -> dict[str, Any]:
        """Return what is stored."""
        return asdict(self)


#: Names with templates of their values, in their order; a name may stand several times.
Items = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A request with places for values: `{name}` in the path, `{{name}}` in the query, the headers and the body.

    `body` is JSON text, or empty. `idempotency_header`: the header in which the service takes an idempotency key; empty:
    it takes none.
    """

    name: str
    description: str = ""
    method: str = "GET"
    path: str = ""
    query: Items = ()
    headers: Items = ()
    body: str = ""
    parameters: Sequence[Parameter] = ()
    pagination: Pagination = field(default_factory=Pagination)
    idempotency_header: str = ""
