"""The home page of a team."""

from flask import Blueprint

dashboard = Blueprint("dashboard", __name__, url_prefix="/t/<team>")
