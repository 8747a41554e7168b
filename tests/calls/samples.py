"""Values for the parameters of the routes of calls."""

from collections.abc import Mapping

from app.calls.rest.models import Endpoint
from app.extensions import db
from tests.people import People


def add_samples(people: People, known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    endpoint = Endpoint(
        team_id=people.acme.id,
        integration_id=known["integration_id"],
        name="Sample",
        method="GET",
        path="/user",
        query=[],
        headers=[],
        parameters=[],
        pagination={},
    )
    db.session.add(endpoint)
    db.session.flush()
    return {"endpoint_id": endpoint.id}
