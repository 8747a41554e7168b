"""What integrations announce: their tables and pages, and who may see, change and use them."""

from app.config import JobQueue
from app.integrations.api import integrations_api
from app.integrations.cli import integrations_cli
from app.integrations.mails import KINDS
from app.integrations.models import Integration
from app.integrations.views import callback_pages, integrations_pages
from app.jobs.table import Job
from app.web.features import AuditObject, Feature, NavigationEntry, Section, Tab
from app.web.permissions import OPERATE, Permission, PermissionGroup, Role

FEATURE = Feature(
    name="integrations",
    models=("app.integrations.models",),
    pages=(integrations_pages, callback_pages),
    apis=(integrations_api,),
    commands=(integrations_cli,),
    navigation=(
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Integrations",
            icon="plug",
            position=10,
            tabs=(
                Tab("Integrations", "integrations.index", "integrations:read"),
                Tab("Catalogue", "integrations.catalogue", "integrations:read"),
            ),
        ),
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Integrations",
            icon="plug",
            position=15,
            tabs=(
                Tab("Activity", "integrations.activity", "integrations:read"),
                Tab("Health", "integrations.health", "integrations:read"),
            ),
        ),
        # The last tabs, whatever stands between.
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Integrations",
            icon="plug",
            position=19,
            tabs=(
                Tab("Apps", "integrations.apps", "integrations:read"),
                Tab("Installation apps", "integrations.installation_apps", OPERATE),
            ),
        ),
    ),
    jobs=(
        Job(
            name="integrations.refresh",
            path="app.integrations.jobs.refresh_connections",
            queue=JobQueue.DEFAULT,
            every_s=5,
        ),
        Job(
            name="integrations.trim_counts",
            path="app.integrations.jobs.trim_counts",
            queue=JobQueue.SLOW,
            timeout_s=300,
            every_s=3_600,
        ),
    ),
    mails=KINDS,
    permissions=(
        Permission(
            "integrations:read", "See integrations and their state", PermissionGroup.CONNECTIONS, Role.VIEWER
        ),
        Permission(
            "integrations:call",
            "Call services through integrations",
            PermissionGroup.CONNECTIONS,
            Role.MEMBER,
        ),
        Permission(
            "integrations:write",
            "Connect, change and disconnect integrations",
            PermissionGroup.CONNECTIONS,
            Role.ADMIN,
        ),
    ),
    audit_objects=(
        AuditObject(
            type="integration",
            endpoint="integrations.show",
            parameter="integration_id",
            key=Integration.id,
            column=Integration.id,
            team_id=Integration.team_id,
        ),
    ),
)
