"""How requests prove who sends them, and the request that proves that they are believed. Pure data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.integrations.spec.fields import Field


@dataclass(frozen=True, slots=True)
class NoAuth:
    """Requests carry no credentials: the address itself is the secret, or there is none."""


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """A secret in a header. `value` is a template, `Bearer {token}`; so is `header`, for services of the team's own."""

    value: str
    header: str = "Authorization"


@dataclass(frozen=True, slots=True)
class QueryAuth:
    """A secret in the query, for services that know no other way. `parameter` is a template, `field` a name."""

    parameter: str
    field: str


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic (RFC 7617) from two templates: `{user}` and `{password}`."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class OAuthAuth:
    """The access token of the connection, in a header."""

    value: str = "Bearer {access_token}"
    header: str = "Authorization"


Placement = NoAuth | HeaderAuth | QueryAuth | BasicAuth | OAuthAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthMethod:
    """One way to prove who sends a request. `fields` are asked for where it is chosen."""

    slug: str
    label: str
    placement: Placement
    fields: tuple[Field, ...] = ()
    note: str = ""
    #: Where calls go that are proven so, and how that is checked, if not as the provider says.
    base_url: str = ""
    check: "Check | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The request that proves that an integration works, and what its success proves. `body` is sent as it is.

    `sends`: it leaves something behind at the provider, such as a run of a workflow; the page says so before. `expected`
    are the statuses of success; `read` looks into the answer: it returns the account's name, where there is one, and
    raises Refused for an error that comes with such a status.
    """

    proves: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    expected: tuple[int, ...] = (200, 201, 202, 204)
    sends: str = ""
    read: Callable[[Any], str | None] | None = None
