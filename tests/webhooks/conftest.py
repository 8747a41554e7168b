"""Fixtures of the tests of webhooks."""

from tests.events.api import api, other_api

__all__ = ["api", "other_api"]
