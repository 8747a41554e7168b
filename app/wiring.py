"""The one place that knows every feature: blueprints, command groups, subscribers, navigation."""

from flask_openapi import APIBlueprint, OpenAPI

from app.accounts import inviting_keys, lost_rights, members, sessions
from app.accounts.api import accounts_api
from app.accounts.cli import accounts_cli
from app.accounts.views import accounts, teams
from app.api_keys.api import keys_api
from app.api_keys.cli import keys_cli, limits_cli
from app.api_keys.models import ApiKey
from app.api_keys.services import reviews
from app.api_keys.usage.views import usage
from app.api_keys.verification import verifier
from app.api_keys.views import api_keys
from app.audit.api import audit_api
from app.audit.links import ObjectPage, provide_links
from app.audit.requests import init_request_log
from app.audit.views import audit, requests
from app.audit.violations import record_violation
from app.dashboard.api import dashboard_api
from app.dashboard.views import dashboard
from app.demo.cli import demo_cli
from app.events import event_deliveries, fanout
from app.events.api import events_api
from app.events.cli import events_cli
from app.events.models import EventType
from app.events.views import event_types, events
from app.extensions import csrf
from app.idempotency.api import init_idempotency
from app.secrets.cli import secrets_cli
from app.web.access import init_access
from app.web.bodies import read_json_strictly
from app.web.health import health
from app.web.limits import init_limits
from app.web.openapi.views import api_docs, description_api
from app.web.shell import NavItem, NavSection, init_shell
from app.webhooks.api import deliveries_api, webhooks_api
from app.webhooks.models import Delivery, Webhook
from app.webhooks.queries.event_deliveries import deliveries_of_event
from app.webhooks.subscriptions import add_deliveries
from app.webhooks.views import deliveries, webhooks

NAVIGATION = (
    NavSection("", (NavItem("Home", "dashboard.home", "home", "events:read"),)),
    NavSection(
        "Sending",
        (
            NavItem("Webhooks", "webhooks.index", "webhook", "webhooks:read"),
            NavItem("Deliveries", "deliveries.index", "send", "events:read"),
            NavItem("Events", "events.index", "bolt", "events:read"),
            NavItem("Event types", "event_types.index", "tags", "events:read"),
        ),
    ),
    NavSection(
        "Team",
        (
            NavItem("API keys", "api_keys.index", "key", "keys:manage"),
            NavItem("Usage", "usage.index", "gauge", "keys:manage"),
            NavItem("Audit trail", "audit.index", "history", "audit:read"),
            NavItem("Request log", "requests.index", "list-details", "audit:read"),
            NavItem("Members", "teams.members", "users", "members:read"),
            NavItem("Settings", "teams.settings", "settings", "team:manage"),
        ),
    ),
)

PAGES = (
    accounts,
    teams,
    api_keys,
    usage,
    audit,
    requests,
    events,
    event_types,
    webhooks,
    deliveries,
    dashboard,
    api_docs,
    health,
)
APIS: tuple[APIBlueprint, ...] = (
    events_api,
    webhooks_api,
    deliveries_api,
    keys_api,
    accounts_api,
    audit_api,
    dashboard_api,
    description_api,
)
COMMANDS = (accounts_cli, keys_cli, limits_cli, events_cli, secrets_cli, demo_cli)

#: What the audit trail links to, by the type of the object.
OBJECT_PAGES = {
    "webhook": ObjectPage(
        endpoint="webhooks.show",
        parameter="webhook_id",
        key=Webhook.id,
        column=Webhook.id,
        team_id=Webhook.team_id,
        is_there=Webhook.deleted_at.is_(None),
    ),
    "delivery": ObjectPage(
        endpoint="deliveries.show",
        parameter="delivery_id",
        key=Delivery.id,
        column=Delivery.id,
        team_id=Delivery.team_id,
    ),
    "event_type": ObjectPage(
        endpoint="event_types.show",
        parameter="name",
        key=EventType.id,
        column=EventType.name,
        team_id=EventType.team_id,
    ),
    "api_key": ObjectPage(
        endpoint="api_keys.show",
        parameter="key_id",
        key=ApiKey.id,
        column=ApiKey.id,
        team_id=ApiKey.team_id,
    ),
}


def connect(app: OpenAPI) -> None:
    """Connect every feature with the app."""
    # First, so that the time of a call is all of it.
    init_request_log(app)
    sessions.init_sessions(app)
    init_access(app, load_member=members.find_member, load_key=verifier.principal_of_key)
    init_limits(app, tell=record_violation)
    read_json_strictly(app)
    init_idempotency(app)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    for api in APIS:
        csrf.exempt(api)
        app.register_api(api)
    for group in COMMANDS:
        app.cli.add_command(group)
    init_shell(app, nav=NAVIGATION, load_teams=members.teams_of_user)
    provide_links(app, OBJECT_PAGES)
    lost_rights.subscribe(app, reviews.member_lost_rights)
    inviting_keys.provide(app, reviews.may_invite)
    fanout.subscribe(app, add_deliveries)
    event_deliveries.register_loader(app, deliveries_of_event)
