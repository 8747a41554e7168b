"""Finding what integrations can be made from: the catalogue's providers, and what other teams have published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from app.accounts.models import Team
from app.extensions import db
from app.integrations.facts import report_of
from app.integrations.models import Integration
from app.integrations.offers import Offer
from app.integrations.providers import get_provider, providers
from app.integrations.queries.apps import known_apps
from app.integrations.queries.integrations import IntegrationRow
from app.integrations.spec import Category, Provider
from app.lib.errors import NotFound
from app.lib.ids import is_id

#: What teams publish stands under this heading.
PUBLISHED = "published"
_PUBLISHED_MAX = 200
_ROWS_MAX = 20
_WORDS_MAX = 8


@dataclass(frozen=True, slots=True)
class PublishedIntegration:
    """An integration that another team has published."""

    id: str
    team_name: str
    provider: Provider
    offer: Offer
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Users:
    """Who has made integrations from a published one: how many there are, and the names of their teams."""

    integration_count: int
    team_names: Sequence[str]


def find_providers(text: str = "", category: str = "") -> dict[Category, list[Provider]]:
    """Return the providers that have every word of the text in what is said of them, by category."""
    words = _words(text)
    found: dict[Category, list[Provider]] = {}
    for provider in providers().values():
        if category in {"", provider.category.name.lower()} and _holds(words, _said_of(provider)):
            found.setdefault(provider.category, []).append(provider)
    return found


def find_published(team_id: str, text: str = "") -> list[PublishedIntegration]:
    """Return what other teams have published that fits the text, newest first: at most 200."""
    rows = db.session.execute(_published(team_id).order_by(Integration.published_at.desc()))
    words = _words(text)
    found = [_shaped(integration, team_name) for integration, team_name in rows]
    return [
        one
        for one in found
        if _holds(words, f"{one.offer.name} {one.offer.description} {one.team_name} {one.provider.name}")
    ][:_PUBLISHED_MAX]


def get_published(team_id: str, integration_id: str) -> PublishedIntegration:
    """Return one that another team has published. Raises NotFound: also when it was taken back."""
    row = None
    if is_id(integration_id, "int"):
        row = db.session.execute(_published(team_id).where(Integration.id == integration_id)).one_or_none()
    if row is None:
        raise NotFound("No other team publishes such an integration (any more).")
    return _shaped(row[0], row[1])


def users_of(integration_id: str) -> Users:
    """Return who has made integrations from one."""
    copies = Integration.source_id == integration_id
    count = db.session.scalar(select(func.count()).select_from(Integration).where(copies)) or 0
    teams = select(Integration.team_id).where(copies)
    names = db.session.scalars(select(Team.name).where(Team.id.in_(teams)).order_by(Team.name)).all()
    return Users(count, names)


def rows_of_provider(team_id: str, provider_slug: str) -> list[IntegrationRow]:
    """Return the team's integrations with a provider, newest first: at most 20."""
    apps = known_apps(db.session(), team_id)
    query = (
        select(Integration)
        .where(Integration.team_id == team_id, Integration.provider == provider_slug)
        .order_by(Integration.id.desc())
        .limit(_ROWS_MAX)
    )
    provider = get_provider(provider_slug)
    return [IntegrationRow(one, provider, report_of(one, apps)) for one in db.session.scalars(query)]


def _published(team_id: str) -> Select[Integration, str]:
    return (
        select(Integration, Team.name)
        .join(Team, Team.id == Integration.team_id)
        .where(Integration.is_public, Integration.team_id != team_id)
        # What a release before this one knew may be gone.
        .where(Integration.provider.in_(list(providers())))
    )


def _shaped(integration: Integration, team_name: str) -> PublishedIntegration:
    offer = Offer.stored(integration.offer or {})
    published_at = integration.published_at or integration.updated_at
    return PublishedIntegration(
        integration.id, team_name, get_provider(integration.provider), offer, published_at
    )


def _words(text: str) -> list[str]:
    return text.lower().split()[:_WORDS_MAX]


def _holds(words: Sequence[str], text: str) -> bool:
    text = text.lower()
    return all(word in text for word in words)


def _said_of(provider: Provider) -> str:
    parts = (provider.name, provider.slug, provider.summary, provider.category, provider.type)
    return " ".join([*map(str, parts), *provider.abilities])
