"""Permissions that keys can carry and no feature of Signalbox asks for yet.

Those of *Your product* are for the team's own services: they ask `POST /api/v1/keys/verify` what the key that was
presented to them may do. A feature that begins to use one of the others declares it in its own `feature.py`.
"""

from app.web.permissions import Permission, PermissionGroup, Role

CONNECTIONS = tuple(
    Permission(name, note, PermissionGroup.CONNECTIONS, minimum_role)
    for name, note, minimum_role in (
        ("couriers:read", "See courier accounts and shipments", Role.VIEWER),
        ("couriers:write", "Manage courier accounts and create shipments", Role.ADMIN),
        ("marketplace:read", "See the marketplace and its plugins", Role.VIEWER),
        ("marketplace:write", "Publish plugins and change the marketplace connection", Role.ADMIN),
        ("sync:read", "See sync configurations and their runs", Role.VIEWER),
        ("sync:write", "Change and start syncs", Role.ADMIN),
    )
)

PRODUCT = tuple(
    Permission(name, note, PermissionGroup.PRODUCT, minimum_role)
    for name, note, minimum_role in (
        ("posts:read", "Read posts", Role.VIEWER),
        ("posts:write", "Create, schedule and change posts", Role.MEMBER),
        ("contacts:read", "Read contacts", Role.VIEWER),
        ("contacts:write", "Create and change contacts", Role.MEMBER),
        ("tickets:read", "Read tickets", Role.VIEWER),
        ("tickets:write", "Create and change tickets", Role.MEMBER),
        ("tickets:comment", "Comment on tickets", Role.MEMBER),
        ("tickets:resolve", "Resolve and reopen tickets", Role.MEMBER),
        ("agents:read", "Read agents", Role.VIEWER),
        ("agents:write", "Create and change agents", Role.ADMIN),
        ("reports:read", "Read reports", Role.VIEWER),
        ("reports:write", "Create and change reports", Role.MEMBER),
        ("reports:execute", "Run reports", Role.MEMBER),
        ("reports:export", "Export reports", Role.MEMBER),
        ("reports:schedule", "Schedule reports", Role.MEMBER),
        ("analytics:read", "Read analytics", Role.VIEWER),
    )
)
