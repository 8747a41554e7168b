"""Finds the principal of an API key."""

from app.lib.errors import AuthenticationFailed
from app.web.access import Principal


def principal_of_key(token: str) -> Principal:
    """Return the principal of a presented key. Raises AuthenticationFailed."""
    raise AuthenticationFailed("This API key does not exist.")
