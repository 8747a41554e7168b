"""Pages of webhooks and deliveries, and that of an event."""

from app.webhooks.views import events  # noqa: F401 - its view joins the blueprint of events
from app.webhooks.views.deliveries import deliveries
from app.webhooks.views.webhooks import webhooks

__all__ = ["deliveries", "webhooks"]
