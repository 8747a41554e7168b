"""Values for the parameters of the routes of events."""

from collections.abc import Mapping

from app.events.models import Event, EventType
from app.extensions import db
from tests.people import People


def add_samples(people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    body = '{"id":"evt_x","type":"post.published","timestamp":"2026-01-01T00:00:00Z","data":{}}'
    event = Event(team_id=people.acme.id, type="post.published", body=body, request_digest="x")
    own_type = EventType(team_id=people.acme.id, name="sample.made", example={})
    db.session.add_all([event, own_type])
    db.session.flush()
    return {"event_id": event.id, "event_type": own_type.name, "name": own_type.name}
