"""What a provider is: the service, its form, how requests prove who sends them, its OAuth. Pure data and small hooks.

One module of `app.integrations.providers` describes one provider; pages, API, OAuth and calls are made from that.
Addresses may hold names in braces, such as `https://{subdomain}.zendesk.com`: each stands for a field of the form or for
something that the provider said when it was connected (`Provider.known_names`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Literal


class IntegrationType(StrEnum):
    """What kind of service it is."""

    ZAPIER = "zapier"
    MAKE = "make"
    N8N = "n8n"
    SLACK = "slack"
    REST = "rest"
    GRAPHQL = "graphql"
    WEBHOOK = "webhook"
    CRM = "crm"
    DESIGN = "design"
    MARKETING = "marketing"
    COURIER = "courier"
    CUSTOM = "custom"


class Category(StrEnum):
    """The headings of the catalogue, in their order."""

    AUTOMATION = "Automation"
    COMMUNICATION = "Communication"
    CRM = "CRM"
    MARKETING = "Marketing"
    SUPPORT = "Support"
    DESIGN = "Design"
    PRODUCTIVITY = "Productivity"
    DEVELOPMENT = "Development"
    STORAGE = "Files"
    FINANCE = "Finance"
    COMMERCE = "Commerce"
    GENERIC = "Any service"


class Refused(Exception):
    """What the provider sent does not fit, or is an error that it calls a success. The text says what, to a person."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        #: The provider's own error code, for what follows from it (RFC 6749 §5.2 has names for most).
        self.code = code


FieldKind = Literal["text", "url", "secret", "choice", "multiline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of the form. A `secret` is sealed, and never shown again; everything else is configuration.

    `form` says which values are taken, where not any text: a `host` is a host name, a `label` one part of one, so that
    nothing typed into it can lead an address elsewhere; a `path_segment` has no slash, a `path` begins with one; a `url`
    is for addresses that are secrets themselves; a `token` names a header (RFC 9110 §5.6.2).
    """

    name: str
    label: str
    kind: FieldKind = "text"
    help: str = ""
    #: "Where do I find this?": the way through the provider's own pages.
    where: str = ""
    placeholder: str = ""
    is_required: bool = True
    default: str = ""
    #: Of a `choice`: value and label.
    choices: tuple[tuple[str, str], ...] = ()
    form: Literal["any", "label", "host", "path_segment", "path", "url", "token"] = "any"
    max_chars: int = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """Something the provider lets an app do. `note` says what it is for here."""

    name: str
    note: str
    is_default: bool = True


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


class Pkce(StrEnum):
    """What the provider makes of RFC 7636."""

    REQUIRED = "required"
    SUPPORTED = "supported"
    #: It does not say. A challenge is sent: servers ignore parameters that they do not know (RFC 6749 §3.1).
    UNDOCUMENTED = "undocumented"
    #: It refuses, or changes for good, what an app may do that sends a challenge.
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRequest:
    """A provider's own way to end a grant: one request.

    Templates may hold `token`, the token to revoke, and the app's `client_id` and `client_secret`. `read` raises Refused
    for an error that comes with a status of success.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Sent where it is not empty.
    body: Mapping[str, str] = field(default_factory=dict)
    encoding: Literal["json", "form"] = "json"
    revokes: Literal["access_token", "refresh_token"] = "access_token"
    #: How the request proves who sends it: by the access token, or by the app's id and secret.
    credentials: Literal["access_token", "client_basic", "none"] = "access_token"
    expected: tuple[int, ...] = (200, 204)
    read: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """A provider's OAuth 2.0: its addresses, and where it differs from RFC 6749.

    `read_answer` takes the JSON object of any answer of the token endpoint, before anybody else reads it, and returns one
    as RFC 6749 §5.1 has it; it raises Refused for errors, also for those that come with a success status, with the name
    that §5.2 has for them. `read_callback` takes the callback's query, the configuration and the app's secret; it checks
    what the provider signed and returns what is to be kept of it, under names of `callback_names`.
    """

    authorization_url: str
    token_url: str
    scopes: tuple[Scope, ...] = ()
    scope_separator: str = " "
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_basic"
    #: Of services of the team's own: the fields that say these two instead.
    client_auth_field: str = ""
    scope_field: str = ""
    pkce: Pkce = Pkce.SUPPORTED
    #: As the provider spells it.
    challenge_method: str = "S256"
    #: Sent beside what RFC 6749 asks for: to the authorization endpoint, with a code, and with a refresh token. Values may
    #: hold names in braces; one whose names have no value is not sent.
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)
    token_parameters: Mapping[str, str | int] = field(default_factory=dict)
    refresh_parameters: Mapping[str, str | int] = field(default_factory=dict)
    #: Where refreshes go, if elsewhere.
    refresh_url: str = ""
    #: The token endpoint wants JSON.
    sends_json: bool = False
    #: RFC 7009, or one request of its own. Both None: a grant can be ended at the provider by hand only.
    revocation_url: str = ""
    revocation: RevocationRequest | None = None
    #: Where a person ends it by hand.
    revocation_help: str = ""
    #: RFC 7662, for tokens of unknown life.
    introspection_url: str = ""
    #: How long an access token lives where the answer does not say. None: unknown, which is not for ever.
    lifetime_s: int | None = None
    #: False: there are no refresh tokens; an access token lives until it is revoked.
    has_refresh_tokens: bool = True
    #: Each refresh token works once.
    rotates: bool = False
    #: How long the token before still works after a rotation.
    grace_s: int = 0
    #: The grant dies if it is not refreshed for so long, or after so long whatever one does.
    idle_days: int | None = None
    hard_days: int | None = None
    issuer: str = ""
    read_answer: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    callback_names: tuple[str, ...] = ()
    read_callback: Callable[[Mapping[str, str], Mapping[str, str], str], Mapping[str, str]] | None = None
    #: Fields of the token answer that addresses need, such as `instance_url`.
    answer_names: tuple[str, ...] = ()
    #: One request after the code was exchanged, for what addresses need and the answer lacks: its JSON object's members.
    details_url: str = ""
    details_names: tuple[str, ...] = ()
    #: Instead of the access token's usual header; `access_token` stands for it.
    details_headers: Mapping[str, str] = field(default_factory=dict)
    read_details: Callable[[Any], Mapping[str, str]] | None = None
    #: Instead of `read_details`, where the configuration says which of several accounts is meant.
    choose_details: Callable[[Any, Mapping[str, str]], Mapping[str, str]] | None = None

    def details_of(self, answer: Any, configuration: Mapping[str, str]) -> dict[str, str]:  # noqa: ANN401 - foreign JSON
        """Return what the answer to `details_url` says, under names of `details_names`. Raises Refused."""
        if self.choose_details is not None:
            found = self.choose_details(answer, configuration)
        elif self.read_details is not None:
            found = self.read_details(answer)
        else:
            found = answer if isinstance(answer, Mapping) else {}
        told = {name: found.get(name) for name in self.details_names}
        if not all(isinstance(value, str) and value for value in told.values()):
            raise Refused(f"The provider did not say {' and '.join(self.details_names)}.")
        return {name: str(value) for name, value in told.items()}


