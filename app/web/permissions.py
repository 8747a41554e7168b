"""One vocabulary for what may be done: roles grant it to people, scopes grant it to API keys.

Features declare their permissions in their `feature.py`, each with the least powerful role that has it. What is not
declared is forbidden.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Role(StrEnum):
    """What a member is in a team, from most to least powerful."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class PermissionGroup(StrEnum):
    """The headings under which forms show permissions, in their order.

    Those of *Your product* are for the team's own services: they ask `POST /api/v1/keys/verify` what the key that was
    presented to them may do.
    """

    EVENTS = "Events and webhooks"
    CONNECTIONS = "Connections"
    PRODUCT = "Your product"
    TEAM = "Team"


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that may be done. `note` says what it allows, in words that go on after "Needs …:"."""

    name: str
    note: str
    group: PermissionGroup
    #: Members of this role have it, and those of every more powerful one. None: operators of the installation have it,
    #: whatever their role, and nobody can give it to an API key.
    minimum_role: Role | None


#: Stands for every permission in a team.
FULL = "admin:full"
#: What belongs to no team.
OPERATE = "instance:operate"

_BY_POWER = tuple(Role)
#: By name; filled once, when the features are connected.
_declared: dict[str, Permission] = {}


def declare(permissions: Iterable[Permission]) -> None:
    """Add permissions to the vocabulary. Raises ValueError for a name that is declared with another meaning."""
    for permission in permissions:
        if _declared.setdefault(permission.name, permission) != permission:
            raise ValueError(f"two features declare the permission {permission.name}")
    _everything.cache_clear()
    permissions_of.cache_clear()


def is_declared(name: str) -> bool:
    """Return whether a feature declares this permission."""
    return name in _declared


def declared_permissions() -> tuple[Permission, ...]:
    """Return every permission in a team, in the order in which forms show them."""
    groups = tuple(PermissionGroup)
    return tuple(sorted(_in_teams(), key=lambda permission: groups.index(permission.group)))


def permission_groups() -> list[tuple[PermissionGroup, list[Permission]]]:
    """Return the headings of forms with their permissions, in order."""
    permissions = declared_permissions()
    return [
        (group, found)
        for group in PermissionGroup
        if (found := [permission for permission in permissions if permission.group is group])
    ]


def scopes() -> tuple[str, ...]:
    """Return the name of every permission, in the order in which forms show them: what an API key can be given."""
    return tuple(permission.name for permission in declared_permissions())


def note_of(name: str) -> str:
    """Return what a permission allows. Raises KeyError for one that no feature declares."""
    return _declared[name].note


@cache
def permissions_of(role: Role) -> frozenset[str]:
    """Return what members of this role may do."""
    rank = _BY_POWER.index(role)
    return frozenset(
        permission.name
        for permission in _in_teams()
        if permission.minimum_role and rank <= _BY_POWER.index(permission.minimum_role)
    )


def expand(granted: frozenset[str]) -> frozenset[str]:
    """Return all permissions that `granted` stands for: `admin:full` stands for every one."""
    return _everything() if FULL in granted else granted


@cache
def _everything() -> frozenset[str]:
    return frozenset(permission.name for permission in _in_teams())


def is_for_operators(name: str) -> bool:
    """Return whether only operators of the installation have this permission. Raises KeyError for an unknown one."""
    return _declared[name].minimum_role is None


def _in_teams() -> list[Permission]:
    return [permission for permission in _declared.values() if permission.minimum_role is not None]
