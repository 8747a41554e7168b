"""Fixtures of the tests of the API as a whole."""

from tests.events.api import api, other_api

__all__ = ["api", "other_api"]
