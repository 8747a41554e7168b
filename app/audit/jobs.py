"""Jobs of the audit trail and the request log."""

from app.audit import services


def trim() -> None:
    """Delete what is older than the operator wants to keep."""
    services.trim()
