"""Pages of integrations."""

# Importing them adds their views to the blueprint.
from app.integrations.views import activity, apps, catalogue, connections, health, integrations, publishing  # noqa: F401
from app.integrations.views.blueprint import integrations as integrations_pages
from app.integrations.views.connections import callbacks as callback_pages

__all__ = ["callback_pages", "integrations_pages"]
