"""`/api/v1/events` and `/api/v1/event-types`."""

from flask_openapi import APIBlueprint

events_api = APIBlueprint("events_api", __name__, url_prefix="/api/v1")
