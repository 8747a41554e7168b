"""Values for the parameters of the routes of operations."""

from collections.abc import Mapping

from tests.people import People


def add_samples(_people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Return the parameter that names a job; none is waiting under it."""
    return {"job_id": "00000000-0000-4000-8000-000000000000"}
