"""Pages of API keys."""

from flask import Blueprint

api_keys = Blueprint("api_keys", __name__, url_prefix="/t/<team>/api-keys")
