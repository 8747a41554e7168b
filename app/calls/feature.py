"""What calls announce: the definitions of requests, their pages and API, and what depends on an integration."""

from app.calls.graphql.api import graphql_api
from app.calls.graphql.models import Operation
from app.calls.graphql.queries import describe_dependents
from app.calls.graphql.services.running import MUTATE
from app.calls.graphql.views import graphql_pages
from app.calls.rest.api import endpoints_api
from app.calls.rest.models import Endpoint
from app.calls.rest.queries import dependents
from app.calls.rest.views import endpoints
from app.integrations.dependents import subscribe
from app.web.features import AuditObject, Feature, NavigationEntry, Section, Subscription, Tab
from app.web.permissions import Permission, PermissionGroup, Role

FEATURE = Feature(
    name="calls",
    models=("app.calls.rest.models", "app.calls.graphql.models"),
    pages=(endpoints, graphql_pages),
    apis=(endpoints_api, graphql_api),
    navigation=(
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Calls",
            icon="terminal-2",
            position=30,
            tabs=(
                Tab("Endpoints", "endpoints.index", "integrations:read"),
                Tab("GraphQL", "graphql.index", "integrations:read"),
                Tab("GraphQL schemas", "graphql.schemas", "integrations:read"),
            ),
        ),
    ),
    permissions=(
        Permission(
            MUTATE, "Run GraphQL mutations through integrations", PermissionGroup.CONNECTIONS, Role.MEMBER
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
        AuditObject(
            type="graphql_operation",
            endpoint="graphql.show",
            parameter="operation_id",
            key=Operation.id,
            column=Operation.id,
            team_id=Operation.team_id,
        ),
    ),
    subscriptions=(Subscription(subscribe, dependents), Subscription(subscribe, describe_dependents)),
)
