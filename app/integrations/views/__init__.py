"""Pages of integrations."""

# Importing them adds their views to the blueprint.
from app.integrations.views import activity, apps, health, integrations  # noqa: F401
from app.integrations.views.blueprint import integrations as integrations_pages

__all__ = ["integrations_pages"]
