"""Fixtures of the tests of the API as a whole."""

from tests.events.api import api, other_api
from tests.test_access import samples

__all__ = ["api", "other_api", "samples"]
