"""`/api/v1/integrations…`."""

from app.integrations.api import apps, connections, integrations, messages, publishing  # noqa: F401 - they add their routes
from app.integrations.api.blueprint import integrations_api

__all__ = ["integrations_api"]
