"""Sets up integrations from the catalogue in one step: as drafts, whose status says what is missing."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.extensions import db
from app.integrations import rules
from app.integrations.models import Integration
from app.integrations.queries.catalogue import get_published
from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings, provider_named


def set_up(
    team_id: str, provider_slug: str, auth_method: str = "", *, created_by_id: str | None = None
) -> str:
    """Create a draft with a provider and return its id; its usual way to authenticate unless another is named.

    Raises Invalid for an unknown one of either, and Conflict when the team has too many integrations.
    """
    provider = provider_named(provider_slug)
    settings = IntegrationSettings(
        name=free_name(db.session(), team_id, provider.name),
        auth_method=auth_method or provider.auth_methods[0].slug,
    )
    return create_integration(team_id, provider.slug, settings, is_draft=True, created_by_id=created_by_id)


def set_up_published(
    team_id: str,
    published_id: str,
    answers: Mapping[str, str] | None = None,
    *,
    created_by_id: str | None = None,
) -> str:
    """Create a draft from what another team has published, with `answers` of one's own, and return its id.

    Raises NotFound when it was taken back, Invalid when it does not fit the catalogue any more, and Conflict.
    """
    found = get_published(team_id, published_id)
    offer = found.offer
    settings = IntegrationSettings(
        name=free_name(db.session(), team_id, offer.name),
        description=offer.description,
        logo=offer.logo,
        auth_method=offer.auth_method,
        answers={**offer.config, **(answers or {})},
        scopes=offer.scopes if found.provider.oauth else None,
        hourly_limit=offer.hourly_limit,
        daily_limit=offer.daily_limit,
    )
    return create_integration(
        team_id,
        found.provider.slug,
        settings,
        source_id=found.id,
        is_draft=True,
        created_by_id=created_by_id,
    )


def free_name(session: Session, team_id: str, wanted: str) -> str:
    """Return the name, or with a number behind it when an integration of the team has it already."""
    taken = set(session.scalars(select(Integration.name).where(Integration.team_id == team_id)))
    numbered = (
        f"{wanted[: rules.NAME_MAX_CHARS - 5]} {number}" for number in range(2, rules.INTEGRATIONS_MAX + 3)
    )
    return next(name for name in (wanted, *numbered) if name not in taken)
