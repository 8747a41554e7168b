"""Values for the parameters of the routes of templates."""

from collections.abc import Mapping

from tests.people import People


def add_samples(people: People, known: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters: templates are data, so nothing is added."""
    return {"template_slug": "slack-webhook-disabled"}
