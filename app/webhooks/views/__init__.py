"""Pages of webhooks and deliveries."""

from app.webhooks.views.deliveries import deliveries
from app.webhooks.views.webhooks import webhooks

__all__ = ["deliveries", "webhooks"]
