"""Jobs of kept answers."""

from app.idempotency import services


def trim() -> None:
    """Delete the answers that are too old to be repeated."""
    services.trim()
