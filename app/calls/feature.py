"""What calls announce: the definitions of requests, their pages and API, and what depends on an integration."""

from app.calls.rest.api import endpoints_api
from app.calls.rest.models import Endpoint
from app.calls.rest.queries import dependents
from app.calls.rest.views import endpoints
from app.integrations.dependents import subscribe
from app.web.features import AuditObject, Feature, NavigationEntry, Section, Subscription, Tab

FEATURE = Feature(
    name="calls",
    models=("app.calls.rest.models",),
    pages=(endpoints,),
    apis=(endpoints_api,),
    navigation=(
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Calls",
            icon="terminal-2",
            position=30,
            tabs=(Tab("Endpoints", "endpoints.index", "integrations:read"),),
        ),
    ),
    audit_objects=(
        AuditObject(
            type="endpoint",
            endpoint="endpoints.show",
            parameter="endpoint_id",
            key=Endpoint.id,
            column=Endpoint.id,
            team_id=Endpoint.team_id,
        ),
    ),
    subscriptions=(Subscription(subscribe, dependents),),
)
