"""One vocabulary for what may be done: roles grant it to people, scopes grant it to API keys."""

from enum import StrEnum


class Role(StrEnum):
    """What a member is in a team, from most to least powerful."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


#: Every permission and what it allows, in the order in which forms show them.
PERMISSIONS: dict[str, str] = {
    "events:read": "See events and their deliveries",
    "events:write": "Emit events and retry deliveries",
    "event_types:manage": "Add, change and delete the team's own event types",
    "webhooks:read": "See webhooks and their settings",
    "webhooks:manage": "Create, change, pause, test and delete webhooks",
    "keys:manage": "See, create and revoke API keys",
    "members:read": "See who is in the team",
    "members:manage": "Invite and remove members and change their roles",
    "team:manage": "Rename the team and hand it over",
    "admin:full": "Everything",
}

FULL = "admin:full"

#: What an API key can be given; the rest is for people.
SCOPES: tuple[str, ...] = (
    "events:read",
    "events:write",
    "event_types:manage",
    "webhooks:read",
    "webhooks:manage",
    FULL,
)

_READ = frozenset(name for name in PERMISSIONS if name.endswith(":read"))
_WORK = _READ | {"events:write", "event_types:manage", "webhooks:manage"}
_EVERYTHING = frozenset(PERMISSIONS)

ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.VIEWER: _READ,
    Role.MEMBER: _WORK,
    Role.ADMIN: _EVERYTHING - {"team:manage", FULL},
    Role.OWNER: _EVERYTHING,
}


def expand(granted: frozenset[str]) -> frozenset[str]:
    """Return all permissions that `granted` stands for: `admin:full` stands for every one."""
    return _EVERYTHING if FULL in granted else granted
