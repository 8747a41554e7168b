"""Connects the features with the app. `FEATURES` is the one list of them; each announces itself in its `feature.py`."""

from collections.abc import Sequence

from flask_openapi import OpenAPI

from app.accounts.feature import FEATURE as ACCOUNTS
from app.api_keys.feature import FEATURE as API_KEYS
from app.audit.feature import FEATURE as AUDIT
from app.audit.links import provide_links
from app.calls.feature import FEATURE as CALLS
from app.dashboard.feature import FEATURE as DASHBOARD
from app.demo.feature import FEATURE as DEMO
from app.events.feature import FEATURE as EVENTS
from app.extensions import csrf
from app.idempotency.feature import FEATURE as IDEMPOTENCY
from app.integrations.feature import FEATURE as INTEGRATIONS
from app.jobs import table
from app.notifications.feature import FEATURE as NOTIFICATIONS
from app.operations.feature import FEATURE as OPERATIONS
from app.outbox.feature import FEATURE as OUTBOX
from app.request_log.feature import FEATURE as REQUEST_LOG
from app.secrets.feature import FEATURE as SECRETS
from app.setup_templates.feature import FEATURE as SETUP_TEMPLATES
from app.web import mails, permissions
from app.web.access import check_views, init_access
from app.web.bodies import read_json_strictly
from app.web.features import Feature
from app.web.health import health
from app.web.limits import init_limits
from app.web.openapi.views import api_docs, description_api
from app.web.shell import init_shell
from app.webhooks.feature import FEATURE as WEBHOOKS

#: Every feature, from the lowest layer to the highest.
FEATURES: tuple[Feature, ...] = (
    AUDIT,
    REQUEST_LOG,
    IDEMPOTENCY,
    OUTBOX,
    SECRETS,
    EVENTS,
    ACCOUNTS,
    API_KEYS,
    WEBHOOKS,
    INTEGRATIONS,
    CALLS,
    NOTIFICATIONS,
    SETUP_TEMPLATES,
    DASHBOARD,
    OPERATIONS,
    DEMO,
)


def connect(app: OpenAPI, features: Sequence[Feature]) -> None:
    """Connect the features with the app. Raises ValueError for what does not fit together, such as two of one name."""
    for feature in features:
        permissions.declare(feature.permissions)
        table.declare(feature.jobs)
        mails.declare(feature.mails)
    # In this order: the request log sees a request first, so that it records the whole duration.
    for feature in features:
        if feature.connect is not None:
            feature.connect(app)
    init_access(app)
    init_limits(app)
    read_json_strictly(app)
    for feature in features:
        _register(app, feature)
    for blueprint in (api_docs, health):
        app.register_blueprint(blueprint)
    csrf.exempt(description_api)
    app.register_api(description_api)
    init_shell(app, [entry for feature in features for entry in feature.navigation])
    provide_links(app, [one for feature in features for one in feature.audit_objects])
    check_views(app)


def _register(app: OpenAPI, feature: Feature) -> None:
    for blueprint in feature.pages:
        app.register_blueprint(blueprint)
    for api in feature.apis:
        csrf.exempt(api)
        app.register_api(api)
    for group in feature.commands:
        app.cli.add_command(group)
    for subscription in feature.subscriptions:
        subscription.subscribe(app, subscription.callback)
