"""A service of the catalogue. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from app.integrations.spec.auth import AuthMethod, Check
from app.integrations.spec.fields import Field
from app.integrations.spec.oauth import OAuth


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
