"""`/api/v1/deliveries`."""

from flask_openapi import APIBlueprint

deliveries_api = APIBlueprint("deliveries_api", __name__, url_prefix="/api/v1")
