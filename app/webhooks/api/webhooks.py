"""`/api/v1/webhooks`."""

from flask_openapi import APIBlueprint

webhooks_api = APIBlueprint("webhooks_api", __name__, url_prefix="/api/v1")
