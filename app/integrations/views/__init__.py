"""Pages of integrations."""

# Importing them adds their views to the blueprint.
from app.integrations.views import (  # noqa: F401
    activity,
    apps,
    catalogue,
    connections,
    health,
    integrations,
    messages,
    publishing,
)
from app.integrations.views.blueprint import integrations as integrations_pages
from app.integrations.views.connections import callbacks as callback_pages

__all__ = ["callback_pages", "integrations_pages"]
