"""What integrations announce: their tables, and who may see, change and use them."""

from app.web.features import Feature
from app.web.permissions import Permission, PermissionGroup, Role

FEATURE = Feature(
    name="integrations",
    models=("app.integrations.models",),
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
)
