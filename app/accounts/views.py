"""Pages of people and teams."""

from flask import Blueprint

accounts = Blueprint("accounts", __name__)
teams = Blueprint("teams", __name__, url_prefix="/t/<team>")
