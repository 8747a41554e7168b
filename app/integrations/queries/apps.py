"""Finding the apps that are registered with providers: a team's own, and the installation's (team None)."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.extensions import db
from app.integrations.apps import KnownApps
from app.integrations.models import ProviderApp


def find_app(team_id: str | None, provider_slug: str) -> ProviderApp | None:
    """Return the app of a team, or of the installation, for a provider; None where there is none."""
    query = select(ProviderApp).where(
        ProviderApp.team_id == team_id if team_id is not None else ProviderApp.team_id.is_(None),
        ProviderApp.provider == provider_slug,
    )
    return db.session.scalars(query).one_or_none()


def apps_of(team_id: str | None) -> Sequence[ProviderApp]:
    """Return the apps of a team, or of the installation, by provider."""
    query = select(ProviderApp).where(
        ProviderApp.team_id == team_id if team_id is not None else ProviderApp.team_id.is_(None)
    )
    return db.session.scalars(query.order_by(ProviderApp.provider)).all()


def known_apps(session: Session, team_id: str) -> KnownApps:
    """Return which providers the team can connect through an app."""
    query = select(ProviderApp.provider, ProviderApp.team_id).where(
        or_(ProviderApp.team_id == team_id, ProviderApp.team_id.is_(None))
    )
    found = session.execute(query).all()
    return KnownApps(
        own=frozenset(slug for slug, owner in found if owner is not None),
        installation=frozenset(slug for slug, owner in found if owner is None),
    )
