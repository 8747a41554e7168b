"""Values for the parameters of the routes of the request log."""

from collections.abc import Mapping

from app.extensions import db
from app.request_log.models import LoggedRequest
from tests.people import People


def add_samples(people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Add a call of team acme; return the parameters that name it."""
    logged = LoggedRequest(team_id=people.acme.id, method="GET", path="/", status=200, duration_ms=1)
    db.session.add(logged)
    db.session.flush()
    return {"request_log_id": logged.id}
