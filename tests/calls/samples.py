"""Values for the parameters of the routes of calls."""

from collections.abc import Mapping

from app.calls.graphql.models import Operation, SchemaVersion
from app.calls.rest.models import Endpoint
from app.extensions import db
from tests.people import People

_SDL = "type Query {\n  viewer: String\n}\n"


def add_samples(people: People, known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    of_it = {"team_id": people.acme.id, "integration_id": known["integration_id"]}
    endpoint = Endpoint(
        name="Sample",
        method="GET",
        path="/user",
        query=[],
        headers=[],
        parameters=[],
        pagination={},
        **of_it,
    )
    counts = {"types": 6, "queries": 1, "mutations": 0}
    schema = {"source": "sdl", "sdl": _SDL, "sdl_hash": "0" * 64, "changes": {}, **counts}
    operation = Operation(name="Viewer", kind="query", document="query Viewer { viewer }", **of_it)
    # A version, and a proposal.
    versions = [
        SchemaVersion(number=1, **schema, **of_it),
        SchemaVersion(base_number=1, **schema, **of_it),
    ]
    db.session.add_all([endpoint, operation, *versions])
    db.session.flush()
    return {"endpoint_id": endpoint.id, "operation_id": operation.id, "number": "1"}