@dataclass(frozen=True, slots=True)
class Sunset:
    """Something the provider will switch off."""

    on: date
    what: str
    #: What to do before that.
    instead: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service of the catalogue."""

    slug: str
    name: str
    type: IntegrationType
    category: Category
    #: One sentence for the card.
    summary: str
    #: What it can do here: one sentence each.
    abilities: tuple[str, ...]
    website: str
    #: The brand's colour, `#rrggbb`; static/img/providers/<slug>.svg is its picture.
    colour: str
    #: Where calls go; empty: nothing can be called.
    base_url: str
    #: Where its GraphQL API is, if it has one.
    graphql_url: str = ""
    auth_methods: tuple[AuthMethod, ...]
    check: Check | None = None
    fields: tuple[Field, ...] = ()
    oauth: OAuth | None = None
    #: Headers that every call needs, such as a version of the API.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Where the team registers its app, and how.
    setup_url: str = ""
    setup_steps: tuple[str, ...] = ()
    sunsets: tuple[Sunset, ...] = ()
    #: When these facts were last compared with the provider's own pages, and which; None: never, or there are none.
    verified_on: date | None
    source_urls: tuple[str, ...]

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Every question, whichever way to authenticate is chosen; a name that two ways share stands once."""
        found = {asked.name: asked for asked in self.fields}
        for method in self.auth_methods:
            for asked in method.fields:
                found.setdefault(asked.name, asked)
        return tuple(found.values())

    @property
    def known_names(self) -> frozenset[str]:
        """The names that addresses may hold."""
        oauth = self.oauth
        said = (*oauth.callback_names, *oauth.answer_names, *oauth.details_names) if oauth else ()
        return frozenset({asked.name for asked in self.all_fields} | set(said))

    def auth_method(self, slug: str) -> AuthMethod:
        """Return a way to authenticate. Raises KeyError."""
        for method in self.auth_methods:
            if method.slug == slug:
                return method
        raise KeyError(slug)

    def base_url_of(self, method: AuthMethod) -> str:
        """Return the template of the address that calls go to with this way to authenticate."""
        return method.base_url or self.base_url

    def takes_paths(self, method: AuthMethod) -> bool:
        """Return whether paths are added to that address; to one that is a secret as a whole nothing is added."""
        fields = (*self.fields, *method.fields)
        whole = {f"{{{asked.name}}}" for asked in fields if asked.form == "url"}
        return self.base_url_of(method) not in whole

    def check_of(self, method: AuthMethod) -> Check | None:
        """Return how an integration that authenticates this way is checked; None: it cannot be."""
        return method.check or self.check
