"""Jobs of idempotency records."""

from app.idempotency import services


def trim() -> None:
    """Delete the records that are too old to be repeated."""
    services.trim()
