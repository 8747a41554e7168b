"""Pages of the audit trail and of the request log."""

from app.audit.views.entries import audit
from app.audit.views.requests import requests

__all__ = ["audit", "requests"]
