"""Pages of webhooks and deliveries."""

from flask import Blueprint

webhooks = Blueprint("webhooks", __name__, url_prefix="/t/<team>/webhooks")
deliveries = Blueprint("deliveries", __name__, url_prefix="/t/<team>/deliveries")
