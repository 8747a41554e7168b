"""`/api/v1/webhooks` and `/api/v1/deliveries`."""

from flask_openapi import APIBlueprint

webhooks_api = APIBlueprint("webhooks_api", __name__, url_prefix="/api/v1")
