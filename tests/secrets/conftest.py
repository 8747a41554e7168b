"""Fixtures of the tests of secrets at rest."""

from tests.events.api import api

__all__ = ["api"]
