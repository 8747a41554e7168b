"""Pages of deliveries."""

from flask import Blueprint

deliveries = Blueprint("deliveries", __name__, url_prefix="/t/<team>/deliveries")
