"""Pages of API keys."""

from app.api_keys.views import keys, lifecycle, simulator  # noqa: F401 - they add their routes
from app.api_keys.views.blueprint import api_keys

__all__ = ["api_keys"]
