"""Values for the parameters of the routes of API keys."""

from collections.abc import Mapping

from app.api_keys.services import create_key
from app.web.permissions import FULL
from tests.people import People


def add_samples(people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    # A key that manages keys may replace only keys without scopes that it lacks.
    key = create_key(people.acme.id, "sample", scopes=["keys:manage"], granted_by=frozenset({FULL}))
    return {"key_id": key.id}
