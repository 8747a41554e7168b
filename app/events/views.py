"""Pages of events and event types."""

from flask import Blueprint

events = Blueprint("events", __name__, url_prefix="/t/<team>/events")
event_types = Blueprint("event_types", __name__, url_prefix="/t/<team>/event-types")
