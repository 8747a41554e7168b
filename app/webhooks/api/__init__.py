"""`/api/v1/webhooks` and `/api/v1/deliveries`."""

from app.webhooks.api.deliveries import deliveries_api
from app.webhooks.api.webhooks import webhooks_api

__all__ = ["deliveries_api", "webhooks_api"]
