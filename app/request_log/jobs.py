"""Jobs of the request log."""

from app.request_log import services


def trim() -> None:
    """Delete the calls that are older than `REQUEST_LOG_DAYS`."""
    services.trim()
