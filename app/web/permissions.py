"""One vocabulary for what may be done: roles grant it to people, scopes grant it to API keys."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a member is in a team, from most to least powerful."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class PermissionGroup:
    """Permissions that forms show together. `permissions` says by name what each allows."""

    title: str
    permissions: dict[str, str]


FULL = "admin:full"

#: Every permission, in the order in which forms show them. Those of *Your product* are for your own services: they
#: ask `POST /api/v1/keys/verify` what the key that was shown to them may do.
GROUPS: tuple[PermissionGroup, ...] = (
    PermissionGroup(
        "Events and webhooks",
        {
            "events:read": "See events and their deliveries",
            "events:write": "Emit events and retry deliveries",
            "event_types:manage": "Add, change and delete the team's own event types",
            "webhooks:read": "See webhooks and their settings",
            "webhooks:manage": "Create, change, pause, test and delete webhooks",
        },
    ),
    PermissionGroup(
        "Connections",
        {
            "integrations:read": "See integrations and their state",
            "integrations:write": "Connect, change and disconnect integrations",
            "couriers:read": "See courier accounts and shipments",
            "couriers:write": "Manage courier accounts and create shipments",
            "marketplace:read": "See the marketplace and its plugins",
            "marketplace:write": "Publish plugins and change the marketplace connection",
            "sync:read": "See sync configurations and their runs",
            "sync:write": "Change and start syncs",
        },
    ),
    PermissionGroup(
        "Your product",
        {
            "posts:read": "Read posts",
            "posts:write": "Create, schedule and change posts",
            "contacts:read": "Read contacts",
            "contacts:write": "Create and change contacts",
            "tickets:read": "Read tickets",
            "tickets:write": "Create and change tickets",
            "tickets:comment": "Comment on tickets",
            "tickets:resolve": "Resolve and reopen tickets",
            "agents:read": "Read agents",
            "agents:write": "Create and change agents",
            "reports:read": "Read reports",
            "reports:write": "Create and change reports",
            "reports:execute": "Run reports",
            "reports:export": "Export reports",
            "reports:schedule": "Schedule reports",
            "analytics:read": "Read analytics",
        },
    ),
    PermissionGroup(
        "Team",
        {
            "keys:manage": "See, create, change and revoke API keys",
            "audit:read": "Read the audit trail and the request log",
            "members:read": "See who is in the team",
            "members:manage": "Invite and remove members and change their roles",
            "team:manage": "Rename the team and hand it over",
            FULL: "Everything",
        },
    ),
)

#: What each permission allows, by name, in the order of the groups.
PERMISSIONS: dict[str, str] = {name: note for group in GROUPS for name, note in group.permissions.items()}

#: What an API key can be given.
SCOPES: tuple[str, ...] = tuple(PERMISSIONS)

_EVERYTHING = frozenset(PERMISSIONS)
_READ = frozenset(name for name in PERMISSIONS if name.endswith(":read")) - {"audit:read"}
#: What changes how the team is connected to the outside, or who may do so, is for admins.
_FOR_ADMINS = frozenset(
    {
        "integrations:write",
        "couriers:write",
        "marketplace:write",
        "sync:write",
        "agents:write",
        "keys:manage",
        "audit:read",
        "members:manage",
    }
)
_FOR_OWNERS = frozenset({"team:manage", FULL})

ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.VIEWER: _READ,
    Role.MEMBER: _EVERYTHING - _FOR_ADMINS - _FOR_OWNERS,
    Role.ADMIN: _EVERYTHING - _FOR_OWNERS,
    Role.OWNER: _EVERYTHING,
}


def expand(granted: frozenset[str]) -> frozenset[str]:
    """Return all permissions that `granted` stands for: `admin:full` stands for every one."""
    return _EVERYTHING if FULL in granted else granted
