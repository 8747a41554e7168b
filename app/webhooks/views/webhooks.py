"""Pages of webhooks."""

from flask import Blueprint

webhooks = Blueprint("webhooks", __name__, url_prefix="/t/<team>/webhooks")
