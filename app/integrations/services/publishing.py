"""Publishes integrations to the other teams of the installation, and takes them back."""

from collections.abc import Collection

from app.audit.trail import changed
from app.extensions import db
from app.integrations.facts import fields_of
from app.integrations.offers import Offer, shareable_fields
from app.integrations.providers import get_provider
from app.integrations.services.integrations import lock_integration, record_integration
from app.lib import clock
from app.lib.errors import Conflict, Invalid


def publish_integration(
    team_id: str, integration_id: str, shared: Collection[str], *, expected: Offer | None = None
) -> None:
    """Offer an integration as it is now to the other teams; `shared` names the answers that travel with it.

    In place of what was offered before. `expected`: what somebody has confirmed. Raises NotFound, Invalid for answers
    that cannot be shared, and Conflict when the integration was changed since it was confirmed.
    """
    session = db.session()
    integration = lock_integration(session, team_id, integration_id)
    fields = fields_of(get_provider(integration.provider), integration.auth_method)
    possible = [asked.name for asked in shareable_fields(fields, integration)]
    for name in shared:
        if name not in possible:
            known = ", ".join(possible) or "none"
            raise Invalid.field("config", f"{name[:60]!r} cannot be shared. Answers that can: {known}.")
    offer = Offer.of(integration, shared)
    if expected is not None and offer != expected:
        raise Conflict(
            "The integration was changed since this page was opened. Look at what travels now, then publish."
        )
    changes = changed(integration.offer or {}, offer.as_stored())
    integration.is_public, integration.offer = True, offer.as_stored()
    integration.published_at = clock.now()
    record_integration(session, "integration.published", integration, changes=changes)
    session.commit()


def withdraw_integration(team_id: str, integration_id: str) -> None:
    """Stop offering an integration; what other teams have made from it stays as it is. Raises NotFound."""
    session = db.session()
    integration = lock_integration(session, team_id, integration_id)
    if integration.is_public:
        integration.is_public, integration.offer, integration.published_at = False, None, None
        record_integration(session, "integration.withdrawn", integration)
    session.commit()
