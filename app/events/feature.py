"""What events announce: their pages and API, their types, and who may see and emit them."""

from app.events.api import events_api
from app.events.cli import events_cli
from app.events.models import EventType
from app.events.views import event_types, events
from app.web.features import AuditObject, Feature, NavigationEntry, Section, Tab
from app.web.permissions import Permission, PermissionGroup, Role

FEATURE = Feature(
    name="events",
    models=("app.events.models",),
    pages=(events, event_types),
    apis=(events_api,),
    navigation=(
        NavigationEntry(
            section=Section.SENDING,
            label="Events",
            icon="bolt",
            position=30,
            tabs=(
                Tab("Events", "events.index", "events:read"),
                Tab("Event types", "event_types.index", "events:read"),
            ),
        ),
    ),
    permissions=(
        Permission("events:read", "See events and their deliveries", PermissionGroup.EVENTS, Role.VIEWER),
        Permission("events:write", "Emit events and retry deliveries", PermissionGroup.EVENTS, Role.MEMBER),
        Permission(
            "event_types:manage",
            "Add, change and delete the team's own event types",
            PermissionGroup.EVENTS,
            Role.MEMBER,
        ),
    ),
    audit_objects=(
        AuditObject(
            type="event_type",
            endpoint="event_types.show",
            parameter="name",
            key=EventType.id,
            column=EventType.name,
            team_id=EventType.team_id,
        ),
    ),
    commands=(events_cli,),
)
