"""What webhooks announce: themselves, their deliveries, the jobs that send them, and who may manage them."""

from app.config import JobQueue
from app.events import fanout
from app.jobs.table import NO_TIMEOUT, Job
from app.web.features import AuditObject, Feature, NavigationEntry, Section, Subscription, Tab
from app.web.permissions import Permission, PermissionGroup, Role
from app.webhooks import mails
from app.webhooks.api import deliveries_api, webhooks_api
from app.webhooks.models import Delivery, Webhook
from app.webhooks.subscriptions import add_deliveries
from app.webhooks.views import deliveries, webhooks

FEATURE = Feature(
    name="webhooks",
    models=("app.webhooks.models",),
    pages=(webhooks, deliveries),
    apis=(webhooks_api, deliveries_api),
    navigation=(
        NavigationEntry(
            section=Section.SENDING,
            label="Webhooks",
            icon="webhook",
            position=10,
            tabs=(Tab("Webhooks", "webhooks.index", "webhooks:read"),),
        ),
        NavigationEntry(
            section=Section.SENDING,
            label="Deliveries",
            icon="send",
            position=20,
            tabs=(Tab("Deliveries", "deliveries.index", "events:read"),),
        ),
    ),
    jobs=(
        # A slice ends by itself, and continues for as long as Redis is away: RQ must not interrupt it.
        Job(
            name="webhooks.dispatch",
            path="app.webhooks.jobs.dispatch",
            queue=JobQueue.DISPATCH,
            timeout_s=NO_TIMEOUT,
        ),
        Job(name="webhooks.cancel_leftovers", path="app.webhooks.jobs.cancel_leftovers", every_s=60),
    ),
    mails=mails.KINDS,
    permissions=(
        Permission("webhooks:read", "See webhooks and their settings", PermissionGroup.EVENTS, Role.VIEWER),
        Permission(
            "webhooks:manage",
            "Create, change, pause, test and delete webhooks",
            PermissionGroup.EVENTS,
            Role.MEMBER,
        ),
    ),
    audit_objects=(
        AuditObject(
            type="webhook",
            endpoint="webhooks.show",
            parameter="webhook_id",
            key=Webhook.id,
            column=Webhook.id,
            team_id=Webhook.team_id,
            is_there=Webhook.deleted_at.is_(None),
        ),
        AuditObject(
            type="delivery",
            endpoint="deliveries.show",
            parameter="delivery_id",
            key=Delivery.id,
            column=Delivery.id,
            team_id=Delivery.team_id,
        ),
    ),
    subscriptions=(Subscription(fanout.subscribe, add_deliveries),),
)
