"""The web server among slow clients."""

from tests.server.fixtures import start_web, token

__all__ = ["start_web", "token"]
