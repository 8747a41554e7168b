"""Values for the parameters of the routes of integrations."""

from collections.abc import Mapping

from app.extensions import db
from app.integrations.models import Integration, ProviderApp
from app.integrations.offers import Offer
from app.lib import clock
from app.request_log.models import LoggedRequest
from tests.people import People


def add_samples(people: People, known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    team_id = people.acme.id
    integration = Integration(
        team_id=team_id,
        provider="github",
        name="Sample",
        auth_method="token",
        config={},
        scopes=[],
        details={},
    )
    # Of the other team: what acme is offered.
    published = Integration(
        team_id=people.other.id,
        provider="github",
        name="Published",
        description="",
        auth_method="token",
        config={},
        scopes=[],
        details={},
        is_public=True,
        published_at=clock.now(),
    )
    published.offer = Offer.of(published, ()).as_stored()
    app = ProviderApp(team_id=team_id, provider="github", client_id="Iv1.sample")
    db.session.add_all([integration, published, app])
    db.session.flush()
    call = LoggedRequest(
        team_id=team_id,
        direction="out",
        integration_id=integration.id,
        integration_name="Sample",
        purpose="rest",
        method="GET",
        scheme="https",
        host="api.github.com",
        path="/user",
        status=200,
        duration_ms=1,
    )
    db.session.add(call)
    db.session.flush()
    return {
        "integration_id": integration.id,
        "provider_slug": "github",
        "published_id": published.id,
        "call_id": call.id,
    }
